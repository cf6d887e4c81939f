"""`python -m bench.scale.moved`: in the configured graph a product that everybody bought gets another category, and
the pass that recounts its purchasers runs to its end."""

import asyncio

from bench.scale.population import COMMON
from retrograph.cli.session import spare_the_interpreter
from retrograph.clock import SystemClock
from retrograph.config import load_settings
from retrograph.facts import CategoryFact, Facts, ProductFact, SharedFacts, TextField, UserFacts
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.writer import GraphWriter
from retrograph.wiring.graphs import open_graph


async def main() -> None:
    moved = ProductFact(category_id=TextField(1, 2, "elsewhere"))
    shared = SharedFacts(products={COMMON: moved}, categories={"elsewhere": CategoryFact()})
    async with open_graph(load_settings(), create=False) as graph:
        async with GraphWriter(graph, SystemClock()) as writer:
            await writer.join(Facts(user=UserFacts(user_id="nobody"), shared=shared))
        print(await recount_until_clear(graph, SystemClock()))
        found = await graph.scan_users("", 10)
        assert all([count.category_id for count in user.counts] == ["elsewhere"] for user in found if user.purchases)


if __name__ == "__main__":
    spare_the_interpreter()
    asyncio.run(main())
