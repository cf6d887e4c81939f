"""Services and servers that fail during a load: it waits, tries again, says what failed, and ends the same."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.integration.story import History, Place, ended, in_neo4j, outcome, until_counted, until_told
from tests.servers.neo4j import Neo4jServer

SAMPLE = Path(__file__).parents[2] / "src" / "retrograph" / "sandbox" / "sample"
pytestmark = pytest.mark.timeout(900)
PACED = ("--rate-limit", "25", "--concurrency", "8", "--batch-size", "10")
ROUGH: dict[str, Any] = {
    "too_many_requests": 0.05,
    "server_errors": 0.05,
    "dropped": 0.01,
    "latency": {"min_ms": 1, "median_ms": 10, "p99_ms": 100},
}
WITHOUT_CATEGORIES = f"""
    SELECT user_id FROM '{SAMPLE}/receipts.parquet' LEFT JOIN '{SAMPLE}/products.parquet' USING (product_id)
    WHERE user_id NOT IN (SELECT user_id FROM '{SAMPLE}/shop_orders.parquet')
        AND purchased_at BETWEEN '2017-01-02' AND '2018-01-01'
    GROUP BY 1 HAVING count(category_id) {{many}} ORDER BY 1"""


def failures(place: Place) -> list[dict[str, str]]:
    found: list[dict[str, str]] = ended(place.cli.run("jobs", "failures", "story", "--json"))
    return found


def test_a_rough_sea_fails_nobody(place: Place, history: History, undisturbed: Any) -> None:
    """One call in ten is refused or breaks, one in a hundred loses its connection, and all take their time."""
    history.ask("DELETE", "requests")
    history.misbehave(**ROUGH)
    job = place.load(history.some, "--rate-limit", "1000", "--concurrency", "32")
    assert (job["state"], job["processed"], job["failed"]) == ("succeeded", len(history.some), 0)
    assert failures(place) == []
    assert place.digest() == undisturbed
    suffered = {name for service in history.ask("GET", "requests")["services"].values() for name in service["faults"]}
    assert suffered >= {"too-many-requests", "server-error", "dropped"}


def test_three_users_that_always_fail_are_mended_by_a_retry(place: Place, history: History, undisturbed: Any) -> None:
    refused, broken, limited = sorted(history.some)[10:13]
    history.misbehave("shop-orders", failing_users={refused: 422, broken: 500})
    history.misbehave("purchase-history", failing_users={limited: 429})
    job = place.load(history.some, code=1)
    assert (job["state"], job["processed"], job["failed"]) == ("succeeded", len(history.some) - 3, 3)
    reasons = {failure["item"]: failure["message"] for failure in failures(place)}
    assert reasons.keys() == {refused, broken, limited}
    assert "shop-orders" in reasons[refused]
    assert "422" in reasons[refused]
    assert "failed 5 times, at last: status 500" in reasons[broken]
    assert "purchase-history" in reasons[limited]
    assert "status 429" in reasons[limited]

    history.misbehave()
    retried = ended(place.cli.run("jobs", "retry", "story", "--json"))
    assert (retried["state"], retried["processed"], retried["failed"]) == ("succeeded", len(history.some), 0)
    assert failures(place) == []
    assert place.digest() == undisturbed


@pytest.mark.parametrize(
    ("service", "down"), [("purchase-history", "refused"), ("products", "unavailable"), ("categories", "refused")]
)
def test_a_service_that_is_down_is_waited_for(
    place: Place, history: History, undisturbed: Any, service: str, down: str
) -> None:
    with place.cli.running(*place.backfill(history.some, *PACED)) as process:
        until_counted(process, place, 10)
        history.misbehave(service, down=down)
        until_told(process, f"waiting until {service} answers again")
        job = place.job()
        assert (job["state"], job["reason"], job["failed"]) == ("paused", "dependency-down", 0)
        assert 10 <= job["processed"] < len(history.some)
        history.misbehave(service)
        told = outcome(process)
    assert told.code == 0, told.err
    assert (told.json["processed"], told.json["failed"]) == (len(history.some), 0)
    assert place.digest() == undisturbed


def test_with_once_it_pauses_and_the_same_command_goes_on(place: Place, history: History, undisturbed: Any) -> None:
    command = place.backfill(history.some, *PACED, "--once")
    with place.cli.running(*command) as process:
        until_counted(process, place, 10)
        history.misbehave("shop-orders", down="unavailable")
        told = outcome(process)
    assert told.code == 3, told.err
    assert (told.json["state"], told.json["reason"], told.json["failed"]) == ("paused", "dependency-down", 0)
    assert "shop-orders" in told.json["message"]

    still = place.cli.run(*command)
    assert still.code == 3, still.err
    assert (still.json["processed"], still.json["failed"]) == (told.json["processed"], 0)

    history.misbehave()
    assert place.load(history.some)["processed"] == len(history.some)
    assert place.digest() == undisturbed


def test_a_graph_that_is_stopped_and_started_is_waited_for(
    tmp_path: Path, history: History, neo4j_lts: Neo4jServer, undisturbed: Any
) -> None:
    neo4j_lts.wipe()
    place = Place(tmp_path, history, **in_neo4j(neo4j_lts))
    with place.cli.running(*place.backfill(history.some, *PACED)) as process:
        try:
            until_counted(process, place, 10)
            neo4j_lts.stop()
            until_told(process, "waiting until graph answers again")
            row = place.row("state, reason, failed")
            assert row == {"state": "paused", "reason": "dependency-down", "failed": 0}
        finally:
            neo4j_lts.start()
        told = outcome(process)
    assert told.code == 0, told.err
    assert (told.json["processed"], told.json["failed"]) == (len(history.some), 0)
    assert place.digest() == undisturbed


@pytest.mark.parametrize(
    ("flaw", "what"),
    [
        ("wrong-type", "Expected `str`, got `null` - at `$.categoryId`"),
        ("truncated", "Input data was truncated"),
        ("html", "it is a web page, not JSON"),
        ("empty", "Input data was truncated"),
    ],
)
def test_a_malformed_answer_fails_its_user_alone(place: Place, history: History, flaw: str, what: str) -> None:
    with duckdb.connect() as connection:
        touched = connection.execute(WITHOUT_CATEGORIES.format(many="> 0") + " LIMIT 1").fetchall()[0][0]
        spared = [row[0] for row in connection.execute(WITHOUT_CATEGORIES.format(many="= 0") + " LIMIT 2").fetchall()]
    with place.cli.running(*place.backfill([*spared, touched], "--rate-limit", "1")) as process:
        until_told(process, "3 items")  # the services were looked at by then
        history.misbehave("categories", malformed=1.0, flaws=[flaw])
        told = outcome(process)
    assert told.code == 1, told.err
    assert (told.json["state"], told.json["processed"], told.json["failed"]) == ("succeeded", 2, 1)
    [failure] = failures(place)
    assert failure["item"] == touched
    assert failure["error_class"] == "MalformedAnswer"
    assert "categories: the answer to /v1/categories/" in failure["message"]
    assert what in failure["message"]
