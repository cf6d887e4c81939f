"""The benchmarks keep working: each kind of row runs on a few users. What the clock says is no matter here."""

from collections.abc import Iterator

import pytest

from bench import (
    embedded_rows,
    engine_rows,
    file_rows,
    flag_rows,
    identity_rows,
    kafka_rows,
    live_rows,
    load_rows,
    neo4j_live,
    neo4j_rows,
    queue_rows,
)
from bench.measure import Goal, Lap, Options, Result, Row, run
from bench.neo4j_graph import close_servers
from bench.table import HEADER, line, merged

ROWS = {row.name: row for row in (*neo4j_rows.ROWS, *neo4j_live.ROWS)}
TINY = Options(pairs=1, tiny=True, heap="256m")

EMBEDDED = {
    row.name: row
    for row in (
        *embedded_rows.ROWS,
        *engine_rows.ROWS,
        *file_rows.ROWS,
        *flag_rows.ROWS,
        *load_rows.ROWS,
        *live_rows.ROWS,
    )
}


def silent(text: str) -> None:
    """Tells nobody."""


@pytest.fixture(scope="module")
def neo4j_of_rows(neo4j_present: object) -> Iterator[None]:
    """Rows start a server of their own, if there can be one."""
    yield
    close_servers()


@pytest.mark.server
@pytest.mark.parametrize("name", ["neo4j-again-later"])
async def test_a_row_measures_both_sides_and_both_leave_the_right_graph(name: str, neo4j_of_rows: None) -> None:
    result = await run(ROWS[name], TINY, silent)

    assert [lap.amount for lap in result.ours] == [lap.amount for lap in result.reference]
    assert result.ours[0].counts["retried"] == 0
    assert result.ours[0].amount > 1_000


@pytest.mark.parametrize(
    "name",
    [
        "sqlite-first",
        "sqlite-again",
        "job-overhead",
        "load-cpu",
        "flag-check",
        "flag-memory",
        "event-files-decode",
        "event-files-small",
        "live-gate",
        "live-sqlite",
    ],
)
async def test_a_row_of_the_embedded_side_measures_both_sides(name: str) -> None:
    result = await run(EMBEDDED[name], Options(pairs=1, tiny=True), silent)

    assert [lap.amount for lap in result.ours] == [lap.amount for lap in result.reference]
    assert result.ours[0].amount >= 30


@pytest.mark.server
async def test_a_backfill_of_identities_is_measured(postgres: object) -> None:
    row = next(row for row in identity_rows.ROWS if row.name == "identity-sqlite")

    result = await run(row, Options(pairs=1, tiny=True), silent)

    assert result.ours[0].amount == result.reference[0].amount > 1_000


@pytest.mark.server
async def test_a_replay_corrupts_the_counters_of_the_reference_and_leaves_ours(neo4j_of_rows: None) -> None:
    result = await run(ROWS["live-neo4j-replay"], TINY, silent)

    assert result.reference[0].counts["drift"] > 0
    assert result.ours[0].counts["drift"] == 0


@pytest.mark.server
async def test_reading_kafka_is_measured_beside_a_bare_loop(kafka: object) -> None:
    (row,) = kafka_rows.ROWS

    result = await run(row, Options(pairs=1, tiny=True), silent)

    assert result.ours[0].amount == result.reference[0].amount > 30


def test_a_new_line_takes_the_place_of_the_rows_former_one_and_leaves_the_others() -> None:
    text = "\n".join(["# Performance", *HEADER, "| `one` | old |", "| `two` | old |", "", "After."]) + "\n"

    replaced = merged(text, "one", "| `one` | new |")
    added = merged(text, "three", "| `three` | new |")

    assert replaced == text.replace("| `one` | old |", "| `one` | new |")
    assert added == text.replace("| `two` | old |\n", "| `two` | old |\n| `three` | new |\n")


def test_a_line_tells_the_median_the_spread_and_whether_the_goal_is_met() -> None:
    row = Row(name="r", work="w", reference="o", goal=Goal(bound=2), unit="items/s", sides=neo4j_rows.ROWS[0].sides)
    bare = Lap(seconds=1, cpu=1, amount=10)
    laps = [Lap(seconds=1, cpu=1, amount=amount) for amount in (10, 30, 25)]

    told = line(Result(row=row, ours=laps, reference=[bare] * 3), "a machine", "today")

    assert "| **2.50×** (1.00–3.00) ✓ | 25 items/s | 10 items/s |" in told


async def test_a_round_trip_through_the_queue_is_measured_beside_a_bare_loop(elasticmq: object) -> None:
    row = next(row for row in queue_rows.ROWS if row.name == "queue-round-trip")

    result = await run(row, Options(pairs=1, tiny=True), silent)

    assert result.ours[0].amount == result.reference[0].amount == 50
