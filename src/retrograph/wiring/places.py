"""From an address and a named profile to a place of objects: the one place that knows folders from buckets."""

from collections.abc import Mapping
from dataclasses import replace

from retrograph.blobs.bucket import Access, Bucket
from retrograph.blobs.folder import Folder
from retrograph.blobs.place import Place
from retrograph.blobs.roles import Role, assumed, fixed_keys, keys_of
from retrograph.config.files import CredentialProfile
from retrograph.errors import ConfigurationError, UsageError


def place_of(uri: str, profile: CredentialProfile | None, *, timeout_seconds: float = 30.0) -> Place:
    """`timeout_seconds`: how long one request may take. Raises UsageError where the address is of no kind that is
    known, MissingExtra."""
    if uri.startswith("s3://"):
        return Bucket(uri, replace(_access(profile), timeout_seconds=timeout_seconds))
    if not uri.startswith("file://"):
        raise UsageError(f"{uri[:100]} is no address of event files: s3://bucket/prefix or file:///folder", field="uri")
    if profile is not None:
        raise UsageError("files of this machine take no credentials", field="credentials")
    return Folder(uri)


def profile_of(profiles: Mapping[str, CredentialProfile], name: str | None) -> CredentialProfile | None:
    """The profile of that name. Raises UsageError where there is none."""
    if name is None:
        return None
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise UsageError(
            f"there are no credentials called {name[:100]!r}; configured are: {known}", field="credentials"
        )
    return profiles[name]


async def check_role(profile: CredentialProfile | None) -> None:
    """Takes the profile's role on once, where it has one: what is wrong with it is told in its own words."""
    if profile is not None and profile.role_arn is not None:
        await assumed(_role(profile, profile.role_arn))


def _access(profile: CredentialProfile | None) -> Access:
    if profile is None:
        return Access()
    provider = None
    secret = profile.secret()
    if profile.role_arn is not None:
        provider = keys_of(_role(profile, profile.role_arn))
    elif profile.access_key_id is not None and secret is not None:
        provider = fixed_keys(profile.access_key_id, secret)
    return Access(provider=provider, region=profile.region, endpoint=profile.endpoint)


def _role(profile: CredentialProfile, arn: str) -> Role:
    if profile.endpoint is not None:
        raise ConfigurationError("a profile with an endpoint of its own takes keys: roles are Amazon's")
    return Role(
        arn=arn,
        external_id=profile.external_id,
        access_key_id=profile.access_key_id,
        secret_access_key=profile.secret(),
        region=profile.region,
    )
