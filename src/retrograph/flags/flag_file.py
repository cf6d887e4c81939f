"""The flags of a file, read again when it or a list that it names has changed.

What cannot be read again leaves the last good state in place and is told: a gate must not close, nor open for
everybody, because a file was being written or a bucket did not answer for a moment.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from retrograph.blobs.blobs import Blobs
from retrograph.errors import ConfigurationError, NotFound, RetrographError
from retrograph.flags.coverage import Coverage, FlagCoverage, files_of
from retrograph.flags.document import read_flags
from retrograph.flags.flag import FlagSet, narrowed
from retrograph.flags.locations import Locations
from retrograph.ids.compact import SeenIds
from retrograph.ids.id_list import IdList

LARGEST_DOCUMENT_BYTES: Final = 10_000_000
MOST_IDS: Final = 20_000_000
"""Of one list: 16 bytes a slot, at most half full, makes that a gigabyte at the worst."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that could not be read again: the last good state of it is still in use."""

    location: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read, and the version of the file that it was."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document(_Read):
    flags: FlagSet


@dataclass(frozen=True, slots=True, kw_only=True)
class _List(_Read):
    ids: SeenIds


class _OnlySeen:
    """Takes a list's ids as nothing but a set."""

    def __init__(self, ids: SeenIds) -> None:
        self._ids = ids
        self.blank = 0

    def add(self, user_id: str) -> bool:
        """`False` where the set is as large as it may become."""
        self._ids.add(user_id)
        return len(self._ids) <= MOST_IDS


class FlagFile:
    """Ask `coverage`; call `refresh` as often as a change may take to be seen."""

    def __init__(
        self, location: str, locations: Locations, blobs: Callable[[str], Blobs], *, only: str | None = None
    ) -> None:
        """`only`: nobody will ask for another flag, so no other one's lists are read."""
        self.location = location
        self._only = only
        self._locations = locations
        self._blobs = blobs
        self._document: _Document | None = None
        self._lists: dict[str, _List] = {}
        self._coverage: Coverage | None = None
        self._turn = asyncio.Lock()
        self.problems: Sequence[Problem] = ()

    async def open(self) -> None:
        """Reads everything for the first time; there is no last good state yet, so whatever is wrong is raised."""
        async with self._turn:
            self._document = await self._read_document()
            for file in files_of(self._document.flags):
                self._lists[file] = await self._read_list(file)
            self._compile()

    @property
    def opened(self) -> bool:
        """Whether it could be read for the first time."""
        return self._coverage is not None

    @property
    def coverage(self) -> Coverage:
        """The flags as they were last read well."""
        assert self._coverage is not None, "open() has not been called"
        return self._coverage

    def flag(self, key: str) -> FlagCoverage:
        """One flag. Raises NotFound, which names those that there are."""
        found = self.coverage.of(key)
        if found is None:
            known = ", ".join(sorted(self.coverage.flags.flags)) or "none"
            raise NotFound(f"{self.location} has no flag {key} (it has: {known})")
        return found

    async def refresh(self) -> bool:
        """Reads again what has changed; whether anything had. What cannot be read is in `problems`, and stays."""
        async with self._turn:
            problems: list[Problem] = []
            changed = await self._refresh_document(problems)
            changed |= await self._refresh_lists(problems)
            self._tell(problems)
            if changed:
                self._compile()
            return changed

    async def _refresh_document(self, problems: list[Problem]) -> bool:
        assert self._document is not None
        try:
            if await self._blobs(self.location).version(self.location) == self._document.version:
                return False
            document = await self._read_document()
            # A list that is named for the first time has no last good state: without it nothing of this is believed.
            lists = {file: await self._read_list(file) for file in files_of(document.flags) if file not in self._lists}
        except RetrographError as error:
            problems.append(Problem(location=self.location, message=str(error)))
            return False
        self._document = document
        self._lists = {file: (self._lists | lists)[file] for file in files_of(document.flags)}
        return True

    async def _refresh_lists(self, problems: list[Problem]) -> bool:
        changed = False
        for file, known in tuple(self._lists.items()):
            location = self._locations.of(file)
            try:
                if await self._blobs(location).version(location) == known.version:
                    continue
                read = await self._read_list(file)
                if len(known.ids) and not len(read.ids):
                    # Most likely cut to nothing before it is written anew; who means it takes it out of the flag.
                    raise ConfigurationError(f"{location} holds no ids any more: it would shut everybody out")
                self._lists[file] = read
                changed = True
            except RetrographError as error:
                problems.append(Problem(location=location, message=str(error)))
        return changed

    async def _read_document(self) -> _Document:
        blobs = self._blobs(self.location)
        # The version is taken before the content: a change in between is read twice, never missed.
        version = await blobs.version(self.location)
        content = bytearray()
        async for block in blobs.read(self.location):
            content += block
            if len(content) > LARGEST_DOCUMENT_BYTES:
                raise ConfigurationError(f"{self.location} is larger than {LARGEST_DOCUMENT_BYTES:,} bytes")
        flags = read_flags(bytes(content), self.location)
        return _Document(version=version, flags=flags if self._only is None else narrowed(flags, self._only))

    async def _read_list(self, file: str) -> _List:
        location = self._locations.of(file)
        blobs = self._blobs(location)
        version = await blobs.version(location)
        ids = SeenIds()
        parser = IdList(location, _OnlySeen(ids), MOST_IDS)
        async for block in blobs.read(location):
            await asyncio.to_thread(parser.feed, block)
        await asyncio.to_thread(parser.finish)
        return _List(version=version, ids=ids)

    def _compile(self) -> None:
        assert self._document is not None
        self._coverage = Coverage(self._document.flags, {file: read.ids for file, read in self._lists.items()})

    def _tell(self, problems: list[Problem]) -> None:
        known = {(problem.location, problem.message) for problem in self.problems}
        for problem in problems:
            if (problem.location, problem.message) not in known:
                _log.warning("flags-not-refreshed", location=problem.location, reason=problem.message)
        self.problems = tuple(problems)
