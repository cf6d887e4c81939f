"""A queue as SQS has them: at least once, in no order, hidden for a while, given up after some receives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random
from typing import Final, TypeVar

from retrograph.errors import DependencyDown
from retrograph.jobs.courier import QUEUE
from retrograph.jobs.job import Depth
from retrograph.queue.queue import Received
from tests.simulation.process import EPOCH_MILLIS, Process, ProcessClock, Witness

T = TypeVar("T")

MOST_RECEIVES: Final = 5


@dataclass(slots=True, eq=False)
class Message:
    """A message. `shown_at`: until then it is hidden."""

    body: str
    shown_at: float = 0.0
    receives: int = 0
    handle: str = ""


class QueueServer:
    """One queue; `dead` is where it gives messages up to. A tenth of what can go wrong in SQS without an error does."""

    def __init__(self, name: str, random: Random, witness: Witness, dead: "QueueServer | None" = None) -> None:
        self.name = name
        self.dead = dead
        self.down = False
        self.messages: list[Message] = []
        self._random = random
        self._witness = witness
        self._numbers = count(1)

    def answer(self) -> None:
        """Raises DependencyDown while it is down."""
        if self.down:
            raise DependencyDown(QUEUE, f"{self.name} does not answer")

    def send(self, bodies: Sequence[str]) -> list[str | None]:
        """Some are not taken, some twice."""
        self.answer()
        answers: list[str | None] = []
        for body in bodies:
            luck = self._random.random()
            if luck < 0.05:
                answers.append("throttled")
                continue
            self.messages += [Message(body) for _ in range(2 if luck < 0.1 else 1)]
            answers.append(None)
        return answers

    def receive(self, most: int, now: float, visibility: float) -> list[Received]:
        """Some are delivered to two at once."""
        self.answer()
        shown = [message for message in self.messages if message.shown_at <= now]
        found = []
        for message in self._random.sample(shown, min(most, len(shown))):
            if self.dead is not None and message.receives >= MOST_RECEIVES:
                self._witness.saw(self.name, "gives a message up")
                self.messages.remove(message)
                self.dead.messages.append(Message(message.body))
                continue
            message.receives += 1
            message.handle = f"{self.name}-{next(self._numbers)}"
            message.shown_at = now + (0.0 if self._random.random() < 0.05 else visibility)
            found.append(Received(body=message.body, handle=message.handle, receives=message.receives))
        return found

    def extend(self, handle: str, now: float, seconds: float) -> bool:
        self.answer()
        for message in self.messages:
            if message.handle == handle and message.shown_at > now:
                message.shown_at = now + seconds
                return True
        return False

    def delete(self, handles: Sequence[str]) -> list[str]:
        """Some stay for now, and some come back although they were deleted."""
        self.answer()
        left = []
        for handle in handles:
            luck = self._random.random()
            if luck < 0.05:
                left.append(handle)
            elif luck > 0.05 + 0.02:
                self.messages = [message for message in self.messages if message.handle != handle]
        return left


class SimulatedQueue:
    """One process's way to it; see `queue.queue.Queue`."""

    def __init__(self, server: QueueServer, process: Process) -> None:
        self._server = server
        self._process = process
        self._clock = ProcessClock(process)

    @property
    def url(self) -> str:
        return f"simulated://{self._server.name}"

    async def send(self, bodies: Sequence[str]) -> Sequence[str | None]:
        return await self._ask("send", lambda: self._server.send(bodies))

    async def receive(self, most: int, *, wait_seconds: int, visibility_seconds: int) -> Sequence[Received]:
        loop = self._process.loop
        until = loop.time() + wait_seconds
        while True:
            found = await self._ask("receive", lambda: self._server.receive(most, loop.time(), visibility_seconds))
            if found or loop.time() >= until:
                return found
            await self._clock.sleep(1.0)

    async def extend(self, handle: str, seconds: int) -> bool:
        loop = self._process.loop
        return await self._ask("extend", lambda: self._server.extend(handle, loop.time(), seconds))

    async def delete(self, handles: Sequence[str]) -> Sequence[str]:
        return await self._ask("delete", lambda: self._server.delete(handles))

    async def depth(self) -> Depth:
        waiting = await self._ask("depth", lambda: len(self._server.messages))
        return Depth(waiting=waiting, in_flight=0, dead=0, at=EPOCH_MILLIS + int(self._process.loop.time() * 1000))

    async def dead_letters(self) -> "SimulatedQueue | None":
        return None if self._server.dead is None else SimulatedQueue(self._server.dead, self._process)

    async def ping(self) -> None:
        await self._ask("ping", self._server.answer)

    async def _ask(self, what: str, work: Callable[[], T]) -> T:
        async def served() -> T:
            return work()

        name = f"{self._server.name}.{what}"
        return await self._process.ask(name, served, partial(DependencyDown, QUEUE), lambda: None)
