"""Why a run ends before its work does, and how long items under way may still take. The first reason wins."""

import asyncio

from retrograph.clock import Clock
from retrograph.jobs.state import JobState, PauseReason
from retrograph.jobs.store import Asked, Ending

_GRACE_SECONDS = {
    JobState.STOPPED: 30.0,
    JobState.CANCELED: 30.0,
    JobState.FAILED: 5.0,
    PauseReason.MAX_RUNTIME: 30.0,
    PauseReason.CONSECUTIVE_FAILURES: 30.0,
    PauseReason.DEPENDENCY_DOWN: 5.0,
    PauseReason.SHUTDOWN: 10.0,
}
"""Items that take longer are abandoned uncounted, and done again: loads are safe to repeat."""


class Halt:
    """A request to end the run, which every part of it looks at."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.ending: Ending | None = None
        self.lost: str | None = None
        """The lease is lost: nothing may be written any more, not even an ending."""
        self.dependency: str | None = None

    @property
    def asked(self) -> bool:
        """Whether no further item may begin."""
        return self._asked.is_set()

    @property
    def grace_seconds(self) -> float:
        """How long items under way may still take."""
        if self.lost is not None or self.ending is None:
            return 0.0
        if self.ending.state is JobState.PAUSED:
            return _GRACE_SECONDS[PauseReason(self.ending.reason or "")]
        return _GRACE_SECONDS[self.ending.state]

    async def wait(self) -> None:
        """Until somebody asks."""
        await self._asked.wait()

    def end(self, ending: Ending) -> None:
        """Ends the run that way, unless it ends already."""
        if self.ending is None:
            self.ending = ending
        self._asked.set()

    def succeed(self) -> None:
        """Everything is done: whatever was asked in the last moment has nothing left to end."""
        self.ending = Ending(state=JobState.SUCCEEDED)
        self._asked.set()

    def pause(self, reason: PauseReason, message: str | None = None) -> None:
        """Pauses the job."""
        self.end(Ending(state=JobState.PAUSED, reason=reason.value, message=message))

    def dependency_down(self, dependency: str, message: str) -> None:
        """Pauses the job until that server answers again."""
        if self.ending is None:
            self.dependency = dependency
        self.pause(PauseReason.DEPENDENCY_DOWN, message)

    def fail(self, message: str) -> None:
        """The job cannot go on."""
        self.end(Ending(state=JobState.FAILED, message=message))

    def operator(self, asked: Asked | None) -> None:
        """What a renewal or a checkpoint brought."""
        if asked is not None:
            self.end(Ending(state=JobState.STOPPED if asked == "stop" else JobState.CANCELED))

    def lose(self, message: str) -> None:
        """The lease is lost."""
        self.lost = self.lost or message
        self._asked.set()


async def drain(task: "asyncio.Task[object]", halt: Halt, clock: Clock) -> None:
    """Waits for a task; after a halt only for the grace it allows, then cancels it. Raises what the task raised."""
    waiting = asyncio.ensure_future(halt.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await _grace(task, halt, clock)
    finally:
        waiting.cancel()
        if not task.done():
            task.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
    if not task.cancelled():
        task.result()


async def _grace(task: "asyncio.Task[object]", halt: Halt, clock: Clock) -> None:
    """Returns when the task is done or its grace is over; a lease that is lost meanwhile ends the grace."""
    ends = clock.monotonic() + halt.grace_seconds
    while not task.done() and halt.lost is None and (left := ends - clock.monotonic()) > 0:
        timer = asyncio.ensure_future(clock.sleep(min(left, 0.25)))
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        await asyncio.gather(timer, return_exceptions=True)
