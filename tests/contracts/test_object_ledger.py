"""The ledger of objects: absolute counts, totals that follow them, and what other jobs have ingested."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from retrograph.jobs.objects import Listed, ObjectQuery, ObjectState, Reached
from retrograph.jobs.sql.objects import SqlObjectLedger
from retrograph.jobs.sql.objects_found import MOST_FOUND
from retrograph.store.schema import open_database
from tests.contracts.job_stores import store_url, stores

__all__ = ["store_url", "stores"]

JOB, OTHER, GRAPH = "job-1", "job-2", "graph-1"


@pytest.fixture
async def ledger(store_url: str) -> AsyncIterator[SqlObjectLedger]:
    database = await open_database(store_url)
    yield SqlObjectLedger(database)
    await database.close()


def listed(*numbers: int, version: str = "v1") -> list[Listed]:
    return [
        Listed(key=f"in/{n}_%.json", size=n * 10, version=version, modified_at=1_000 + n, content=f"{n}-{version}")
        for n in numbers
    ]


async def discovered(ledger: SqlObjectLedger, job: str, *pages: list[Listed]) -> None:
    await ledger.begin(job, GRAPH)
    first = 1
    for page in pages:
        await ledger.add(job, first, page)
        first += len(page)


async def states(ledger: SqlObjectLedger, job: str) -> list[str]:
    return [entry.state.value for entry in await ledger.page(job, ObjectQuery())]


async def test_discovery_is_counted_and_begins_anew_where_it_is_begun_again(ledger: SqlObjectLedger) -> None:
    assert await ledger.totals(JOB) is None
    await discovered(ledger, JOB, listed(1, 2), listed(3))
    totals = await ledger.totals(JOB)
    assert totals is not None
    assert (totals.objects, totals.size, totals.processed, totals.started_at) == (3, 60, 0, None)
    await discovered(ledger, JOB, listed(4))
    totals = await ledger.totals(JOB)
    assert totals is not None and (totals.objects, totals.size) == (1, 40)
    assert [entry.key for entry in await ledger.page(JOB, ObjectQuery())] == ["in/4_%.json"]


async def test_objects_are_paged_filtered_and_searched(ledger: SqlObjectLedger) -> None:
    await discovered(ledger, JOB, listed(*range(1, 8)))
    third = await ledger.entry(JOB, "in/3_%.json")
    assert third is not None and (third.number, third.size, third.modified_at) == (3, 30, 1_003)
    await ledger.save(JOB, third, ObjectState.FAILED, Reached(undecodable=2, mistakes=((4, "why"),)), "broken")
    assert [one.number for one in await ledger.page(JOB, ObjectQuery(after=2, limit=3))] == [3, 4, 5]
    (failed,) = await ledger.page(JOB, ObjectQuery(state=ObjectState.FAILED))
    assert (failed.error, failed.attempts, failed.reached.mistakes) == ("broken", 1, ((4, "why"),))
    assert [one.number for one in await ledger.page(JOB, ObjectQuery(search="5_%"))] == [5]
    assert await ledger.page(JOB, ObjectQuery(search="5__")) == []
    assert await ledger.entry(JOB, "none") is None
    assert await ledger.entry(OTHER, "in/3_%.json") is None


async def test_a_search_of_many_objects_finds_each_that_fits_once(ledger: SqlObjectLedger) -> None:
    many = MOST_FOUND + 4_000
    names = {n: f"in/{'Often' if n > 3_500 else 'early'}-{n:05}.json" for n in range(1, many + 1)}
    names[8_000] = "in/ÄÖ Only.json"
    found = [Listed(key=key, size=1, version="v", modified_at=1, content=key) for key in names.values()]
    await discovered(ledger, JOB, *(found[at : at + 3_000] for at in range(0, many, 3_000)))
    await discovered(ledger, OTHER, found[7_000:7_010])
    for number in (10, 7_001):
        entry = await ledger.entry(JOB, names[number])
        assert entry is not None
        await ledger.save(JOB, entry, ObjectState.FAILED, Reached(), "Cut 50% short")

    async def numbers(**query: Any) -> list[int]:
        return [one.number for one in await ledger.page(JOB, ObjectQuery(**query))]

    assert await numbers(search="-08999") == await numbers(search="oFTEN-08999.JSON") == [8_999]
    assert await numbers(search="ÄÖ oNLY") == [8_000] and await numbers(search="äö only") == []
    assert await numbers(search="cut 50% SHORT") == [10, 7_001]
    assert await numbers(search="cut 50% SHORT", after=10) == [7_001]
    assert await numbers(search="-0700", state=ObjectState.FAILED) == [7_001]
    assert await numbers(search="early", limit=5_000) == list(range(1, 3_501))
    assert await numbers(search="often", limit=3) == [3_501, 3_502, 3_503]
    assert await numbers(search="9.json", after=8_000, limit=1_000) == list(range(8_009, 18_000, 10))
    assert await numbers(search="nothing has this") == []


async def test_what_is_saved_twice_counts_once(ledger: SqlObjectLedger) -> None:
    await discovered(ledger, JOB, listed(1, 2))
    first = await ledger.entry(JOB, "in/1_%.json")
    assert first is not None
    half = Reached(offset=5, line=3, read=5, events=3, refused={"x": 1})
    await ledger.save(JOB, first, ObjectState.PENDING, half)
    again = await ledger.entry(JOB, "in/1_%.json")
    assert again is not None and (again.reached, again.attempts) == (half, 0)
    whole = Reached(offset=10, line=7, read=10, events=6, skipped=1, gated=2, undecodable=1)
    for _ in range(3):
        await ledger.save(JOB, first, ObjectState.INGESTED, whole)
    totals = await ledger.totals(JOB)
    assert totals is not None
    assert (totals.processed, totals.failed, totals.events, totals.read) == (1, 0, 6, 10)
    assert (totals.skipped, totals.gated, totals.undecodable) == (1, 2, 1)
    assert totals.started_at is not None and totals.updated_at is not None


async def test_a_retry_that_succeeds_moves_the_object_over(ledger: SqlObjectLedger) -> None:
    await discovered(ledger, JOB, listed(1))
    one = await ledger.entry(JOB, "in/1_%.json")
    assert one is not None
    await ledger.save(JOB, one, ObjectState.FAILED, Reached(events=2), "cut short")
    await ledger.save(JOB, one, ObjectState.INGESTED, Reached(events=5))
    totals = await ledger.totals(JOB)
    assert totals is not None and (totals.processed, totals.failed, totals.events) == (1, 0, 5)
    (entry,) = await ledger.page(JOB, ObjectQuery())
    assert (entry.attempts, entry.error) == (2, None)


async def test_what_another_job_has_ingested_whole_is_passed_over(ledger: SqlObjectLedger) -> None:
    await discovered(ledger, JOB, listed(1, 2, 3))
    one, two, three = await ledger.page(JOB, ObjectQuery())
    await ledger.save(JOB, one, ObjectState.INGESTED, Reached(events=5))
    await ledger.save(JOB, two, ObjectState.INGESTED, Reached(events=5, gated=1))
    await ledger.save(JOB, three, ObjectState.FAILED, Reached(), "broken")
    await discovered(ledger, OTHER, listed(1, 2, 3), listed(4, version="v2"))
    assert await ledger.pass_over(OTHER, "another graph") == await ledger.pass_over(JOB, GRAPH) == 0
    assert await ledger.unchanged(OTHER, GRAPH) == 1
    assert set(await states(ledger, OTHER)) == {"pending"}
    assert await ledger.pass_over(OTHER, GRAPH) == 1
    assert await states(ledger, OTHER) == ["unchanged", "pending", "pending", "pending"]
    totals = await ledger.totals(OTHER)
    assert totals is not None and (totals.unchanged, totals.processed, totals.started_at) == (1, 0, None)
    await discovered(ledger, OTHER, listed(1, version="v2"))
    assert await ledger.pass_over(OTHER, GRAPH) == 0


async def test_objects_that_are_saved_at_one_moment_are_all_counted(ledger: SqlObjectLedger) -> None:
    for job in (JOB, OTHER):
        await discovered(ledger, job, listed(*range(1, 41)))
    saves = []
    for job, events in ((JOB, 1), (OTHER, 3)):
        for entry in await ledger.page(job, ObjectQuery()):
            state = ObjectState.FAILED if entry.number % 4 == 0 else ObjectState.INGESTED
            saves.append(ledger.save(job, entry, ObjectState.PENDING, Reached(line=1, events=1)))
            saves.append(ledger.save(job, entry, state, Reached(line=2, events=events)))
    hasty = asyncio.ensure_future(saves[0])
    await asyncio.sleep(0)
    hasty.cancel()
    await asyncio.gather(hasty, *saves[1:], return_exceptions=True)
    for job, events in ((JOB, 40), (OTHER, 120)):
        totals = await ledger.totals(job)
        assert totals is not None
        assert (totals.processed, totals.failed, totals.events) == (30, 10, events)
        assert {entry.reached.line for entry in await ledger.page(job, ObjectQuery())} == {2}


async def test_an_object_that_is_gone_from_the_ledger_is_saved_nowhere(ledger: SqlObjectLedger) -> None:
    await discovered(ledger, JOB, listed(1, 2))
    two = await ledger.entry(JOB, "in/2_%.json")
    assert two is not None
    await discovered(ledger, JOB, listed(1))
    await ledger.save(JOB, two, ObjectState.INGESTED, Reached(events=5))
    assert await states(ledger, JOB) == ["pending"]
    totals = await ledger.totals(JOB)
    assert totals is not None and totals.events == 0
