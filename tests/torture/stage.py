"""Where a load is tortured: an empty directory, a job store and a graph, and the sandbox that history comes from."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.command_line import sandbox
from tests.integration.story import History, Place, in_neo4j
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.toxiproxy import ToxiproxyServer


class Combination(NamedTuple):
    """Which job store and which graph."""

    store: str
    graph: str

    @property
    def title(self) -> str:
        return f"{self.store} + {self.graph}"


SQLITE = Combination("SQLite", "SQLite")
POSTGRES = Combination("PostgreSQL", "SQLite")
SERVERS = Combination("PostgreSQL", "Neo4j")
COMBINATIONS = (SQLITE, POSTGRES, SERVERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything: how many users, how often each disturbance comes, how long a lease lasts."""

    users: int | None
    """`None`: the whole sample."""
    times: int
    """How often a process is killed."""
    repeats: int
    """How often every other disturbance comes."""
    cuts: int
    """How often a connection is cut."""
    rate: float
    """Users a second while a load is disturbed: it must last."""
    lease_seconds: float


WHOLE = Size(users=None, times=24, repeats=3, cuts=60, rate=60, lease_seconds=6)
SHORT = Size(users=300, times=4, repeats=1, cuts=12, rate=30, lease_seconds=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What all stages share: the sandbox, the users to load, and the digest of an undisturbed load."""

    history: History
    ids: tuple[str, ...]
    undisturbed: Any
    size: Size
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The servers that are running; what a combination does not need may be missing."""

    postgres: PostgresServer | None = None
    neo4j: Neo4jServer | None = None
    toxiproxy: ToxiproxyServer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One load's place, on the servers of its combination."""

    world: World
    combination: Combination
    place: Place
    servers: Servers
    lease_seconds: float
    settings: dict[str, str]
    logs: Path
    """Where the processes' words are kept: never on a disk that is full."""

    def elsewhere(self, directory: Path | None = None, **settings: str) -> "Stage":
        """The same stage in another directory, or with other settings."""
        own = {**self.settings, **settings}
        place = Place(directory or self.place.directory, self.world.history, **own)
        return replace(self, place=place, settings=own)

    @property
    def postgres(self) -> PostgresServer:
        assert self.servers.postgres is not None
        return self.servers.postgres

    @property
    def neo4j(self) -> Neo4jServer:
        assert self.servers.neo4j is not None
        return self.servers.neo4j

    @property
    def toxiproxy(self) -> ToxiproxyServer:
        assert self.servers.toxiproxy is not None
        return self.servers.toxiproxy

    @property
    def embedded(self) -> bool:
        """Whether a file's lock stands between the processes."""
        return "SQLite" in self.combination


@contextmanager
def new_world(folder: Path, size: Size) -> Iterator[World]:
    """Starts the sandbox, chooses the users and loads them once, undisturbed."""
    (folder / "sandbox").mkdir()
    with sandbox(folder / "sandbox", "--write-ids", "ids.txt") as url:
        everybody = tuple((folder / "sandbox" / "ids.txt").read_text().split())
        ids = everybody if size.users is None else tuple(sorted(random.Random(1).sample(everybody, size.users)))
        history = History(url=url, ids=everybody, some=ids)
        (folder / "undisturbed").mkdir()
        place = Place(folder / "undisturbed", history)
        assert place.load(ids)["processed"] == len(ids)
        yield World(history=history, ids=ids, undisturbed=place.digest(), size=size, folder=folder)


@contextmanager
def set_up(
    world: World,
    combination: Combination,
    servers: Servers,
    *,
    lease_seconds: float | None = None,
) -> Iterator[Stage]:
    """An empty graph and an empty job store."""
    lease = lease_seconds or world.size.lease_seconds
    own = {"jobs_lease_seconds": f"{lease:g}", "log_level": "debug"}
    with ExitStack() as stack:
        if combination.store == "PostgreSQL":
            assert servers.postgres is not None
            own["store"] = servers.postgres.start().create_database()
            stack.callback(_forgotten, servers.postgres, own["store"])
        if combination.graph == "Neo4j":
            assert servers.neo4j is not None
            servers.neo4j.start().wipe()
            own |= in_neo4j(servers.neo4j)
        directory, logs = (Path(tempfile.mkdtemp(dir=world.folder)) for _ in range(2))
        yield Stage(
            world=world,
            combination=combination,
            place=Place(directory, world.history, **own),
            servers=servers,
            lease_seconds=lease,
            settings=own,
            logs=logs,
        )


def _forgotten(server: PostgresServer, url: str) -> None:
    server.start()
    server.drop_database(url)
