"""The list of jobs as its address says it: search, filters, order and page, so that a view can be shared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from retrograph.errors import UsageError
from retrograph.jobs.queries import JobQuery
from retrograph.jobs.state import HELD, JobState

DEFAULT_SORT: Final = "-created_at"
PAGE_SIZE: Final = 50
MOST_TEXT: Final = 200
NO_COLUMNS: Final = "none"

FALLING_FIRST: Final = frozenset(
    {"created_at", "updated_at", "processed", "failed", "skipped", "percent", "rate", "message"}
)
"""What is first sorted from the greatest down: figures and times, and errors, so that those without come last."""

SORTS: Final = (
    *("key", "kind", "state", "percent", "rate", "processed", "failed", "skipped"),
    *("created_at", "updated_at", "created_by", "credentials", "message"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """What a person looks at. `base` is the address: /jobs, or that of one kind."""

    base: str = "/jobs"
    kind: str | None = None
    """The kind chosen in the filter; views of one kind have it by themselves."""
    own_kind: str | None = None
    """The kind that this address is about."""
    search: str = ""
    credentials: str | None = None
    states: Sequence[JobState] = ()
    attention: bool = False
    dry_runs: bool = False
    archived: bool = False
    sort: str = DEFAULT_SORT
    columns: Sequence[str] | None = None
    """Those that were chosen to be shown; `None`: nobody chose."""
    after: str | None = None

    @property
    def only_kind(self) -> str | None:
        return self.own_kind or self.kind

    @property
    def narrowed(self) -> bool:
        """Whether a search or filter leaves something out."""
        return bool(self.search or self.states or self.attention or self.dry_runs or self.kind or self.credentials)

    def query(self) -> JobQuery:
        """The same as the store is asked for it."""
        return JobQuery(
            search=self.search or None,
            states=frozenset(self.states),
            kind=self.only_kind,
            credentials=self.credentials,
            needs_attention=True if self.attention else None,
            dry_run=True if self.dry_runs else None,
            archived=self.archived,
            sort=self.sort,
            after=self.after,
            limit=PAGE_SIZE,
        )

    def address(self) -> str:
        """The address that shows this view."""
        pairs = [("q", self.search)] if self.search else []
        pairs += [("state", state.value) for state in self.states]
        pairs += [("kind", self.kind)] if self.kind else []
        pairs += [("credentials", self.credentials)] if self.credentials else []
        flags = (("attention", self.attention), ("dry", self.dry_runs), ("archived", self.archived))
        pairs += [(name, "1") for name, is_on in flags if is_on]
        pairs += [("sort", self.sort)] if self.sort != DEFAULT_SORT else []
        pairs += [("columns", ",".join(self.columns) or NO_COLUMNS)] if self.columns is not None else []
        pairs += [("after", self.after)] if self.after else []
        return f"{self.base}?{urlencode(pairs)}" if pairs else self.base

    def sorted_by(self, column: str) -> "ListView":
        """The first page sorted by that column: the other way round where it is already."""
        falling = column in FALLING_FIRST
        if self.sort.removeprefix("-") == column:
            falling = not self.sort.startswith("-")
        return replace(self, sort=f"-{column}" if falling else column, after=None)

    def direction(self, column: str) -> str | None:
        """`ascending`, `descending`, or `None` where the list is sorted by something else."""
        if self.sort.removeprefix("-") != column:
            return None
        return "descending" if self.sort.startswith("-") else "ascending"

    def showing(self, *states: JobState, attention: bool = False, dry_runs: bool = False) -> "ListView":
        """The first page of only those; without any, of all."""
        return replace(self, states=states, attention=attention, dry_runs=dry_runs, archived=False, after=None)


def read(given: Mapping[str, Sequence[str]], *, base: str = "/jobs", own_kind: str | None = None) -> ListView:
    """The view that an address asks for; what it has several times counts as often as it can.

    Raises UsageError where it names a state or a column that there is not.
    """
    sort = _last(given, "sort") or DEFAULT_SORT
    if sort.removeprefix("-") not in SORTS:
        raise UsageError(f"jobs cannot be sorted by {sort.removeprefix('-')[:40]!r}")
    return ListView(
        base=base,
        own_kind=own_kind,
        kind=None if own_kind else _last(given, "kind"),
        credentials=_last(given, "credentials"),
        search=(_last(given, "q") or "").strip()[:MOST_TEXT],
        states=tuple(_states(given.get("state", ()))),
        attention=_last(given, "attention") == "1",
        dry_runs=_last(given, "dry") == "1",
        archived=_last(given, "archived") == "1",
        sort=sort,
        columns=columns_of(given),
        after=_last(given, "after"),
    )


def columns_of(given: Mapping[str, Sequence[str]]) -> Sequence[str] | None:
    """The columns that were chosen; whoever reads them knows which there are."""
    words = _last(given, "columns")
    return None if words is None else tuple(word for word in words[:MOST_TEXT].split(",") if word != NO_COLUMNS)


def cleaned(given: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """What was sent, without what no database can hold."""
    return {name: [value.replace("\0", "") for value in values] for name, values in given.items()}


RUNNING: Final = tuple(state for state in JobState if state in HELD)


def _states(words: Sequence[str]) -> Sequence[JobState]:
    found: list[JobState] = []
    for word in (part for text in words for part in text.split(",") if part):
        try:
            found.append(JobState(word))
        except ValueError:
            raise UsageError(f"{word[:40]!r} is no state of a job") from None
    return sorted(set(found), key=list(JobState).index)


def _last(given: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = [value for value in given.get(name, ()) if value]
    return values[-1] if values else None
