"""The list of many jobs: in every order and with every filter it shows each that fits once, however it is found."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import pytest
from sqlalchemy import Connection, insert

from retrograph.errors import UsageError
from retrograph.jobs.job import NO_GRAPH, Spec
from retrograph.jobs.queries import JobQuery
from retrograph.jobs.sql.listing import LOOKED_THROUGH, SORTED, SORTS
from retrograph.jobs.sql.rows import spec_text
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.store.tables import jobs
from tests.contracts.job_stores import Stores, store, store_url, stores

__all__ = ["store", "store_url", "stores"]

MANY: Final = LOOKED_THROUGH + 700
NASTY: Final = ("a\nb", "tab\there", "no\u00a0break", "right\u202eleft", "join\u200der", "x" * 300 + "The end")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A store, and the jobs in it as a test knows them."""

    store: SqlJobStore
    rows: list[Row]

    async def ids(self, limit: int = 300, **query: Any) -> list[str]:
        """All pages of a list."""
        found: list[str] = []
        after: str | None = None
        while True:
            page = await self.store.page(JobQuery(limit=limit, after=after, **query))
            found += [job.job_id for job in page.jobs]
            after = page.next
            if after is None:
                return found


def _row(number: int) -> Row:
    state = "failed" if number % 40 == 0 else "paused" if number % 500 == 7 else "succeeded"
    return {
        "job_id": f"{(number * 7919) % 100_003:08d}",
        "graph_id": NO_GRAPH if number % 9 == 0 else "graph",
        "key": f"{'Nightly' if number % 300 == 5 else 'load'}-{number % 977:04d}-{number}",
        "kind": "identity" if number % 10 == 0 else "purchases",
        "credentials": f"reader-{number % 4}" if number % 50 == 3 else "",
        "state": state,
        "message": NASTY[number % len(NASTY)] if state == "failed" else None,
        "spec": spec_text(Spec(as_of=0)),
        "parameters": "{}",
        "total": None if number % 11 == 0 else 100,
        "processed": number % 90,
        "failed": number % 7,
        "rate": None if number % 3 == 0 else number / 10,
        "needs_attention": number % 600 == 1,
        "created_by": f"ann-{number % 5}@example.com",
        "created_at": 1_500_000_000_000 + number * 1_000,
        "updated_at": 1_500_000_000_000 + (number * 31) % MANY,
        "archived_at": 5 if number % 100 == 99 else None,
    }


@pytest.fixture
async def listed(stores: Stores, store: SqlJobStore) -> AsyncIterator[Listed]:
    rows = [_row(number) for number in range(MANY)]

    def fill(connection: Connection) -> None:
        connection.execute(insert(jobs), rows)

    await (await stores.onlooker()).write(fill)
    yield Listed(store=store, rows=rows)


def _fitting(rows: list[Row], fits: Callable[[Row], bool]) -> set[str]:
    return {row["job_id"] for row in rows if row["archived_at"] is None and fits(row)}


async def test_every_order_shows_every_job_once(listed: Listed) -> None:
    every = _fitting(listed.rows, lambda row: True)
    for name in SORTS:
        up = await listed.ids(limit=900, sort=name)
        assert (len(up), set(up)) == (len(every), every), name
    for name in ("key", "rate", "percent", "message"):
        up = await listed.ids(limit=1_000, sort=name)
        assert await listed.ids(limit=700, sort=f"-{name}") == up[::-1], name
    by_id = {row["job_id"]: row for row in listed.rows}
    for name in ("created_at", "processed", "failed"):
        values = [by_id[job_id][name] for job_id in await listed.ids(limit=1_000, sort=name)]
        assert values == sorted(values)
    rates = [by_id[job_id]["rate"] for job_id in await listed.ids(limit=1_000, sort="-rate")]
    known = [rate for rate in rates if rate is not None]
    assert known == sorted(known, reverse=True) and set(rates[len(known) :]) == {None}


FILTERS: Final[tuple[tuple[dict[str, Any], Callable[[Row], bool]], ...]] = (
    ({"states": frozenset({JobState.SUCCEEDED})}, lambda row: row["state"] == "succeeded"),
    ({"states": frozenset({JobState.FAILED, JobState.PAUSED})}, lambda row: row["state"] in ("failed", "paused")),
    ({"states": frozenset({JobState.RUNNING})}, lambda row: False),
    ({"kind": "identity"}, lambda row: row["kind"] == "identity"),
    ({"credentials": "reader-3"}, lambda row: row["credentials"] == "reader-3"),
    ({"credentials": "reader"}, lambda row: False),
    ({"search": "EADER-1"}, lambda row: row["credentials"] == "reader-1"),
    ({"search": "nightly"}, lambda row: row["key"].startswith("Nightly")),
    ({"search": "ANN-3"}, lambda row: row["created_by"].startswith("ann-3")),
    ({"search": "no\u00a0break"}, lambda row: row["message"] == NASTY[2]),
    ({"search": "load-%"}, lambda row: False),
    ({"search": "x" * 150}, lambda row: row["message"] == NASTY[5]),
    ({"search": "the end"}, lambda row: row["message"] == NASTY[5]),
    ({"needs_attention": True}, lambda row: row["needs_attention"]),
    ({"needs_attention": False}, lambda row: not row["needs_attention"]),
    ({"dry_run": True}, lambda row: row["graph_id"] == NO_GRAPH),
    (
        {"created_after": 1_500_000_010_000, "created_before": 1_500_000_020_000},
        lambda row: 1_500_000_010_000 <= row["created_at"] < 1_500_000_020_000,
    ),
    (
        {"kind": "identity", "search": "ann-0", "states": frozenset({JobState.FAILED})},
        lambda row: row["kind"] == "identity" and "ann-0" in row["created_by"] and row["state"] == "failed",
    ),
)


async def test_a_filter_shows_all_that_fit_and_nothing_else_in_any_order(listed: Listed) -> None:
    for query, fits in FILTERS:
        wanted = _fitting(listed.rows, fits)
        for sort in ("-created_at", "state", "message", "credentials"):
            found = await listed.ids(limit=200, sort=sort, **query)
            assert (len(found), set(found)) == (len(wanted), wanted), (query, sort)


async def test_names_of_creators_are_found_however_many_there_are(stores: Stores, listed: Listed) -> None:
    more = [_row(MANY + number) | {"created_by": f"Bob-{number:03}", "archived_at": None} for number in range(150)]
    gone = _row(MANY + 150) | {"created_by": "cid", "archived_at": 5}

    def fill(connection: Connection) -> None:
        connection.execute(insert(jobs), [*more, gone])

    await (await stores.onlooker()).write(fill)
    assert set(await listed.ids(search="BOB-12")) == {row["job_id"] for row in more[120:130]}
    assert await listed.ids(search="cid") == []
    assert await listed.ids(archived=True, search="cid") == [gone["job_id"]]


async def test_the_archive_is_a_list_of_its_own_and_the_rest_is_counted(listed: Listed) -> None:
    archived = {row["job_id"] for row in listed.rows if row["archived_at"] is not None}
    assert set(await listed.ids(archived=True)) == archived
    assert set(await listed.ids(archived=True, search="ann-4")) == archived
    tally = await listed.store.tally()
    count = partial(_fitting, listed.rows)
    assert tally.total == len(count(lambda row: True))
    assert tally.by_state[JobState.FAILED] == len(count(lambda row: row["state"] == "failed"))
    assert tally.by_kind["identity"] == len(count(lambda row: row["kind"] == "identity"))
    assert tally.dry_runs == len(count(lambda row: row["graph_id"] == NO_GRAPH))
    assert tally.needs_attention == len(count(lambda row: row["needs_attention"]))
    assert (await listed.store.tally("identity")).total == tally.by_kind["identity"]


@pytest.mark.parametrize(
    "after", ["[1,2,3]", "[[[[", "AAAA", '["-created_at", "text", "id"]', '["-created_at", 1e400, "x"]']
)
async def test_a_place_that_nobody_gave_out_is_refused_by_name(store: SqlJobStore, after: str) -> None:
    from base64 import urlsafe_b64encode

    made_up = urlsafe_b64encode(after.encode()).decode().rstrip("=")
    with pytest.raises(UsageError) as refused:
        await store.page(JobQuery(after=made_up))
    assert refused.value.field == "after"


async def test_many_that_fit_far_down_the_order_are_walked_to(stores: Stores, store: SqlJobStore) -> None:
    """Jobs that succeeded say nothing: in the order of messages they stand behind those that failed, or before."""
    failed = [_row(number) | {"state": "failed", "message": "503", "archived_at": None} for number in range(MANY)]
    succeeded = [
        _row(MANY + number) | {"job_id": f"s-{number:06}", "state": "succeeded", "message": None, "archived_at": None}
        for number in range(SORTED + 300)
    ]

    def fill(connection: Connection) -> None:
        connection.execute(insert(jobs), [*failed, *succeeded])

    await (await stores.onlooker()).write(fill)
    query = JobQuery(limit=1_000, sort="-message", states=frozenset({JobState.SUCCEEDED}))
    page = await store.page(query)
    assert [job.job_id for job in page.jobs] == [row["job_id"] for row in succeeded[:-1001:-1]]
    again = await store.page(replace(query, after=page.next))
    assert [job.job_id for job in again.jobs] == [row["job_id"] for row in succeeded[-1001:-2001:-1]]
