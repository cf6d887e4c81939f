"""The engine under real signals: processes that are killed, frozen, and compete for one job."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrograph.jobs.job import Job
from retrograph.jobs.queries import JobQuery
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import EDGES, JobState
from retrograph.store.schema import open_database

ITEMS = 1_000
LEASE = 2.0


class Processes:
    """Starts processes that run the same job, and kills what is left of them."""

    def __init__(self, url: str, file: Path) -> None:
        self.url = url
        self.file = file
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *, milliseconds: float = 50, once: bool = False) -> "subprocess.Popen[str]":
        arguments = [self.url, str(self.file), str(ITEMS), str(LEASE), str(milliseconds), *(["once"] if once else [])]
        command = [sys.executable, "-m", "tests.integration.engine_process", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._started.append(process)
        return process

    def lines(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []

    def wait_for_lines(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.lines()) < count:
            assert time.monotonic() < deadline, "the process does not get on"
            time.sleep(0.01)

    async def freeze(self, process: "subprocess.Popen[str]") -> None:
        """Stops a process outside a write: one that is frozen inside holds SQLite's lock, and nobody gets in."""
        while True:
            process.send_signal(signal.SIGSTOP)
            if not self.url.startswith("sqlite") or _writable(self.url.removeprefix("sqlite:///")):
                return
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.02)

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()

    async def store(self) -> SqlJobStore:
        return SqlJobStore(await open_database(self.url))

    async def job(self) -> Job:
        store = await self.store()
        try:
            return (await store.page(JobQuery())).jobs[0]
        finally:
            await store.close()


def _writable(file: str) -> bool:
    connection = sqlite3.connect(file, timeout=0.1, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Processes]:
    embedded = f"sqlite:///{tmp_path / 'jobs.db'}"
    url = embedded if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    started = Processes(url, tmp_path / "items.txt")
    yield started
    started.end()


async def assert_exact(processes: Processes, most_repeated: int) -> None:
    job = await processes.job()
    assert job.state is JobState.SUCCEEDED
    assert (job.counts.processed, job.counts.failed, job.counts.skipped, job.total) == (ITEMS, 0, 0, ITEMS)
    done = Counter(processes.lines())
    assert len(done) == ITEMS, "an item was lost"
    assert sum(done.values()) - ITEMS <= most_repeated, "items were done again without need"
    store = await processes.store()
    moves = [event for event in await store.log(job.job_id) if event.origin and event.target]
    await store.close()
    assert all((event.origin, event.target) in EDGES for event in moves)


async def test_killed_again_and_again_it_ends_with_exact_counts(processes: Processes) -> None:
    chance = random.Random(7)
    kills = 4
    for kill in range(kills):
        process = processes.start()
        processes.wait_for_lines(int((kill + chance.uniform(0.2, 0.9)) * ITEMS / (kills + 2)))
        process.kill()
        process.wait()
    last = processes.start(milliseconds=0)
    assert last.wait(60) == 0
    assert (await processes.job()).epoch == kills + 1
    # At most what two batches and the items under way hold is unsaved when a process dies.
    await assert_exact(processes, most_repeated=kills * (2 * 20 + 8))


async def test_a_dead_process_is_replaced_within_the_lease_and_a_second(processes: Processes) -> None:
    first = processes.start()
    processes.wait_for_lines(100)
    second = processes.start(milliseconds=0)
    assert second.stdout is not None
    assert "held by" in second.stdout.readline()
    first.kill()
    died = time.monotonic()
    assert second.stdout.readline().strip() == "running"
    assert time.monotonic() - died < LEASE + 1
    assert second.wait(60) == 0
    await assert_exact(processes, most_repeated=2 * 20 + 8)


async def test_a_frozen_process_writes_no_checkpoint_after_it_wakes(processes: Processes) -> None:
    first = processes.start(once=True)
    processes.wait_for_lines(100)
    await processes.freeze(first)
    second = processes.start(milliseconds=0)
    assert second.wait(60) == 0
    before = await processes.job()
    first.send_signal(signal.SIGCONT)
    said, _ = first.communicate(timeout=60)
    assert (first.returncode, "lost:" in said) == (4, True)
    assert await processes.job() == before
    await assert_exact(processes, most_repeated=2 * 20 + 8 + 8)


async def test_a_process_frozen_alone_takes_its_job_again_when_it_wakes(processes: Processes) -> None:
    only = processes.start()
    processes.wait_for_lines(100)
    await processes.freeze(only)
    await asyncio.sleep(LEASE + 0.2)
    only.send_signal(signal.SIGCONT)
    assert only.wait(60) == 0
    assert (await processes.job()).epoch == 2
    await assert_exact(processes, most_repeated=2 * 20 + 8)


async def test_of_three_that_compete_one_runs_and_the_others_say_so(processes: Processes) -> None:
    first = processes.start()
    processes.wait_for_lines(50)
    others = [processes.start(milliseconds=0) for _ in range(2)]
    answers = [other.communicate(timeout=60)[0] for other in others]
    assert [other.returncode for other in others] == [4, 4]
    assert all(answer.strip().endswith("running") for answer in answers)
    assert first.wait(60) == 0
    await assert_exact(processes, most_repeated=0)
