"""Every user of the sample, loaded into both graphs: what they hold is what SQL alone finds in the files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from neo4j import Driver

from tests.integration.command_line import CommandLine
from tests.integration.story import History, Place, ended, in_neo4j, until
from tests.servers.neo4j import Neo4jServer

SAMPLE = Path(__file__).parents[2] / "src" / "retrograph" / "sandbox" / "sample"
pytestmark = pytest.mark.timeout(1_200)  # thousands of users, on whatever machine
AS_FAST_AS_IT_GOES = ("--rate-limit", "10000", "--concurrency", "32")
MILLIS_PER_DAY = 86_400_000

NODES = {"User": 2377, "Product": 23992, "Category": 1931, "Retailer": 320}
PURCHASES = 133897
EXPECTED = {
    "nodes": NODES,
    "relationships": {"PURCHASED": 109011, "SHOPS_AT": 7008, "SHOPS_IN": 29738, "IN_CATEGORY": 9776, "CHILD_OF": 1907},
    "totals": {"times": PURCHASES, "frequency": 49767, "purchase_count": 34514},
    "products_with_category": 9776,
    "products_with_hierarchy": 9776,
    "recount_pending": 0,
}

# The window is half open; receipts count by the time of purchase, orders by that of their creation, if validated.
FACTS = """
CREATE VIEW lines AS
    SELECT user_id, receipt_id, product_id, retailer, purchased_at AS bought_at FROM '{sample}/receipts.parquet'
    UNION ALL
    SELECT user_id, button_order_id, product_id, retailer, ordered_at
    FROM '{sample}/shop_orders.parquet' WHERE status = 'VALIDATED';
CREATE TABLE facts AS
    SELECT DISTINCT user_id, receipt_id, product_id, retailer, bought_at FROM lines
    WHERE bought_at >= TIMESTAMP '2018-01-02' - INTERVAL 365 DAYS AND bought_at < TIMESTAMP '2018-01-02';
CREATE VIEW users AS
    SELECT user_id FROM '{sample}/receipts.parquet' UNION SELECT user_id FROM '{sample}/shop_orders.parquet';
CREATE VIEW categories AS SELECT * FROM '{sample}/categories.parquet';
CREATE TABLE products AS
    SELECT product_id, category_id FROM (SELECT DISTINCT product_id FROM facts)
    LEFT JOIN '{sample}/products.parquet' USING (product_id);
CREATE TABLE mentioned AS
    WITH RECURSIVE upwards(category_id) AS (
        SELECT category_id FROM products WHERE category_id IS NOT NULL
        UNION SELECT parent_id FROM upwards JOIN categories USING (category_id) WHERE parent_id IS NOT NULL)
    SELECT category_id, parent_id FROM upwards JOIN categories USING (category_id);
CREATE TABLE purchased AS
    SELECT user_id, product_id, count(DISTINCT receipt_id) AS times, min(bought_at) AS first, max(bought_at) AS last
    FROM facts GROUP BY ALL;
CREATE TABLE shops_at AS
    SELECT user_id, retailer, count(DISTINCT receipt_id) AS frequency FROM facts GROUP BY ALL;
CREATE TABLE shops_in AS
    SELECT user_id, category_id, sum(times)::BIGINT AS purchase_count FROM purchased JOIN products USING (product_id)
    WHERE category_id IS NOT NULL GROUP BY ALL;
"""

COUNTS = {
    "User": "SELECT count(*) FROM users",
    "Product": "SELECT count(*) FROM products",
    "Category": "SELECT count(*) FROM mentioned",
    "Retailer": "SELECT count(DISTINCT retailer) FROM facts",
    "PURCHASED": "SELECT count(*) FROM purchased",
    "SHOPS_AT": "SELECT count(*) FROM shops_at",
    "SHOPS_IN": "SELECT count(*) FROM shops_in",
    "IN_CATEGORY": "SELECT count(category_id) FROM products",
    "CHILD_OF": "SELECT count(parent_id) FROM mentioned",
    "times": "SELECT sum(times)::BIGINT FROM purchased",
    "frequency": "SELECT sum(frequency)::BIGINT FROM shops_at",
    "purchase_count": "SELECT sum(purchase_count)::BIGINT FROM shops_in",
    "products_with_category": "SELECT count(category_id) FROM products",
    "products_with_hierarchy": "SELECT count(*) FROM products JOIN mentioned USING (category_id)",
}


@pytest.fixture(scope="module")
def files() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(FACTS.format(sample=SAMPLE))
        yield connection


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, _history: History) -> Place:
    """All users in an embedded graph."""
    place = Place(tmp_path_factory.mktemp("sample"), _history)
    job = place.load(_history.ids, *AS_FAST_AS_IT_GOES)
    assert (job["state"], job["processed"], job["failed"], job["skipped"]) == ("succeeded", 2377, 0, 0)
    return place


def stats(place: Place) -> Any:
    """What the graph holds; nobody has told it who is known by what."""
    found = ended(place.cli.run("graph", "stats", "--json"))
    assert found.pop("identity")["identifiers"] == 0
    return found


def counted(files: duckdb.DuckDBPyConnection) -> Any:
    """What `graph stats` should say, from the files."""

    def figures(*names: str) -> dict[str, int]:
        return {name: files.execute(COUNTS[name]).fetchall()[0][0] for name in names}

    return {
        "nodes": figures("User", "Product", "Category", "Retailer"),
        "relationships": figures("PURCHASED", "SHOPS_AT", "SHOPS_IN", "IN_CATEGORY", "CHILD_OF"),
        "totals": figures("times", "frequency", "purchase_count"),
        **figures("products_with_category", "products_with_hierarchy"),
        "recount_pending": 0,
    }


def test_sql_on_the_files_finds_the_known_figures(files: duckdb.DuckDBPyConnection) -> None:
    assert counted(files) == EXPECTED


def test_the_embedded_graph_holds_them(loaded: Place, files: duckdb.DuckDBPyConnection) -> None:
    assert stats(loaded) == counted(files)
    assert loaded.digest()["facts"] == PURCHASES


@pytest.mark.parametrize(
    "liking", ["count(*)", "count(DISTINCT retailer)", "-count(*)", "max(bought_at) - min(bought_at)"]
)
def test_every_edge_of_a_user_is_what_the_files_say(
    loaded: Place, files: duckdb.DuckDBPyConnection, liking: str
) -> None:
    ordered = f"SELECT user_id FROM facts GROUP BY 1 ORDER BY {liking} DESC, user_id"
    user = files.execute(ordered).fetchall()[0][0]
    shown = ended(loaded.cli.run("graph", "show", user, "--json"))
    assert {edge["product_id"]: figures_of(edge) for edge in shown["purchases"]} == purchases_of(files, user)
    retailers = "SELECT retailer, frequency FROM shops_at WHERE user_id = ?"
    assert {edge["name"]: edge["frequency"] for edge in shown["retailers"]} == pairs(files, retailers, user)
    categories = "SELECT category_id, purchase_count FROM shops_in WHERE user_id = ?"
    assert {edge["category_id"]: edge["purchase_count"] for edge in shown["categories"]} == pairs(
        files, categories, user
    )


def figures_of(edge: dict[str, Any]) -> tuple[Any, ...]:
    """What an edge holds; what it divides is taken back to whole milliseconds and times, which compare exactly."""
    times = edge["times"]
    span = round(edge["avg_interval_days"] * (times - 1) * MILLIS_PER_DAY)
    again = round(edge["repurchase_likelihood"] * times, 9)
    return times, sorted(edge["receipt_ids"]), edge["first"], edge["last"], span, again


def purchases_of(files: duckdb.DuckDBPyConnection, user: str) -> dict[str, tuple[Any, ...]]:
    rows = files.execute(
        """SELECT product_id, times, list_sort(list(DISTINCT receipt_id)),
               strftime(first, '%Y-%m-%dT%H:%M:%S.%gZ'), strftime(last, '%Y-%m-%dT%H:%M:%S.%gZ'),
               epoch_ms(last) - epoch_ms(first), times - 1
           FROM purchased JOIN facts USING (user_id, product_id) WHERE user_id = ? GROUP BY ALL""",
        [user],
    ).fetchall()
    return {row[0]: row[1:] for row in rows}


def pairs(files: duckdb.DuckDBPyConnection, query: str, user: str) -> dict[str, int]:
    return dict(files.execute(query, [user]).fetchall())


def test_neo4j_holds_the_same(
    tmp_path: Path, history: History, loaded: Place, files: duckdb.DuckDBPyConnection, neo4j_lts: Neo4jServer
) -> None:
    neo4j_lts.wipe()
    place = Place(tmp_path, history, **in_neo4j(neo4j_lts))
    assert place.load(history.ids, *AS_FAST_AS_IT_GOES)["processed"] == 2377
    assert stats(place) == counted(files)
    assert place.digest() == loaded.digest()
    assert place.digest("--only", "purchases") == loaded.digest("--only", "purchases")


def test_a_copy_that_was_killed_goes_on_and_ends_equal(loaded: Place, neo4j_lts: Neo4jServer) -> None:
    neo4j_lts.wipe()
    cli = CommandLine(loaded.directory, **in_neo4j(neo4j_lts))
    copy = ["graph", "copy", "--from", "sqlite:///retrograph.db", "--to", neo4j_lts.uri, "--json"]
    with neo4j_lts.driver() as driver, cli.running(*copy) as process:
        until(lambda: users_in(driver), "the copy has written users", seconds=600)
        process.kill()
        process.wait()
        assert users_in(driver) < 2377
    copied = ended(cli.run(*copy))
    assert (copied["resumed"], copied["equal"]) == (True, True)
    assert copied["to"] == copied["from"] == loaded.digest()


def users_in(driver: Driver) -> int:
    counted = driver.execute_query("MATCH (u) WHERE 'User' IN labels(u) RETURN count(u) AS count")
    count: int = counted.records[0]["count"]
    return count
