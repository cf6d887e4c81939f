"""What an operator changes about a segment: ids are added, or its list is replaced; written whole, and logged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from retrograph.blobs.blobs import ChangedMeanwhile, WritableBlobs
from retrograph.errors import NotFound, TooLarge, UsageError
from retrograph.facts import InvalidId, clean_id
from retrograph.flags.document import read_flags
from retrograph.flags.editing import document_with, list_with
from retrograph.flags.flag import Segment
from retrograph.flags.flag_file import MOST_IDS, FlagFile
from retrograph.flags.locations import Locations
from retrograph.ids.compact import SeenIds
from retrograph.ids.id_list import IdList

LARGEST_BYTES: Final = 500_000_000
MOST_ADDED: Final = 100_000
TRIES: Final = 10
"""How often ids are added anew where others change the same file."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What came of it: how many ids are new, how many there are now, and where they were written."""

    added: int
    ids: int
    location: str


class _Counted:
    def __init__(self) -> None:
        self.ids = SeenIds()
        self.blank = 0

    def add(self, user_id: str) -> bool:
        self.ids.add(user_id)
        return len(self.ids) <= MOST_IDS


class FlagChanges:
    """Changes the files behind the flags."""

    def __init__(self, file: FlagFile, locations: Locations, blobs: Callable[[str], WritableBlobs]) -> None:
        self._file = file
        self._locations = locations
        self._blobs = blobs

    async def add(self, flag: str, segment: str, typed: Sequence[str], who: str) -> Changed:
        """Adds ids to a segment: to its list, or else to those that are written in the file of flags. Raises
        UsageError, NotFound, DependencyDown."""
        ids = _cleaned(typed)
        found = self._segment(flag, segment)
        for further in reversed(range(TRIES)):
            try:
                changed = await self._added(flag, found, ids)
                break
            except ChangedMeanwhile:  # another operator was quicker: added to what is there now, nothing is lost
                if not further:
                    raise
        _log.info("flag-ids-added", flag=flag, segment=segment, added=changed.added, who=who, at=changed.location)
        return changed

    async def _added(self, flag: str, segment: Segment, ids: Sequence[str]) -> Changed:
        if segment.file is not None:
            return await self._add_to_list(self._locations.of(segment.file), ids)
        if segment.ids is not None:
            return await self._add_inline(flag, segment, ids)
        raise UsageError(f"segment {segment.name} of {flag} names no ids: there is nothing to add to", field="segment")

    async def replace(self, flag: str, segment: str, content: bytes, who: str) -> Changed:
        """Puts another list in the place of a segment's. Raises UsageError with the line that is wrong."""
        found = self._segment(flag, segment)
        if found.file is None:
            raise UsageError(f"segment {segment} of {flag} has no file: add ids to it instead", field="segment")
        location = self._locations.of(found.file)
        ids = _parsed(content, location)
        if not len(ids):
            raise UsageError(
                "the file holds no ids: it would shut everybody out; change the flag instead", field="file"
            )
        blobs = self._blobs(location)
        await blobs.replace(location, content, await blobs.version(location))
        _log.info("flag-list-replaced", flag=flag, segment=segment, ids=len(ids), who=who, at=location)
        return Changed(added=len(ids), ids=len(ids), location=location)

    async def _add_to_list(self, location: str, ids: Sequence[str]) -> Changed:
        blobs = self._blobs(location)
        version = await blobs.version(location)
        content = await self._content(location)
        known = _parsed(content, location)
        new = [one for one in ids if known.add(one)]
        if new:
            kept = list_with(content, new)
            if len(_parsed(kept, location)) != len(known):
                raise UsageError(f"the ids cannot be added to {location} by a program: replace the file", field="ids")
            await blobs.replace(location, kept, version)
        return Changed(added=len(new), ids=len(known), location=location)

    async def _add_inline(self, flag: str, segment: Segment, ids: Sequence[str]) -> Changed:
        location = self._file.location
        blobs = self._blobs(location)
        version = await blobs.version(location)
        content = await self._content(location)
        known = dict.fromkeys(_written(content, location, flag, segment.name))
        new = [one for one in ids if one not in known]
        if new:
            await blobs.replace(location, document_with(content, location, flag, segment.name, new), version)
        return Changed(added=len(new), ids=len(known) + len(new), location=location)

    async def _content(self, location: str) -> bytes:
        content = bytearray()
        async for block in self._blobs(location).read(location):
            content += block
            if len(content) > LARGEST_BYTES:
                raise TooLarge(f"{location} is larger than {LARGEST_BYTES:,} bytes")
        return bytes(content)

    def _segment(self, flag: str, segment: str) -> Segment:
        found = next((one for one in self._file.flag(flag).flag.segments if one.name == segment), None)
        if found is None:
            raise NotFound(f"flag {flag} has no segment {segment}", field="segment")
        return found


def _written(content: bytes, location: str, flag: str, segment: str) -> Sequence[str]:
    """The ids of a segment as they stand in the file now."""
    found = read_flags(content, location).flags.get(flag)
    return next((one.ids or () for one in found.segments if one.name == segment), ()) if found else ()


def _parsed(content: bytes, name: str) -> SeenIds:
    counted = _Counted()
    parser = IdList(name, counted, MOST_IDS)
    parser.feed(content)
    parser.finish()
    return counted.ids


def _cleaned(typed: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for raw in typed:
        if raw.strip():
            try:
                found[clean_id(raw)] = None
            except InvalidId as error:
                raise UsageError(f"id {raw[:40]!r}: {error}", field="ids") from error
    if not found:
        raise UsageError("type at least one id", field="ids")
    if len(found) > MOST_ADDED:
        raise UsageError(f"more than {MOST_ADDED:,} ids at once: replace the file instead", field="ids")
    return list(found)
