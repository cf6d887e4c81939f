"""The kinds of jobs that the console starts, each as its form presents it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from retrograph.errors import NotFound
from retrograph.jobs.definitions import SERVICE_RATE, Definition
from retrograph.jobs.wording import noun
from retrograph.wiring.file_fields import FILE_FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class StartKind:
    """A kind of job as its form presents it."""

    name: str
    title: str
    text: str
    takes_users: bool = False
    """Whether one says which users."""
    walks_table: bool = False
    """Whether it walks a table that the configuration names."""
    own: Mapping[str, Definition] = field(default_factory=dict)
    """What else one says about where its items come from."""
    own_first: Sequence[str] = ()
    """Those of them that most starts decide about."""
    wide: Sequence[str] = ()
    """Fields that take a whole line."""
    rate_limit: float | None = None
    first: Sequence[str]
    """The parameters that most starts decide about."""
    key_default: str

    @property
    def items(self) -> str:
        """What it walks over, in the plural."""
        return noun(self.name)

    def said(self, text: str) -> str:
        """A text of the definitions, which speak of users, about the items of this kind."""
        return text.replace("users", self.items).replace("Users", self.items.capitalize())


KINDS: Final[Mapping[str, StartKind]] = {
    "purchases": StartKind(
        name="purchases",
        title="Purchases",
        text="Loads the purchase history of users from the history services into the graph.",
        takes_users=True,
        rate_limit=SERVICE_RATE,
        first=("rate_limit", "lookback_days", "as_of"),
        key_default="made of the users and the window",
    ),
    "identity": StartKind(
        name="identity",
        title="Identity graph",
        text="Walks the users table and joins every user and its identifiers into the identity graph.",
        walks_table=True,
        first=("rate_limit", "concurrency"),
        key_default="identity",
    ),
    "events": StartKind(
        name="events",
        title="Event files",
        text="Reads files of old events from a bucket or a folder into the graph. What is there already stays the "
        "same, whatever is read twice.",
        own=FILE_FIELDS,
        own_first=("uri", "pattern", "events", "credentials"),
        wide=("uri", "credentials", "mapping"),
        first=("rate_limit", "concurrency"),
        key_default="made of what is chosen above",
    ),
}


def kind_of(name: str) -> StartKind:
    """Raises NotFound."""
    if name not in KINDS:
        raise NotFound(f"there is no kind of job called {name[:40]!r}")
    return KINDS[name]
