"""Faults of servers: stopped, frozen, flushed, restarted, cut off."""

import random
import time

from tests.servers.server import Server
from tests.soak.company import Company
from tests.soak.faults import Fault
from tests.soak.play import Round
from tests.torture.verdict import often

CUT = ("postgres", "redis", "elasticmq", "kafka", "history")


class Away(Fault):
    """A server that is stopped and killed by turns, and comes back."""

    longest_seconds = 3.0

    @property
    def server(self) -> Server:
        raise NotImplementedError

    def begin(self, play: Round, chance: random.Random) -> float:
        (self.server.kill if self.times % 2 else self.server.stop)()
        return chance.uniform(0, self.longest_seconds)

    def end(self) -> None:
        self.server.start()

    @property
    def injected(self) -> str:
        stopped = (self.times + 1) // 2
        return f"stopped {often(stopped)}, `kill -9` {often(self.times - stopped)}, and started again"


class Neo4jStopped(Away):
    name = "neo4j-stop"
    title = "Neo4j stopped"
    holds = frozenset({"neo4j"})
    most = 2

    @property
    def server(self) -> Server:
        return self.stage.servers.neo4j


class PostgresRestarted(Away):
    name = "postgres-restart"
    title = "PostgreSQL restarted"
    holds = frozenset({"postgres"})
    most = 4

    @property
    def server(self) -> Server:
        return self.stage.servers.postgres


class Neo4jFrozen(Fault):
    name = "neo4j-freeze"
    title = "Neo4j frozen"
    holds = frozenset({"neo4j"})
    most = 3

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._seconds = 0.0

    def begin(self, play: Round, chance: random.Random) -> float:
        self.stage.servers.neo4j.freeze()
        seconds = chance.uniform(2, 8)
        self._seconds += seconds
        return seconds

    def end(self) -> None:
        self.stage.servers.neo4j.thaw()

    @property
    def injected(self) -> str:
        return f"`SIGSTOP` {often(self.times)}, for {self._seconds:.0f} s in all"


class Neo4jCut(Fault):
    name = "neo4j-cut"
    title = "Neo4j cut off in a commit"
    holds = frozenset({"neo4j"})
    most = 10

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._aimed = 0

    def begin(self, play: Round, chance: random.Random) -> float:
        self._aimed += self.commit_is_held(play, chance)
        time.sleep(chance.uniform(0, 0.2))  # so that it reaches the server, or does not
        self.stage.proxies["neo4j"].cut()
        return chance.uniform(0, 0.5)

    def end(self) -> None:
        self.stage.proxies["neo4j"].restore()

    @property
    def injected(self) -> str:
        return f"every connection cut {often(self.times)}, {often(self._aimed)} while a commit was on its way"


class ValkeyFlushed(Fault):
    name = "valkey-flush"
    title = "Valkey flushed"
    holds = frozenset({"redis"})

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._restarts = 0

    def begin(self, play: Round, chance: random.Random) -> float:
        """Whatever ends the server empties it as well."""
        if self.times % 3 < 2:
            self.stage.servers.redis.flush()
            return 0
        self.stage.servers.redis.stop()
        self._restarts += 1
        return chance.uniform(0, 3)

    def end(self) -> None:
        self.stage.servers.redis.start()

    @property
    def injected(self) -> str:
        return f"flushed {often(self.times - self._restarts)}, stopped and started empty {often(self._restarts)}"


class ConnectionsCut(Fault):
    name = "cut"
    title = "Other connections cut"
    holds = frozenset({"postgres", "redis", "history", "network"})
    most = 8

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._cut = ""

    def begin(self, play: Round, chance: random.Random) -> float:
        self._cut = CUT[self.times % len(CUT)]
        self.stage.proxies[self._cut].cut()
        return chance.uniform(0.2, 2)

    def end(self) -> None:
        self.stage.proxies[self._cut].restore()

    @property
    def injected(self) -> str:
        return f"{often(self.times)}, by turns to PostgreSQL, Valkey, the queue, Kafka and the history services"
