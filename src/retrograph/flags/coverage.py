"""Flags made ready to be asked: every id in a flat table, so that a check is a look-up and a million ids are small."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from retrograph.flags.flag import Flag, FlagSet, Segment, percentile


class Members(Protocol):
    """A set of ids."""

    def __contains__(self, user_id: str) -> bool: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom a segment names: any of these."""

    ids: frozenset[str]
    suffixes: tuple[str, ...]
    files: tuple[Members, ...]

    def __contains__(self, user_id: str) -> bool:
        if user_id in self.ids or user_id.endswith(self.suffixes):
            return True
        for file in self.files:  # noqa: SIM110 - a generator would take as long as the look-up
            if user_id in file:
                return True
        return False


class FlagCoverage:
    """One flag, ready: segments without a share are one set, and asked first, because they need no hash of the user."""

    def __init__(self, flag: Flag, named: Mapping[str, Named]) -> None:
        self.flag = flag
        self._named = named
        self._whole = _union([named[one.name] for one in flag.segments if one.rollout == 100 and not one.open_to_all])
        self._shares: Sequence[tuple[int, Named | None]] = tuple(
            (one.rollout, None if one.open_to_all else named[one.name])
            for one in flag.segments
            if 0 < one.rollout < 100 or (one.rollout == 100 and one.open_to_all)
        )

    def covered(self, user_ids: Collection[str]) -> frozenset[str]:
        """Those of the users whom any segment covers."""
        if not self._shares and not self._whole.ids and not self._whole.suffixes and len(self._whole.files) == 1:
            return frozenset(filter(self._whole.files[0].__contains__, user_ids))
        return frozenset(filter(self.covers, user_ids))

    def covers(self, user_id: str) -> bool:
        """Whether any segment covers the user. The id is a cleaned one."""
        if user_id in self._whole:
            return True
        if not self._shares:
            return False
        place = percentile(self.flag.key, user_id)
        for rollout, named in self._shares:  # noqa: SIM110
            if place < rollout and (named is None or user_id in named):
                return True
        return False

    def covering(self, user_id: str) -> tuple[str, ...]:
        """The names of the segments that cover the user: for people who ask why."""
        place = percentile(self.flag.key, user_id)
        return tuple(
            one.name
            for one in self.flag.segments
            if place < one.rollout and (one.open_to_all or user_id in self._named[one.name])
        )


def _union(named: Sequence[Named]) -> Named:
    return Named(
        ids=frozenset().union(*(one.ids for one in named)),
        suffixes=tuple({suffix: None for one in named for suffix in one.suffixes}),
        files=tuple({id(file): file for one in named for file in one.files}.values()),
    )


class Coverage:
    """All flags, ready."""

    def __init__(self, flags: FlagSet, files: Mapping[str, Members]) -> None:
        """`files` holds the ids of every file that a segment or the rule for internal users names."""
        self.flags = flags
        internal = Named(
            ids=frozenset(flags.internal.ids),
            suffixes=flags.internal.suffixes,
            files=() if flags.internal.file is None else (files[flags.internal.file],),
        )
        self._by_key = {
            key: FlagCoverage(flag, {one.name: _named(one, files, internal) for one in flag.segments})
            for key, flag in flags.flags.items()
        }
        self._files = files

    def of(self, key: str) -> FlagCoverage | None:
        """One flag; `None` where there is none of that name."""
        return self._by_key.get(key)

    def count(self, segment: Segment) -> int:
        """How many ids a segment names, the rule for how an id ends apart; ids that two of its lists name count twice.
        A segment that is open to all names nobody."""
        own = len(segment.ids or ()) + (len(self._files[segment.file]) if segment.file is not None else 0)
        if not segment.internal:
            return own
        internal = self.flags.internal
        return own + len(internal.ids) + (len(self._files[internal.file]) if internal.file is not None else 0)


def files_of(flags: FlagSet) -> tuple[str, ...]:
    """Every file that has to be read before the flags can be asked, as the document writes it."""
    named: Iterable[str | None] = (
        *(segment.file for flag in flags.flags.values() for segment in flag.segments),
        flags.internal.file,
    )
    return tuple(dict.fromkeys(file for file in named if file is not None))


def _named(segment: Segment, files: Mapping[str, Members], internal: Named) -> Named:
    own = Named(
        ids=frozenset(segment.ids or ()),
        suffixes=(),
        files=() if segment.file is None else (files[segment.file],),
    )
    return _union([own, internal]) if segment.internal else own
