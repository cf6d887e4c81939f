"""A file of flags that is looked at again and again, also where it could not be read at first."""

from collections.abc import Sequence

import structlog

from retrograph.clock import Clock, to_millis
from retrograph.errors import DependencyDown, RetrographError
from retrograph.flags.coverage import Coverage
from retrograph.flags.flag_file import FlagFile, Problem

_log = structlog.get_logger()


class WatchedFlags:
    """Ask `coverage`; whoever holds it runs `watch` beside."""

    def __init__(self, file: FlagFile, clock: Clock, every_seconds: float) -> None:
        self.file = file
        self.every_seconds = every_seconds
        """How late a change may be seen."""
        self._clock = clock
        self._unread = ""
        self.looked_at: int | None = None
        """When everything was last found as it should be: milliseconds."""
        self.unchanged_since: int | None = None
        """Since when at least the flags are as they are now: milliseconds."""

    @property
    def coverage(self) -> Coverage:
        """The flags as they were last read well. Raises DependencyDown where they never were."""
        if not self.file.opened:
            why = self._unread or "nobody has looked yet"
            raise DependencyDown("flags", f"the flags at {self.file.location} could not be read yet: {why}")
        return self.file.coverage

    @property
    def problems(self) -> Sequence[Problem]:
        """What could not be read at the last look; what was read well before is still in use."""
        if self.file.opened:
            return self.file.problems
        return [Problem(location=self.file.location, message=self._unread or "it was not read yet")]

    async def look(self) -> None:
        """Reads what has changed; what cannot be read is in `problems`."""
        began = to_millis(self._clock.now())
        changed = await self.file.refresh() if self.file.opened else await self._open()
        if changed:
            self.unchanged_since = began
        if not self.problems:
            self.looked_at = to_millis(self._clock.now())

    async def _open(self) -> bool:
        try:
            await self.file.open()
        except RetrographError as error:
            if str(error) != self._unread:
                _log.warning("flags-not-read", location=self.file.location, reason=str(error))
            self._unread = str(error)
            return False
        _log.info("flags-read", location=self.file.location, flags=len(self.file.coverage.flags.flags))
        return True

    async def watch(self) -> None:
        """Looks on the interval, until cancelled."""
        while True:
            await self._clock.sleep(self.every_seconds)
            try:
                await self.look()
            except Exception:
                _log.exception("flags-not-refreshed", location=self.file.location)

    async def ping(self) -> bool:
        """Whether the last look found everything as it should be."""
        return not self.problems
