"""Any number of users in the likeness of the sample's: their facts, and graphs that hold them.

Ids are spread evenly over the order of ids, as random UUIDs are: users that came in order would be kinder to every
index than real ones.
"""

import asyncio
import sys
from collections.abc import Iterator
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter

import duckdb

from retrograph.cli.session import spare_the_interpreter
from retrograph.clock import SystemClock
from retrograph.config import load_settings
from retrograph.facts import (
    CategoryFact,
    Facts,
    Loaded,
    PathField,
    ProductFact,
    RetailerFact,
    SharedFacts,
    TextField,
    UserFacts,
)
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter
from retrograph.sandbox import SAMPLE
from retrograph.wiring.graphs import open_graph

AT_ONCE = 200
"""Users that wait for a transaction at the same time."""

COMMON = "the product that everybody buys"
LOADED = Loaded(at=1_514_851_200_000, by="scale")
_RECEIPTS = """
SELECT user_id, CAST(product_id AS VARCHAR), CAST(receipt_id AS VARCHAR), retailer, epoch_ms(purchased_at)
FROM read_parquet(?) ORDER BY user_id"""
_PRODUCTS = "SELECT CAST(product_id AS VARCHAR), name, brand, CAST(category_id AS VARCHAR) FROM read_parquet(?)"
_CATEGORIES = "SELECT CAST(category_id AS VARCHAR), name, CAST(parent_id AS VARCHAR) FROM read_parquet(?)"

Template = list[tuple[str, str, str, str, int]]


class Likenesses:
    """The sample, and users made of it: the same number, the same user."""

    def __init__(self) -> None:
        with duckdb.connect() as connection:
            receipts = connection.execute(_RECEIPTS, [str(SAMPLE / "receipts.parquet")]).fetchall()
            products = connection.execute(_PRODUCTS, [str(SAMPLE / "products.parquet")]).fetchall()
            categories = connection.execute(_CATEGORIES, [str(SAMPLE / "categories.parquet")]).fetchall()
        self._templates: list[Template] = [list(lines) for _, lines in groupby(receipts, itemgetter(0))]
        self._retailers = {line[3] for line in receipts}
        named = dict.fromkeys((line[1] for line in receipts), ProductFact())
        self.shared = SharedFacts(
            products=named | _products(products),
            categories=_categories(categories),
            retailers={name: RetailerFact() for name in self._retailers},
        )

    def facts(self, number: int) -> UserFacts:
        """All that user bought."""
        user_id = user_id_of(number)
        purchases: dict[str, dict[str, int]] = {}
        visits: dict[str, set[str]] = {}
        for _, product_id, receipt_id, retailer, at in self._templates[number % len(self._templates)]:
            mine = f"{receipt_id}-{number}"
            purchases.setdefault(product_id, {})[mine] = at
            visits.setdefault(retailer, set()).add(mine)
        return UserFacts(
            user_id=user_id,
            purchases=purchases,
            visits={retailer: frozenset(receipts) for retailer, receipts in visits.items()},
            first_seen_at=min(at for times in purchases.values() for at in times.values()),
            loaded=LOADED,
        )

    def users(self, first: int, purchases: int) -> Iterator[UserFacts]:
        """Users from a number on, until they have bought so much."""
        while purchases > 0:
            user = self.facts(first)
            yield user
            purchases -= sum(map(len, user.purchases.values()))
            first += 1


def user_id_of(number: int) -> str:
    """An id with no order in it."""
    return blake2b(str(number).encode(), digest_size=12).hexdigest()


def _products(rows: list[tuple[str, str | None, str | None, str | None]]) -> dict[str, ProductFact]:
    return {
        key: ProductFact(name=_text(name), brand=_text(brand), category_id=_text(of)) for key, name, brand, of in rows
    }


def _categories(rows: list[tuple[str, str | None, str | None]]) -> dict[str, CategoryFact]:
    parents = {key: parent for key, _, parent in rows}

    def path(key: str) -> tuple[str, ...]:
        above = parents.get(key)
        return (*path(above), key) if above else (key,)

    return {key: CategoryFact(name=_text(name), hierarchy=PathField(1, 0, path(key))) for key, name, _ in rows}


def _text(value: str | None) -> TextField | None:
    return TextField(1, 0, value) if value else None


SHARED_BY_PURCHASERS = SharedFacts(
    products={COMMON: ProductFact(category_id=TextField(1, 1, "here"))},
    categories={"here": CategoryFact()},
    retailers={"Store 1": RetailerFact()},
)


async def join(graph: GraphStore, users: Iterator[UserFacts], shared: SharedFacts) -> int:
    """Joins them as loads do, and answers how many users there were."""
    count = 0
    async with GraphWriter(graph, SystemClock()) as writer:
        await writer.join(Facts(user=UserFacts(user_id="nobody"), shared=shared))
        waiting: set[asyncio.Task[int]] = set()
        for user in users:
            waiting.add(asyncio.create_task(writer.join(Facts(user=user))))
            count += 1
            if len(waiting) >= AT_ONCE:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        for task in waiting:
            await task
    return count


def purchasers(count: int) -> Iterator[UserFacts]:
    """Users who have bought one thing, all the same."""
    for number in range(count):
        receipt_id, at = f"r-{number}", LOADED.at - number % 86_400_000
        yield UserFacts(
            user_id=user_id_of(number),
            purchases={COMMON: {receipt_id: at}},
            visits={"Store 1": frozenset([receipt_id])},
            first_seen_at=at,
        )


async def main(purchases: int, common: int) -> None:
    """So many purchases in the configured graph, or so many purchasers of one product."""
    async with open_graph(load_settings()) as graph:
        if common:
            await join(graph, purchasers(common), SHARED_BY_PURCHASERS)
        else:
            people = Likenesses()
            await join(graph, people.users(0, purchases), people.shared)


if __name__ == "__main__":
    spare_the_interpreter()
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
