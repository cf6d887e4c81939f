"""Every job store, behind one fixture, with a clock that tests set."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Connection, func, select

from retrograph.jobs.job import Counts, Job, Parameters, Spec
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.store import Checkpoint, Claim, Claimed, FailedItem, NewJob
from retrograph.store.engine import Database
from retrograph.store.schema import open_database
from retrograph.store.tables import jobs

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)]
LEASE_MS = 15_000


class DatabaseTime:
    """The database's clock, as far as leases are concerned."""

    def __init__(self) -> None:
        self.millis = 1_500_000_000_000
        self.between_looks = 0
        """What passes after each look at it."""

    def __call__(self, connection: Connection) -> int:
        del connection
        now, self.millis = self.millis, self.millis + self.between_looks
        return now

    def advance(self, millis: int) -> None:
        self.millis += millis


class Stores:
    """Opens any number of stores over one database, as several processes would."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.time = DatabaseTime()
        self._opened: list[SqlJobStore] = []
        self._onlooker: Database | None = None

    async def open(self, *, real_time: bool = False) -> SqlJobStore:
        store = SqlJobStore(await open_database(self.url, now=None if real_time else self.time))
        self._opened.append(store)
        return store

    async def lasting_leases(self) -> int:
        """How many leases last at this moment, by the database's own clock."""
        onlooker = await self.onlooker()
        return await onlooker.write(partial(_lasting_leases, onlooker))

    async def onlooker(self) -> Database:
        """The database itself, as somebody sees it who is none of the stores."""
        if self._onlooker is None:
            self._onlooker = await open_database(self.url)
        return self._onlooker

    async def close(self) -> None:
        for store in self._opened:
            await store.close()
        if self._onlooker is not None:
            await self._onlooker.close()


def _lasting_leases(database: Database, connection: Connection) -> int:
    lasting = select(func.count()).select_from(jobs).where(jobs.c.lease_until > database.now(connection))
    return int(connection.scalar(lasting) or 0)


@pytest.fixture(params=BACKENDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def stores(store_url: str) -> AsyncIterator[Stores]:
    opened = Stores(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def store(stores: Stores) -> SqlJobStore:
    return await stores.open()


def new_job(key: str = "load", **changes: object) -> NewJob:
    values: dict[str, object] = {
        "job_id": str(uuid4()),
        "graph_id": "graph-1",
        "key": key,
        "kind": "purchases",
        "spec": Spec(digest="d1", as_of=1_500_000_000_000),
        "parameters": Parameters(),
        "total": 10,
        "whole": True,
    }
    return NewJob(**(values | changes))  # type: ignore[arg-type]


def claim_of(job: Job, holder: str = "a", **changes: object) -> Claim:
    values: dict[str, object] = {
        "job_id": job.job_id,
        "holder": holder,
        "who": "tester",
        "why": "test",
        "parameters": job.parameters,
        "lease_ms": LEASE_MS,
    }
    return Claim(**(values | changes))  # type: ignore[arg-type]


async def running(store: SqlJobStore, key: str = "load", holder: str = "a", **changes: object) -> Claimed:
    """A job that was accepted and claimed."""
    job = await store.accept(new_job(key), "tester")
    claimed = await store.claim(claim_of(job, holder, **changes))
    assert isinstance(claimed, Claimed)
    return claimed


def processed(number: int, count: int, cursor: str, **changes: object) -> Checkpoint:
    values: dict[str, object] = {"number": number, "cursor": cursor, "total": 10, "added": Counts(processed=count)}
    return Checkpoint(**(values | changes))  # type: ignore[arg-type]


def failing(*items: str, message: str = "no luck", at: int = 5) -> list[FailedItem]:
    return [FailedItem(item=item, error_class="ServiceFailed", message=message, at=at) for item in items]
