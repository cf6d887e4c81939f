"""Keys for S3 out of a role: asked for at AWS's token service, and asked for anew before they expire."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from retrograph.errors import ConfigurationError, DependencyDown, MissingExtra

SESSION: Final = "retrograph"
SESSION_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role to take on, with the keys that may (without them, what the machine has). `endpoint`: of another service
    than Amazon's."""

    arn: str
    external_id: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    region: str | None = None
    endpoint: str | None = None


def fixed_keys(access_key_id: str, secret_access_key: str) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """A provider of keys that never expire."""

    async def provide() -> Mapping[str, Any]:
        return {
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "token": None,
            "expires_at": None,
        }

    return provide


def keys_of(role: Role) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """A provider of the role's keys. It raises ConfigurationError where the role is refused, DependencyDown."""

    async def provide() -> Mapping[str, Any]:
        found = (await assumed(role))["Credentials"]
        return {
            "access_key_id": found["AccessKeyId"],
            "secret_access_key": found["SecretAccessKey"],
            "token": found["SessionToken"] or None,
            "expires_at": found["Expiration"].astimezone(UTC),  # who uses it takes no other kind of UTC than this
        }

    return provide


async def assumed(role: Role) -> Mapping[str, Any]:
    """The token service's answer. Raises ConfigurationError, DependencyDown, MissingExtra."""
    try:
        from aiobotocore.session import get_session
        from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
    except ImportError as error:
        raise MissingExtra("s3", "aws") from error
    wanted: dict[str, Any] = {
        "RoleArn": role.arn,
        "RoleSessionName": SESSION,
        "DurationSeconds": SESSION_SECONDS,
    }
    if role.external_id is not None:
        wanted["ExternalId"] = role.external_id
    client = get_session().create_client(
        "sts",
        region_name=role.region or "us-east-1",
        endpoint_url=role.endpoint,
        aws_access_key_id=role.access_key_id,
        aws_secret_access_key=role.secret_access_key,
    )
    try:
        async with client as opened:
            return dict(await opened.assume_role(**wanted))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "refused")
        raise ConfigurationError(f"the role {role.arn} cannot be taken on: {code}") from error
    except EndpointConnectionError as error:
        raise DependencyDown("sts", f"the token service does not answer for {role.arn}") from error
    except BotoCoreError as error:
        raise ConfigurationError(f"the role {role.arn} cannot be taken on: {str(error)[:200]}") from error
