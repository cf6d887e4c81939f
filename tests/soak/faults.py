"""What a fault is, and those of the processes. A fault begins, lasts for a while (or no time at all), and ends."""

import random
from abc import ABC, abstractmethod
from typing import ClassVar

from tests.integration.story import until
from tests.soak.actors import Actor
from tests.soak.company import Company
from tests.soak.play import Round
from tests.torture.verdict import often

BURST = 200
HOLD_SECONDS = 10.0


class Fault(ABC):
    """One kind of fault on one stage."""

    name: ClassVar[str]
    title: ClassVar[str]
    holds: ClassVar[frozenset[str]]
    """What it disturbs; two faults that hold the same are never there together."""
    most: ClassVar[int] = 6
    """How often it is injected alone."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.stage = company.stage
        self.times = 0

    @abstractmethod
    def begin(self, play: Round, chance: random.Random) -> float:
        """Injects it, and answers for how many seconds it lasts."""

    def end(self) -> None:  # noqa: B027
        """Takes it away; nothing is to be done where it lasts for no time."""

    @property
    @abstractmethod
    def injected(self) -> str:
        """What was done, and how often, in words."""

    def commit_is_held(self, play: Round, chance: random.Random) -> bool:
        """Events come again, and the answer to a commit of somebody's is kept back; whether there was one."""
        play.publish(tuple(chance.choices(play.told.during, k=BURST)))
        return self.stage.relay.held_a_commit(HOLD_SECONDS)


def working(actors: list[Actor], chance: random.Random) -> Actor:
    """One of those that are past their beginning."""
    return chance.choice(until(lambda: [actor for actor in actors if actor.ready], "one of them works"))


class WorkerKilled(Fault):
    name = "worker-kill"
    title = "A worker killed"
    holds = frozenset({"workers"})

    def begin(self, play: Round, chance: random.Random) -> float:
        working(self.company.workers, chance).kill()
        return 0

    @property
    def injected(self) -> str:
        return f"`kill -9` {often(self.times)}, at any moment of its loads"


class ConsumerKilled(Fault):
    name = "consumer-kill"
    title = "A consumer killed"
    holds = frozenset({"consumers"})

    def begin(self, play: Round, chance: random.Random) -> float:
        working(self.company.consumers, chance).kill()
        return 0

    @property
    def injected(self) -> str:
        return f"`kill -9` {often(self.times)}, at any moment of its batches"


class ServerKilled(Fault):
    name = "server-kill"
    title = "The server killed"
    holds = frozenset({"server"})
    most = 3

    def begin(self, play: Round, chance: random.Random) -> float:
        self.company.server.until_ready().kill()
        return 0

    @property
    def injected(self) -> str:
        return f"`kill -9` {often(self.times)}, while somebody is enrolled"


class Rebalanced(Fault):
    name = "rebalance"
    title = "A rebalance in mid batch"
    holds = frozenset({"consumers", "neo4j"})
    most = 3

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._newcomer: Actor | None = None
        self._held = 0

    def begin(self, play: Round, chance: random.Random) -> float:
        """A consumer joins while a commit of somebody's has no answer."""
        self._held += self.commit_is_held(play, chance)
        self._newcomer = self.company.hire("newcomer", "live", ready="partitions-given")
        self._newcomer.until_ready()
        self.stage.relay.reset()
        play.publish(tuple(chance.choices(play.told.during, k=BURST)))
        return chance.uniform(0, 2)

    def end(self) -> None:
        if self._newcomer is not None:
            self._newcomer.retire()

    @property
    def injected(self) -> str:
        return (
            f"a third consumer joined {often(self.times)}, {often(self._held)} while a commit was on its way, and left "
            "in the middle of a burst of events"
        )
