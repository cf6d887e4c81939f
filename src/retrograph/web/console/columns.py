"""The columns of the list of jobs: which there are, which are shown, and what each is sorted by. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from retrograph.web.console.list_query import ListView

CHOICES: Final[Mapping[str, str]] = {
    "progress": "Progress",
    "pace": "Last 10 min",
    "processed": "Processed",
    "failed": "Failed",
    "skipped": "Skipped",
    "credentials": "Credentials",
    "created": "Created",
    "error": "Last error",
}
"""Those that can be left out, in their order; a job and its state are always shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a column can be sorted by."""

    name: str
    words: str
    address: str
    direction: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A head of the table; some hold two things, one above the other."""

    css: str
    parts: Sequence[Part]

    @property
    def direction(self) -> str | None:
        return next((part.direction for part in self.parts if part.direction), None)


_COLUMNS: Final = (
    ("job", (("Job", "key"), ("Kind", "kind"))),
    ("where", (("State", "state"),)),
    ("progress", (("Progress", "percent"),)),
    ("pace number", (("Last 10 min", "rate"),)),
    ("processed number", (("Processed", "processed"),)),
    ("failed number", (("Failed", "failed"),)),
    ("skipped number", (("Skipped", "skipped"),)),
    ("credentials", (("Credentials", "credentials"),)),
    ("created", (("Created", "created_at"), ("By", "created_by"))),
    ("error", (("Last error", "message"),)),
)
_WORDS: Final[Mapping[str, str]] = {
    "key": "key",
    "kind": "kind",
    "state": "state",
    "percent": "progress",
    "rate": "pace",
    "processed": "processed",
    "failed": "failed",
    "skipped": "skipped",
    "credentials": "credentials",
    "created_at": "creation",
    "updated_at": "last change",
    "created_by": "who created it",
    "message": "last error",
}
ALWAYS: Final = ("job", "where")


def shown(view: ListView) -> frozenset[str]:
    """The columns that are shown: those that were chosen, else those that the address is about."""
    if view.columns is not None:
        return frozenset((*ALWAYS, *(name for name in CHOICES if name in view.columns)))
    names = set(CHOICES)
    if view.only_kind not in (None, "events"):
        names.discard("credentials")  # only files are entered by them
    return frozenset((*ALWAYS, *names))


def choices(view: ListView) -> Sequence[tuple[str, str, bool]]:
    """The menu of columns: name, the address that shows it or leaves it out, and whether it is shown."""
    now = shown(view)
    found = []
    for name, words in CHOICES.items():
        kept = tuple(other for other in CHOICES if (other in now) != (other == name))
        wanted = replace(view, columns=kept)
        found.append((words, (replace(view, columns=None) if usual(wanted) else wanted).address(), name in now))
    return found


def usual(view: ListView) -> bool:
    """Whether what is shown is what is shown where nobody chose."""
    return shown(view) == shown(replace(view, columns=None))


def columns(view: ListView) -> Sequence[Column]:
    """The heads of the table, each a link that sorts by it."""
    now = shown(view)
    return [
        Column(
            css=css,
            parts=[
                Part(
                    name=name,
                    words=_WORDS[sort],
                    address=view.sorted_by(sort).address(),
                    direction=view.direction(sort),
                )
                for name, sort in parts
            ],
        )
        for css, parts in _COLUMNS
        if css.split()[0] in now
    ]


def order_words(view: ListView) -> str:
    """`sorted by creation, descending`, for whoever hears the table."""
    column = view.sort.removeprefix("-")
    return f"sorted by {_WORDS[column]}, {view.direction(column)}"
