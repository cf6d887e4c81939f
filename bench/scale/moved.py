"""`python -m bench.scale.moved GRAPH`: a product that everybody bought gets another category, and the pass that
recounts its purchasers runs to its end."""

import asyncio
import sys
from pathlib import Path

from bench.scale.population import COMMON
from retrograph.cli.session import spare_the_interpreter
from retrograph.clock import SystemClock
from retrograph.facts import CategoryFact, Facts, ProductFact, SharedFacts, TextField, UserFacts
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.writer import GraphWriter


async def main(file: Path) -> None:
    graph = SqliteGraph(file, durable=False)
    await graph.open(create=False)
    try:
        moved = ProductFact(category_id=TextField(1, 2, "elsewhere"))
        shared = SharedFacts(products={COMMON: moved}, categories={"elsewhere": CategoryFact()})
        async with GraphWriter(graph, SystemClock()) as writer:
            await writer.join(Facts(user=UserFacts(user_id="nobody"), shared=shared))
        report = await recount_until_clear(graph, SystemClock())
        print(report)
        found = await graph.scan_users("", 10)
        assert all([count.category_id for count in user.counts] == ["elsewhere"] for user in found if user.purchases)
    finally:
        await graph.close()


if __name__ == "__main__":
    spare_the_interpreter()
    asyncio.run(main(Path(sys.argv[1])))
