"""How far an object of events is read, and what was found in it: counts that are absolute."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from retrograph.events.files.payload import Payload
from retrograph.jobs.objects import Reached
from retrograph.loading.events import NOT_ADMITTED, WRITTEN, Written

KEPT_MISTAKES: Final = 100
_COUNTED: Final = ("offset", "line", "events", "skipped", "gated", "undecodable")


@dataclass(slots=True, eq=False)
class FileProgress:
    """An object while it is read: what the ledger will hear. The names are those of `Reached`."""

    saved_at: float
    offset: int = 0
    line: int = 0
    read: int = 0
    events: int = 0
    skipped: int = 0
    gated: int = 0
    undecodable: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    mistakes: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def of(cls, start: Reached, now: float) -> Self:
        """What an earlier reading came to. Whatever cannot be entered in the middle is read from its beginning."""
        counted = {name: getattr(start, name) for name in _COUNTED}
        refused, mistakes = Counter(start.refused), list(start.mistakes)
        return cls(saved_at=now, read=start.offset, refused=refused, mistakes=mistakes, **counted)

    @property
    def all_events(self) -> int:
        """Whatever became of them."""
        return self.events + self.skipped + self.gated + self.undecodable

    def reached(self) -> Reached:
        """As the ledger keeps it."""
        counted = {name: getattr(self, name) for name in _COUNTED}
        return Reached(read=self.read, refused=dict(self.refused), mistakes=tuple(self.mistakes), **counted)

    def add(self, some: Sequence[Payload], written: Written, *, at_byte: bool) -> None:
        """These events are dealt with. `at_byte`: a later reading may begin at the byte after the last of them."""
        gated, ingested = written.counts[NOT_ADMITTED], written.counts[WRITTEN]
        self.refused.update(written.left_out)
        for refused in written.refused[: KEPT_MISTAKES - len(self.mistakes)]:
            self.mistakes.append((some[refused.place].line, str(refused.error)[:300]))
        self.offset = some[-1].end if at_byte else 0
        self.line = some[-1].line
        self.events += ingested
        self.gated += gated
        self.skipped += written.counts.total() - ingested - gated
        self.undecodable += len(written.refused)
