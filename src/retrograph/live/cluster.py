"""Where a topic lives and how to enter: values, without a vendor's words."""

from dataclasses import dataclass
from typing import Final, Literal

Form = Literal["receipts", "factoids", "identity"]
FORMS: Final[tuple[Form, ...]] = ("receipts", "factoids", "identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One Kafka cluster. What is `None` is left to its defaults. A secret never shows."""

    brokers: str
    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    def __repr__(self) -> str:
        return f"Cluster({self.brokers})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic, the group that reads it, and the form of its events."""

    form: Form
    name: str
    group: str
    cluster: Cluster
