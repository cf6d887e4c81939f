"""A process of the simulated world: its clocks, its steps towards the servers, and what goes wrong with them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Protocol, TypeVar

from retrograph.clock import MILLIS_PER_DAY
from tests.simulation.loop import OWNER, Owner, SimulatedLoop
from tests.simulation.plan import Actor, Fault

T = TypeVar("T")

EPOCH: Final = datetime(2018, 1, 2, tzinfo=UTC)
EPOCH_MILLIS: Final = 17_533 * MILLIS_PER_DAY
"""When every world begins, by the servers' clocks."""


CUT: Final = "the connection broke"
DEADLOCK: Final = "a deadlock: this transaction was chosen to end it"


class Witness(Protocol):
    """Whoever wants to know what happens."""

    def saw(self, who: str, what: str) -> None: ...


class Script:
    """What is in store for one actor over all its lives: its faults by step, and the pace of its steps."""

    def __init__(self, actor: Actor, faults: list[Fault], schedule: int) -> None:
        self.random = Random(f"{schedule}:{actor.name}")
        self.pace = actor.pace
        self.skew = actor.skew
        self.steps = 0
        self._faults = faults
        self._seen = Counter[str]()

    def next_fault(self, what: str) -> Fault | None:
        """What happens to the step that begins now."""
        self.steps += 1
        for sort in {fault.of for fault in self._faults if fault.of in what}:
            self._seen[sort] += 1
        return next((fault for fault in self._faults if fault.of in what and fault.step == self._seen[fault.of]), None)

    def delay(self) -> float:
        """How long a step takes on its way, in seconds: mostly a moment, sometimes long."""
        kind = self.random.random()
        mean = 0.002 if kind < 0.75 else 0.05 if kind < 0.97 else 2.0
        return self.pace * self.random.expovariate(1 / mean)


class Process(Owner):
    """One life of an actor."""

    def __init__(self, name: str, script: Script, loop: SimulatedLoop, witness: Witness) -> None:
        super().__init__(name)
        self.script = script
        self.loop = loop
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when it has died."""
        self.buried = False
        self.asleep = 0.0
        """How long it is going to be frozen inside its next transaction on the job store."""
        self.at_death: list[Callable[[], None]] = []
        self._witness = witness
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)
        self._server = copy_context()
        self._server.run(OWNER.set, None)

    def die(self) -> None:
        """Like `kill -9`: nothing of it runs any more, and the servers notice in their own time."""
        if self.dead:
            return
        self._witness.saw(self.name, "DIES")
        self.dead = True
        for notice in self.at_death:
            notice()
        if not self.gone.done():
            self.gone.set_result(None)

    def freeze(self, seconds: float) -> None:
        """Like SIGSTOP and SIGCONT."""
        self._witness.saw(self.name, f"IS FROZEN for {seconds:.3f} s")
        self.frozen = True
        self.loop.call_later(seconds, self._wake, context=self._server)

    def _wake(self) -> None:
        if not self.dead and self.frozen:
            self._witness.saw(self.name, "WAKES")
            self.loop.thaw(self)

    def in_server(self, delay: float, work: Callable[[], object]) -> None:
        """Something that happens later, whatever becomes of this process."""
        self.loop.call_later(delay, work, context=self._server)

    async def ask(
        self, what: str, work: Callable[[], Awaitable[T]], broken: Callable[[str], Exception], cut: Callable[[], object]
    ) -> T:
        """One step: a request travels to a server, which does `work`, and answers.

        `broken` makes the error of a connection that is cut, and `cut` is what the server then does about it.
        """
        if self.buried:
            raise asyncio.CancelledError
        fault = self.script.next_fault(what)
        answer: asyncio.Future[T] = self.loop.create_future()
        request = _Request(self, f"{self.script.steps} {what}", work, answer, fault, broken, cut, self._witness)
        if fault is not None:
            self._witness.saw(self.name, f"! {fault.what} {request.what}")
            if fault.what == "crash-before":
                self.die()
                await self.loop.create_future()
            if fault.what == "freeze-inside":
                self.asleep = fault.seconds
                self.freeze(fault.seconds)
            if fault.what == "freeze-before":
                self.freeze(fault.seconds)
                await asyncio.sleep(0)
        self.loop.create_task(request.served(), context=self._server)
        return await answer


class _Request:
    """A request on its way: it goes on without the process that sent it."""

    def __init__(
        self,
        process: Process,
        what: str,
        work: Callable[[], Awaitable[T]],
        answer: "asyncio.Future[T]",
        fault: Fault | None,
        broken: Callable[[str], Exception],
        cut: Callable[[], object],
        witness: Witness,
    ) -> None:
        self._process = process
        self.what = what
        self._work = work
        self._answer: asyncio.Future[T] = answer
        self._trouble = fault.what if fault is not None else None
        self._seconds = fault.seconds if fault is not None else 0.0
        self._broken = broken
        self._cut = cut
        self._witness = witness

    async def served(self) -> None:
        await asyncio.sleep(self._process.script.delay() + (self._seconds if self._trouble == "slow" else 0.0))
        if self._trouble in ("cut-before", "deadlock"):
            self._fail(CUT if self._trouble == "cut-before" else DEADLOCK)
            self._cut()
            return
        if self._trouble == "cut-late":
            self._fail(CUT)
            await asyncio.sleep(self._seconds)
        await self._do()
        if self._trouble in ("cut-after", "cut-late"):
            self._cut()

    async def _do(self) -> None:
        try:
            result = await self._work()
        except Exception as error:
            self._witness.saw(self._process.name, f"{self.what} -> {error}")
            self._arrive()
            if not self._answer.done():
                self._answer.set_exception(error)
            return
        self._witness.saw(self._process.name, self.what)
        self._arrive()
        if self._trouble == "cut-after":
            self._fail(CUT)
        elif not self._answer.done():
            self._answer.set_result(result)

    def _arrive(self) -> None:
        if self._trouble == "crash-after":
            self._process.die()
        elif self._trouble == "freeze-after":
            self._process.freeze(self._seconds)

    def _fail(self, message: str) -> None:
        if not self._answer.done():
            self._answer.set_exception(self._broken(message))


class ProcessClock:
    """A process's clocks: the wall clock may be wrong, the other one never is."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._process.loop.time() + self._process.script.skew)

    def monotonic(self) -> float:
        return self._process.loop.time()

    async def sleep(self, seconds: float) -> None:
        if self._process.buried:
            raise asyncio.CancelledError
        await asyncio.sleep(max(0.0, seconds))
