"""Settings of event files, and the named credentials by which their buckets are entered."""

import os
import re
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from retrograph.config.values import SecretFile, secret_of
from retrograph.errors import ConfigurationError

_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9+=,.@_/-]+")


class FilesSettings(BaseModel):
    """How backfills of event files behave."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    most_objects: int = Field(
        default=1_000_000,
        ge=1,
        le=100_000_000,
        description="How many objects one job may find. More fail it before anything is read: the prefix was wrong.",
    )
    undecodable_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="The share of an object's events that may be undecodable. Above it the object fails: it is not "
        "what it was taken for.",
    )
    timeout_seconds: float = Field(
        default=30,
        ge=1,
        le=600,
        description="How long one request to a bucket may take. It is for 4 MiB at most; then it is tried again.",
    )
    root: Path | None = Field(
        default=None,
        description="The folder below which a server may read event files that are named over HTTP (`file://…`). "
        "None: it reads none of its own; the command line may read any.",
    )


class CredentialProfile(BaseModel):
    """One way into buckets: a role, a key, or, with neither, what the machine has by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    role_arn: str | None = None
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    access_key_id: str | None = Field(default=None, min_length=1)
    secret_access_key: SecretStr | None = None
    secret_access_key_file: SecretFile | None = None
    secret_access_key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    region: str | None = Field(default=None, min_length=1)
    endpoint: str | None = Field(default=None, pattern=r"^https?://\S+$")

    @field_validator("role_arn")
    @classmethod
    def _of_a_role(cls, arn: str | None) -> str | None:
        if arn is not None and not _ROLE.fullmatch(arn):
            raise ValueError("must be the ARN of a role, such as arn:aws:iam::123456789012:role/reads-events")
        return arn

    @model_validator(mode="after")
    def _whole(self) -> Self:
        secrets = (self.secret_access_key, self.secret_access_key_file, self.secret_access_key_variable)
        given = sum(secret is not None for secret in secrets)
        if given > 1:
            raise ValueError("the secret is given in several ways: keep one of them")
        if bool(given) != (self.access_key_id is not None):
            raise ValueError("access_key_id and its secret belong together")
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id is of a role: role_arn is missing")
        return self

    def secret(self) -> str | None:
        """The key's secret, wherever it is kept. Raises ConfigurationError where it cannot be read."""
        if self.secret_access_key_file is not None:
            try:
                return secret_of(self.secret_access_key_file).get_secret_value()
            except ValueError as error:
                raise ConfigurationError(f"secret_access_key_file {error}") from None
        if self.secret_access_key_variable is not None:
            text = os.environ.get(self.secret_access_key_variable)
            if not text:
                raise ConfigurationError(f"{self.secret_access_key_variable} is not set: it holds a secret access key")
            return text
        return None if self.secret_access_key is None else self.secret_access_key.get_secret_value()
