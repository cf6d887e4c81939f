"""Whatever the order, the split or the repetition, and whenever an order is cancelled: the graph comes out the same."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.integration.command_line import sandbox
from tests.integration.story import FAST, History, NewPlace, Place, ended

SAMPLE = Path(__file__).parents[2] / "src" / "retrograph" / "sandbox" / "sample"
pytestmark = pytest.mark.timeout(900)
ONE_BY_ONE = ("--rate-limit", "10000", "--concurrency", "1")
MANY_AT_ONCE = ("--rate-limit", "10000", "--concurrency", "32")
LARGEST_ORDERS = f"""
    SELECT user_id, arg_max(button_order_id, products) FROM (
        SELECT user_id, button_order_id, count(DISTINCT product_id) AS products FROM '{SAMPLE}/shop_orders.parquet'
        WHERE status = 'VALIDATED' AND ordered_at >= TIMESTAMP '2017-01-02' AND ordered_at < TIMESTAMP '2018-01-02'
        GROUP BY ALL)
    GROUP BY user_id HAVING max(products) BETWEEN 20 AND 100 ORDER BY max(products) DESC, user_id"""
ON_EDGES = f"""
    SELECT count(DISTINCT (button_order_id, product_id)) FROM '{SAMPLE}/shop_orders.parquet'
    WHERE button_order_id IN (SELECT unnest(?))"""
IN_A_CATEGORY = f"""
    COPY (SELECT product_id, name, brand, coalesce(category_id, (SELECT min(category_id) FROM
        '{SAMPLE}/categories.parquet')) AS category_id FROM '{SAMPLE}/products.parquet') TO '{{file}}'"""


@pytest.mark.parametrize("seed", [11])
def test_shuffled_one_by_one_and_each_user_twice(
    new_place: NewPlace, history: History, undisturbed: Any, seed: int
) -> None:
    place = new_place("shuffled")
    shuffled = random.Random(seed).sample(history.some, len(history.some))
    assert place.load(shuffled, *ONE_BY_ONE)["processed"] == len(shuffled)
    assert place.digest() == undisturbed
    assert place.load(shuffled, *MANY_AT_ONCE, "--reset-cursor")["processed"] == len(shuffled)
    assert place.digest() == undisturbed


@pytest.mark.parametrize("seed", [12])
def test_split_into_jobs_that_overlap_many_at_once(
    new_place: NewPlace, history: History, undisturbed: Any, seed: int
) -> None:
    place = new_place("split")
    shuffled = random.Random(seed).sample(history.some, len(history.some))
    for number, start in enumerate(range(0, len(shuffled), 50)):
        part = shuffled[max(0, start - 20) : start + 50]
        assert place.load(part, *MANY_AT_ONCE, key=f"part-{number}")["processed"] == len(part)
    assert place.digest() == undisturbed


@pytest.fixture(scope="module")
def categorised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A sandbox where every product has a category: those of the sample's orders have none."""
    directory = tmp_path_factory.mktemp("categorised")
    for name in ("receipts", "shop_orders", "categories"):
        (directory / f"{name}.parquet").symlink_to(SAMPLE / f"{name}.parquet")
    with duckdb.connect() as connection:
        connection.execute(IN_A_CATEGORY.format(file=directory / "products.parquet"))
    with sandbox(directory, "--data", str(directory)) as url:
        yield History(url=url, ids=(), some=())


@pytest.fixture
def orders(categorised: History) -> Iterator[dict[str, str]]:
    """The largest orders of some users, and whose they are; what becomes of them is undone."""
    with duckdb.connect() as connection:
        largest = {row[0]: row[1] for row in connection.execute(LARGEST_ORDERS).fetchall()}
    chosen = {order: user for user, order in list(largest.items())[:4]}
    yield chosen
    for order in chosen:
        categorised.ask("DELETE", f"orders/{order}/status")


def test_orders_cancelled_before_between_and_after(
    new_place: NewPlace, history: History, categorised: History, orders: dict[str, str], tmp_path: Path
) -> None:
    """The same cancellations at three moments; an embedded graph that never saw them valid is the measure."""
    ids = sorted({*orders.values(), *history.some[:10]})
    cancel(categorised, orders)
    (tmp_path / "measure").mkdir()
    measure = Place(tmp_path / "measure", categorised)
    measure.load(ids)
    wanted = measure.digest("--only", "purchases")

    before = new_place("before", categorised)
    before.load(ids)
    assert before.digest("--only", "purchases") == wanted

    validate(categorised, orders)
    after = new_place("after", categorised)
    after.load(ids)
    valid = totals(after)
    held, retracted = receipts_of(after, orders)
    assert held >= orders.keys()
    assert not retracted & orders.keys()
    cancel(categorised, orders)
    after.load(ids, *FAST, "--reset-cursor")
    products = products_in(orders)
    assert totals(after) == {
        "times": valid["times"] - products,
        "frequency": valid["frequency"] - len(orders),
        "purchase_count": valid["purchase_count"] - products,
    }
    held, retracted = receipts_of(after, orders)
    assert not held & orders.keys()
    assert retracted >= orders.keys()
    assert after.digest("--only", "purchases") == wanted

    validate(categorised, orders)
    after.load(ids, *FAST, "--reset-cursor")
    assert after.digest("--only", "purchases") == wanted, "what was retracted came back"

    between = new_place("between", categorised)
    cancel(categorised, list(orders)[::2])
    between.load(ids[::2], key="half")
    cancel(categorised, orders)
    between.load(ids)
    assert between.digest("--only", "purchases") == wanted


def cancel(history: History, orders: Iterable[str]) -> None:
    for order in orders:
        history.order(order, "CANCELLED")


def validate(history: History, orders: Iterable[str]) -> None:
    for order in orders:
        history.order(order, "VALIDATED")


def totals(place: Place) -> dict[str, int]:
    found: dict[str, int] = ended(place.cli.run("graph", "stats", "--json"))["totals"]
    return found


def products_in(orders: Iterable[str]) -> int:
    """How many products these orders name, each counted once an order, from the files."""
    with duckdb.connect() as connection:
        count: int = connection.execute(ON_EDGES, [list(orders)]).fetchall()[0][0]
    return count


def receipts_of(place: Place, orders: dict[str, str]) -> tuple[set[str], set[str]]:
    """Every receipt that an edge of these users holds, and every one that they have retracted."""
    documents = [ended(place.cli.run("graph", "show", user, "--json")) for user in orders.values()]
    edges = [edge for document in documents for edge in (*document["purchases"], *document["retailers"])]
    held = {receipt for edge in edges for receipt in edge["receipt_ids"]}
    return held, {receipt for document in documents for receipt in document["user"]["retracted_receipt_ids"]}
