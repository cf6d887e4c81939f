"""What the flags' page shows: each segment with whom it names and how many that are. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from retrograph.flags.coverage import Coverage
from retrograph.flags.flag import FlagSet, Segment
from retrograph.web.console.formatting import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One segment."""

    name: str
    names: str
    """Whom it names, in words."""
    file: str | None
    ids: int
    rollout: int
    covers: str
    changeable: Literal["list", "inline", ""]
    """What of it can be changed from the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagTable:
    """One flag with its segments."""

    key: str
    segments: Sequence[SegmentRow]

    @property
    def changeable(self) -> Sequence[SegmentRow]:
        """Segments that ids can be added to."""
        return [one for one in self.segments if one.changeable]

    @property
    def with_list(self) -> Sequence[SegmentRow]:
        """Segments whose list can be replaced."""
        return [one for one in self.segments if one.changeable == "list"]


def tables(coverage: Coverage) -> Sequence[FlagTable]:
    """Every flag, in the order of the file."""
    return [
        FlagTable(key=flag.key, segments=[_row(one, coverage) for one in flag.segments])
        for flag in coverage.flags.flags.values()
    ]


def _row(segment: Segment, coverage: Coverage) -> SegmentRow:
    ids = coverage.count(segment)
    return SegmentRow(
        name=segment.name,
        names=_names(segment, coverage.flags),
        file=segment.file,
        ids=ids,
        rollout=segment.rollout,
        covers=_covers(segment, ids, coverage.flags),
        changeable="list" if segment.file is not None else "inline" if segment.ids is not None else "",
    )


def _names(segment: Segment, flags: FlagSet) -> str:
    named = ["ids"] if segment.ids is not None else []
    if segment.internal:
        ends = ", ".join(f"*{suffix}" for suffix in flags.internal.suffixes)
        named.append(f"internal users ({ends})" if ends else "internal users")
    if segment.file is not None:
        named.append("a list")
    return ", ".join(named).capitalize() if named else "Everybody"


def _covers(segment: Segment, ids: int, flags: FlagSet) -> str:
    if segment.rollout == 0:
        return "nobody"
    if segment.open_to_all:
        return "everybody" if segment.rollout == 100 else f"{segment.rollout}% of all users"
    more = " and more by their ids' ends" if segment.internal and flags.internal.suffixes else ""
    if segment.rollout == 100:
        return plural(ids, "user") + more
    return f"about {plural(round(ids * segment.rollout / 100), 'user')}{more}"
