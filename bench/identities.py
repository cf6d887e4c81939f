"""`python -m bench.identities`: made-up users into the identity graph in several ways, which must come to one graph.

Whatever the way, the digest is the same and the clusters are those that the sandbox knows to be true. The digests of
several backends can be compared as well: they are printed.
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from retrograph.clock import SystemClock, to_millis
from retrograph.config import IdentifierSettings, Neo4jSettings, Settings, Url, UsersSettings
from retrograph.facts import IdentityFacts
from retrograph.graph.clusters import clusters
from retrograph.graph.digest import digest
from retrograph.graph.identity_writer import IdentityWriter
from retrograph.graph.store import GraphStore
from retrograph.loading.blocking import read_block_list
from retrograph.loading.identifiers import Identifiers
from retrograph.loading.identity import facts_of
from retrograph.sandbox.users_database import SETTINGS, write_users
from retrograph.service import StartRequest
from retrograph.sources.users_walk import UsersWalk, present_bound
from retrograph.telemetry.logging import configure_logging
from retrograph.wiring.graphs import open_graph
from retrograph.wiring.identity import ConfiguredUsers, users_table
from retrograph.wiring.service import open_service
from tests.servers.neo4j import LTS, PRESENT, Neo4jServer

CLOCK: Final = SystemClock()
ONE_IN: Final = 10
"""So many users are joined one by one, beside a backfill of the others."""

Way = Callable[["Stage"], Awaitable[str]]


class Stage:
    """A users table, the truth about it, and an empty graph for each way."""

    def __init__(self, folder: Path, count: int, seed: int, graph: Mapping[str, Any]) -> None:
        self.folder = folder
        self.seed = seed
        self._graph = graph
        self.whole = folder / "users.db"
        self.truth = write_users(f"sqlite:///{self.whole}", count, seed).clusters
        self.facts: list[IdentityFacts] = []

    def settings(self, users: Path) -> Settings:
        mapping = {name.removeprefix("RETROGRAPH_USERS_").lower(): text for name, text in SETTINGS.items()}
        return Settings(
            store=Url(f"sqlite:///{self.folder / 'graph.db'}"),
            users=UsersSettings(url=Url(f"sqlite:///{users}"), **mapping),  # type: ignore[arg-type]
            identifiers=IdentifierSettings(),
            **{"graph": Url(f"sqlite:///{self.folder / 'graph.db'}"), **self._graph},
        )

    @asynccontextmanager
    async def graph(self) -> AsyncIterator[GraphStore]:
        """The graph; what an earlier way has made is gone, unless a backfill has opened it."""
        async with open_graph(self.settings(self.whole), create=True) as graph:
            yield graph

    async def read(self) -> None:
        """Every user as facts, read the way a backfill reads them."""
        table = users_table(self.settings(self.whole))
        identifiers = Identifiers(read_block_list(None))
        walk = UsersWalk(table, await table.shape(), await present_bound(table))
        async for rows in walk.pages(None):
            found = (facts_of(row, identifiers, to_millis(CLOCK.now()))[0] for row in rows)
            self.facts += [facts for facts in found if facts is not None]
        await table.close()

    def without(self, users: Sequence[IdentityFacts]) -> Path:
        """A copy of the table in which these users are missing."""
        file = self.folder / "others.db"
        with sqlite3.connect(self.whole) as whole, sqlite3.connect(file) as others:
            whole.backup(others)
            for table in ("users", "user_devices"):
                others.executemany(f"DELETE FROM {table} WHERE user_id = ?", [(fact.user_id,) for fact in users])
        whole.close()
        others.close()
        return file

    async def backfill(self, users: Path) -> int:
        async with open_service(self.settings(users), starts=True, graph=True) as service:
            request = StartRequest(kind="identity", source=ConfiguredUsers(), parameters={}, key=None, who="bench")
            return (await service.run(await service.start(request))).counts.processed


async def backfilled(stage: Stage) -> str:
    """One backfill of all."""
    return f"{await stage.backfill(stage.whole):,} users by a backfill"


async def shuffled(stage: Stage) -> str:
    """All in another order, in batches of any size, side by side."""
    chance = random.Random(stage.seed)
    batches = list(_batches(chance.sample(stage.facts, len(stage.facts)), chance))
    async with stage.graph() as graph:
        writer = IdentityWriter(graph, CLOCK)
        for start in range(0, len(batches), 8):
            await asyncio.gather(*(writer.join(batch) for batch in batches[start : start + 8]))
    return f"{len(stage.facts):,} users in another order, in {len(batches):,} batches of 1 to 1,000"


async def split(stage: Stage) -> str:
    """Some one by one, while a backfill brings the others; of these, some again."""
    chance = random.Random(stage.seed + 1)
    alone = chance.sample(stage.facts, len(stage.facts) // ONE_IN)
    again = chance.sample(stage.facts, len(alone) // ONE_IN)
    others = stage.without(alone)
    async with stage.graph() as graph:
        writer = IdentityWriter(graph, CLOCK)

        async def singles(facts: Sequence[IdentityFacts]) -> None:
            for fact in facts:
                await writer.join([fact])

        each = [*alone, *again]
        streams = [singles(each[lane :: writer.lanes]) for lane in range(writer.lanes)]
        processed, *_ = await asyncio.gather(stage.backfill(others), *streams)
    return f"{processed:,} users by a backfill, {len(alone):,} meanwhile one by one, {len(again):,} of all once more"


WAYS: Final[tuple[Way, ...]] = (backfilled, shuffled, split)


def _batches(facts: Sequence[IdentityFacts], chance: random.Random) -> Iterator[Sequence[IdentityFacts]]:
    start = 0
    while start < len(facts):
        size = chance.randint(1, 1_000)
        yield facts[start : start + size]
        start += size


async def compare(stage: Stage, empty: Callable[[], None]) -> bool:
    """Tells what came of each way; whether all of it is right."""
    await stage.read()
    digests = set()
    right = True
    for way in WAYS:
        for file in stage.folder.glob("graph.db*"):
            file.unlink()
        empty()
        began = time.perf_counter()
        said = await way(stage)
        took = time.perf_counter() - began
        async with stage.graph() as graph:
            found = await digest(graph, only="identity")
            linked = await clusters(graph, stage.settings(stage.whole).identifiers.limits)
        digests.add(found.digest)
        right = right and linked == stage.truth
        print(
            f"  {said} ({took:.0f} s): {found.facts:,} edges, {found.digest}, {len(set(linked.values())):,} clusters, "
            f"{'the true ones' if linked == stage.truth else 'NOT THE TRUE ONES'}",
            flush=True,
        )
    print(f"  {'one digest' if len(digests) == 1 else 'THE DIGESTS DIFFER'}", flush=True)
    return right and len(digests) == 1


def main() -> int:
    configure_logging(level="warning", format="text", environment="bench")
    parser = argparse.ArgumentParser(prog="make identities ARGS=…", description=__doc__)
    parser.add_argument("backends", nargs="*", metavar="BACKEND", help="sqlite, neo4j or neo4j-lts; else the first two")
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    right = [_compared(name, arguments.users, arguments.seed) for name in arguments.backends or ("sqlite", "neo4j")]
    return 0 if all(right) else 1


def _compared(backend: str, users: int, seed: int) -> bool:
    print(f"{users:,} users into {backend}:", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if backend == "sqlite":
            return asyncio.run(compare(Stage(folder, users, seed, {}), lambda: None))
        server = stack.enter_context(Neo4jServer(LTS if backend == "neo4j-lts" else PRESENT, heap="2g"))
        neo4j = Neo4jSettings(user=server.user, password=SecretStr(server.password))
        stage = Stage(folder, users, seed, {"graph": Url(server.uri), "neo4j": neo4j})
        return asyncio.run(compare(stage, server.wipe))


if __name__ == "__main__":
    sys.exit(main())
