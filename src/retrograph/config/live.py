"""Settings of the live consumers: clusters, topics, groups."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from retrograph.config.values import SecretFile, secret_of

_GROUP: Final = r"^\S(.{0,198}\S)?$"
_TOPIC: Final = r"^[A-Za-z0-9._-]{1,249}$"


class KafkaSettings(BaseModel):
    """A Kafka cluster and how to enter it. What the group of a topic leaves out is taken from `RETROGRAPH_KAFKA…`,
    unless that group names brokers of its own: then it is a cluster of its own, and nothing is taken from there."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    brokers: str | None = Field(
        default=None, min_length=1, description="Brokers to begin with, as `HOST:PORT,HOST:PORT`. None: no cluster."
    )
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="How brokers are spoken to: with TLS (`SSL`), with a sign-in (`SASL`), or both.",
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="The mechanism of the sign-in. Only used with one of the `SASL` protocols."
    )
    username: str | None = Field(default=None, min_length=1, description="Who signs in.")
    password: SecretStr | None = Field(default=None, description="The password of the sign-in.")
    password_file: SecretFile | None = Field(default=None, description="A file that holds that password.")
    ca_file: Path | None = Field(
        default=None, description="Certificates of authorities that are trusted. None: those of the system."
    )
    certificate_file: Path | None = Field(
        default=None, description="Our certificate, for brokers that ask for one (mutual TLS)."
    )
    key_file: Path | None = Field(default=None, description="The private key of that certificate.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.password and self.password_file:
            raise ValueError("password and password_file are both set: keep one of them")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: set both or neither")
        return self

    @property
    def secret(self) -> SecretStr | None:
        """The password, wherever it is kept."""
        return secret_of(self.password_file) if self.password_file else self.password


class ReceiptEventsSettings(KafkaSettings):
    """The topic of receipts, and its own cluster where it has one."""

    topic: str = Field(
        default="pipeline-v1-processed-receipt-events", pattern=_TOPIC, description="The topic of receipts."
    )
    group: str = Field(
        default="unified-worker-receipts", pattern=_GROUP, description="The consumer group that reads it."
    )


class FactoidsSettings(KafkaSettings):
    """The topic of shop orders, and its own cluster where it has one."""

    topic: str = Field(default="factoid-stream", pattern=_TOPIC, description="The topic of shop orders.")
    group: str = Field(
        default="unified-worker-factoids", pattern=_GROUP, description="The consumer group that reads it."
    )


class IdentityEventsSettings(KafkaSettings):
    """The topic of sign-ups and logins, and its own cluster where it has one."""

    topic: str = Field(default="identity-events", pattern=_TOPIC, description="The topic of sign-ups and logins.")
    group: str = Field(
        default="unified-worker-identity", pattern=_GROUP, description="The consumer group that reads it."
    )


class LiveSettings(BaseModel):
    """How the consumers work."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    batch: int = Field(
        default=500,
        ge=1,
        le=10_000,
        description="Events of a partition that are written together. It is also how far behind counts as caught up.",
    )
    session_seconds: float = Field(
        default=45.0,
        ge=3,
        le=600,
        description="Seconds after which a consumer that died gives up its partitions to the others.",
    )
    enrich: bool = Field(
        default=False,
        description="Whether products that events bring without a category are looked up at the Product and Category "
        "services. An event waits at most 10 s for either, and is written without what they do not say.",
    )
