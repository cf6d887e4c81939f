"""The users that a flag covers by name, one after the other: what a backfill is given."""

from collections.abc import AsyncIterator, Callable, Iterable

from retrograph.blobs.blobs import Blobs
from retrograph.flags.coverage import FlagCoverage
from retrograph.flags.flag import FlagSet, Segment
from retrograph.flags.locations import Locations
from retrograph.ids.compact import SeenIds
from retrograph.ids.id_list import IdList

_NO_LIMIT = 2**62


class _Block:
    """Takes what one block of a list holds."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.blank = 0

    def add(self, user_id: str) -> bool:
        """Always takes it."""
        self.ids.append(user_id)
        return True

    def taken(self) -> list[str]:
        """What came since the last time."""
        ids, self.ids = self.ids, []
        return ids


async def covered_users(
    flag: FlagCoverage, flags: FlagSet, locations: Locations, blobs: Callable[[str], Blobs], extra: Iterable[str] = ()
) -> AsyncIterator[str]:
    """Every id that a segment names and the flag covers, then the extra ones; each once, in the order they are
    written. Whom only a share of all users or the end of an id covers cannot be listed."""
    seen = SeenIds()
    for segment in flag.flag.segments:
        async for user_id in _named(segment, flags, locations, blobs):
            if flag.covers(user_id) and seen.add(user_id):
                yield user_id
    for user_id in extra:
        if seen.add(user_id):
            yield user_id


def unlisted(flag: FlagCoverage, flags: FlagSet) -> list[str]:
    """What of a flag cannot be listed, a sentence each."""
    told = [
        f"segment {segment.name!r} covers {segment.rollout}% of all users and names none of them"
        for segment in flag.flag.segments
        if segment.open_to_all and segment.rollout
    ]
    if flags.internal.suffixes and any(segment.internal for segment in flag.flag.segments):
        told.append(f"internal users whose id ends with {' or '.join(flags.internal.suffixes)} are named by no list")
    return told


async def _named(
    segment: Segment, flags: FlagSet, locations: Locations, blobs: Callable[[str], Blobs]
) -> AsyncIterator[str]:
    for user_id in segment.ids or ():
        yield user_id
    files = [segment.file]
    if segment.internal:
        for user_id in flags.internal.ids:
            yield user_id
        files.append(flags.internal.file)
    for file in files:
        if file is not None:
            async for user_id in _in_file(locations.of(file), blobs):
                yield user_id


async def _in_file(location: str, blobs: Callable[[str], Blobs]) -> AsyncIterator[str]:
    taker = _Block()
    parser = IdList(location, taker, _NO_LIMIT)
    async for block in blobs(location).read(location):
        parser.feed(block)
        for user_id in taker.taken():
            yield user_id
    parser.finish()
    for user_id in taker.taken():
        yield user_id
