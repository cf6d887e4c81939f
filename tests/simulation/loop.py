"""An event loop without a machine: time jumps to the next timer, and nothing else happens by itself.

What is ready runs in the order in which it became ready, as asyncio promises; all that is random lies in how long the
steps of the simulated servers take. Every task belongs to a process of the simulated world, so that a process can be
frozen (its turn comes when it wakes) or die (its turn never comes) between any two of its steps.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from itertools import count
from typing import Any, Final, TypeAlias, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

OWNER: "Final[ContextVar[Owner | None]]" = ContextVar("simulated_owner", default=None)
"""The process on whose behalf the present code runs; `None` is a server, or the world itself."""


class Owner:
    """A process, as far as the loop is concerned."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.frozen = False
        self.parked: deque[_Turn] = deque()
        self.tasks: list[asyncio.Task[Any]] = []


_Turn: TypeAlias = tuple[Owner | None, asyncio.Handle]


BURIAL: Final = 100_000
"""How many handles the end of a world may take."""


class NothingLeft(Exception):
    """The world stands still: nothing is ready and no timer is set."""


class _Future(asyncio.Future[T]):
    """Its hash is its number: sets of futures come in the same order in every run."""

    _numbers = count()

    def __init__(self, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._number = next(_Future._numbers)

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[T]):
    _numbers = count()

    def __init__(self, work: Generator[Any, None, T] | Coroutine[Any, Any, T], **options: Any) -> None:
        self._number = next(_Task._numbers)
        super().__init__(work, **options)

    def __hash__(self) -> int:
        return self._number


class SimulatedLoop(asyncio.BaseEventLoop):
    """See the module. `limit` bounds the handles that run, so that a world that never rests is found out."""

    def __init__(self, limit: int = 2_000_000) -> None:
        self._goes = self._ended = False
        super().__init__()
        self._now = 0.0
        self._turns: deque[_Turn] = deque()
        self._timers: list[tuple[float, int, _Turn]] = []
        self._order = count()
        self._left = limit
        self.complaints: list[dict[str, Any]] = []
        """What asyncio itself complained of, such as an exception that nobody looked at."""

    # --- what asyncio asks of a loop

    def time(self) -> float:
        return self._now

    def is_running(self) -> bool:
        return self._goes

    def is_closed(self) -> bool:
        return self._ended

    def close(self) -> None:
        self._ended = True
        self._turns.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        return False

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._turns.append((_owner(context), handle))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), (_owner(context), timer)))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is passed over when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
        **_: Any,
    ) -> asyncio.Task[T]:
        task = _Task(coro, loop=self, name=None if name is None else str(name), context=context)
        owner = _owner(context)
        if owner is not None:
            owner.tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.complaints.append(context)

    # --- running

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs until `main` is done. Raises NothingLeft, and RuntimeError where the world never rests."""
        asyncio._set_running_loop(self)
        self._goes = True
        try:
            task = self.create_task(main)
            while not task.done():
                self._turn()
            return task.result()
        finally:
            self._goes = False
            asyncio._set_running_loop(None)

    def bury(self, owner: Owner, rounds: int = 50) -> None:
        """Ends the tasks of a dead process after the world has ended, so that nothing of it is left suspended."""
        asyncio._set_running_loop(self)
        try:
            owner.dead = owner.frozen = False
            self._turns.extend(owner.parked)
            owner.parked.clear()
            self._timers.clear()
            self._left = BURIAL
            for _ in range(rounds):
                left = [task for task in owner.tasks if not task.done()]
                if not left:
                    break
                for task in left:
                    task.cancel()
                for _ in range(len(self._turns)):
                    self._run(*self._turns.popleft())
        finally:
            asyncio._set_running_loop(None)

    def thaw(self, owner: Owner) -> None:
        """Lets a frozen process run again: what became ready meanwhile goes first."""
        owner.frozen = False
        self._turns.extend(owner.parked)
        owner.parked.clear()

    def _turn(self) -> None:
        timers = self._timers
        while timers and timers[0][2][1].cancelled():
            heapq.heappop(timers)
        if not self._turns:
            if not timers:
                raise NothingLeft("the world stands still: somebody waits for what never comes")
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            self._turns.append(heapq.heappop(timers)[2])
        for _ in range(len(self._turns)):
            self._run(*self._turns.popleft())

    def _run(self, owner: Owner | None, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        if owner is not None and (owner.frozen or owner.dead):
            owner.parked.append((owner, handle))
            return
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("the world never comes to rest")
        handle._run()


def _owner(context: Context | None) -> Owner | None:
    return OWNER.get() if context is None else context.get(OWNER)
