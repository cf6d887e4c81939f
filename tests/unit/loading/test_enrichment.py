"""What events leave out of products, asked of the sandbox's catalogues: an event never waits for them for long."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from retrograph.events import receipts
from retrograph.facts import RANK_CATALOGUE, Facts
from retrograph.loading.enrichment import REST_SECONDS, Enrichment
from retrograph.sandbox import Faults, Latency, Sandbox, SandboxOptions, running
from retrograph.upstream.categories import Categories
from retrograph.upstream.products import Products
from tests.unit.events.documents import RECORDED_AT, item, payload, receipt
from tests.unit.upstream.support import CountingPace, ManualClock, asking, rows

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Enriching:
    """An enrichment, and what is injected into it."""

    enrichment: Enrichment
    clock: ManualClock
    paces: Mapping[str, CountingPace]

    async def of(self, *products: str, **fields: object) -> Facts:
        """What becomes of an event of these products."""
        (facts,) = await self.enrichment.enriched([event(*products, **fields)])
        return facts


@asynccontextmanager
async def enriching(sandbox: Sandbox, **limits: float) -> AsyncIterator[Enriching]:
    urls = {name: sandbox.service_url(name) for name in ("products", "categories")}
    async with asking(urls["products"]) as first, asking(urls["categories"], service="categories") as second:
        products, categories = Products(first.service, first.clock), Categories(second.service, second.clock)
        paces = {"products": first.pace, "categories": second.pace}
        yield Enriching(Enrichment(products, categories, first.clock, **limits), first.clock, paces)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _sandbox() -> AsyncIterator[Sandbox]:
    async with running(SandboxOptions()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(_sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """Without faults before and after."""
    yield _sandbox
    _sandbox.faults.set("all", Faults())


@pytest.fixture(scope="module")
def known() -> list[tuple[str, str]]:
    """Some products, each with the leaf of its category."""
    found = rows("select product_id, category_id from '{0}/products.parquet' where category_id is not null limit 5")
    return [(str(product), str(category)) for product, category in found]


def event(*products: str, **fields: object) -> Facts:
    document = receipt(items=[item(product_id=product, **fields) for product in products])
    read = receipts.decode(payload(document), recorded_at=RECORDED_AT)
    assert isinstance(read, receipts.ReceiptEvent)
    told = read.told().facts
    assert told is not None
    return told


def category_of(facts: Facts, product: str) -> str | None:
    field = facts.shared.products[product].category_id
    assert field is None or field.rank == RANK_CATALOGUE
    return None if field is None else field.value


async def test_a_category_that_the_event_lacks_comes_from_the_catalogue_with_its_hierarchy(
    sandbox: Sandbox, known: list[tuple[str, str]]
) -> None:
    async with enriching(sandbox) as made:
        facts = await made.of(*(product for product, _ in known))
        assert {product: category_of(facts, product) for product, _ in known} == dict(known)
        for _, category in known:
            path = facts.shared.categories[category].hierarchy
            assert path is not None
            assert path.value[-1] == category
            assert facts.shared.categories.keys() >= set(path.value)
        assert facts.user == event(*(product for product, _ in known)).user
        await made.of(*(product for product, _ in known))
        assert (made.paces["products"].turns, made.paces["categories"].turns) == (1, 1)


async def test_what_the_event_says_itself_is_not_asked_for(sandbox: Sandbox, known: list[tuple[str, str]]) -> None:
    product, category = known[0]
    async with enriching(sandbox) as made:
        told = {"category_id": category, "category_hierarchy": ["root", category]}
        assert await made.of(product, **told) == event(product, **told)
        assert made.paces["products"].turns == made.paces["categories"].turns == 0
        named = await made.of(product, category_id=category)
        assert named.shared.categories[category].hierarchy is not None
        assert (made.paces["products"].turns, made.paces["categories"].turns) == (0, 1)


async def test_a_service_that_fails_is_left_alone_and_what_it_owes_comes_with_a_later_event(
    sandbox: Sandbox, known: list[tuple[str, str]]
) -> None:
    (first, _), (second, _), (third, _), *_ = known
    async with enriching(sandbox) as made:
        sandbox.faults.set("products", Faults(down="unavailable"))
        assert await made.of(first) == event(first)
        assert await made.of(second) == event(second)
        assert made.paces["products"].turns == 1
        sandbox.faults.set("all", Faults())
        made.clock.pass_time(REST_SECONDS)
        facts = await made.of(third)
        assert {each: category_of(facts, each) for each in (first, second, third)} == dict(known[:3])
        again = await made.of(third)
        assert again.shared.products.keys() == {third}


async def test_categories_that_cannot_be_had_are_left_out_until_they_can(
    sandbox: Sandbox, known: list[tuple[str, str]]
) -> None:
    (first, category), (second, _), *_ = known
    async with enriching(sandbox) as made:
        sandbox.faults.set("categories", Faults(down="refused"))
        facts = await made.of(first)
        assert category_of(facts, first) == category
        assert category not in facts.shared.categories
        sandbox.faults.set("all", Faults())
        made.clock.pass_time(REST_SECONDS)
        late = await made.of(second)
        assert late.shared.categories[category].hierarchy is not None


async def test_a_service_that_hangs_holds_no_event_up(sandbox: Sandbox, known: list[tuple[str, str]]) -> None:
    product, _ = known[0]
    sandbox.faults.set("products", Faults(latency=Latency(fixed_ms=600_000)))
    async with enriching(sandbox, patience=0.05) as made:
        assert await made.of(product) == event(product)


async def test_without_events_nothing_is_asked(sandbox: Sandbox) -> None:
    async with enriching(sandbox) as made:
        assert await made.enrichment.enriched([]) == []
