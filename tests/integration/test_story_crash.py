"""Processes that die, freeze or are told to end in the middle of a load: whoever goes on loses and doubles nothing."""

import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.story import (
    FAST,
    WINDOW,
    History,
    Place,
    ended,
    outcome,
    until,
    until_counted,
    until_told,
)

pytestmark = pytest.mark.timeout(900)
PACED = ("--rate-limit", "25", "--concurrency", "8", "--batch-size", "10")
"""Slow enough to be met in the middle, with a checkpoint after every few users."""
LEASE_SECONDS = 10
"""Short, so that a death is seen soon, and longer than a command takes to begin on a busy machine."""
SLOW = ("--rate-limit", "6", "--concurrency", "4", "--batch-size", "5")
"""Slow enough to be still under way when another command has begun and acted, on a busy machine too."""
MARGIN_SECONDS = 1.0
WAITING = "waiting to see whether that process lives"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def kept(request: pytest.FixtureRequest, tmp_path: Path, history: History) -> Place:
    """A place with a short lease, its jobs kept in each kind of store."""
    if request.param == "sqlite":
        return leased(tmp_path, history)
    return leased(tmp_path, history, store=request.getfixturevalue("postgres_url"))


def leased(directory: Path, history: History, seconds: float = LEASE_SECONDS, **settings: str) -> Place:
    return Place(directory, history, jobs_lease_seconds=f"{seconds:g}", **settings)


def killed_at(process: "subprocess.Popen[str]", place: Place, users: int) -> None:
    """Kills a load without warning once a checkpoint counts so many users."""
    until_counted(process, place, users)
    process.kill()
    process.wait()


def complete(place: Place, history: History) -> Any:
    """The job, which must have ended well with every user counted once."""
    job = place.job()
    assert job["state"] == "succeeded"
    assert (job["total"], job["processed"], job["failed"], job["skipped"]) == (len(history.some), job["total"], 0, 0)
    by_run = place.rows(
        "SELECT sum(processed) AS processed, sum(failed) AS failed, sum(skipped) AS skipped FROM job_runs"
    )
    assert [int(value) for value in by_run[0].values()] == [job["total"], 0, 0]
    return job


def test_killed_again_and_again_at_random_moments(kept: Place, history: History, undisturbed: Any) -> None:
    moments = sorted(random.Random(21).sample(range(1, len(history.some) - 20), 3))
    command = kept.backfill(history.some, *PACED)
    waits = 0
    for moment in moments:
        with kept.cli.running(*command) as process:
            waits += WAITING in until_told(process, "items at 25 per second")
            killed_at(process, kept, moment)
    assert waits, "restarted at once, it says what it waits for, unless this machine takes a lease's time to start it"
    with kept.cli.running(*command) as process:  # one that is killed while it waits has taken nothing
        until_told(process, WAITING)
        process.kill()
    last = kept.cli.run(*kept.backfill(history.some, *FAST))
    assert last.code == 0, last.err
    assert complete(kept, history)["run"] == len(moments) + 1
    assert kept.digest() == undisturbed
    assert [event["to"] for event in kept.log() if event["to"] == "interrupted"] == ["interrupted"] * len(moments)


def test_an_interrupted_job_is_taken_over_within_the_lease_and_a_second(
    kept: Place, history: History, undisturbed: Any
) -> None:
    """The dead holder's lease and the moment of the takeover are both read off the store's own clock."""
    with kept.cli.running(*kept.backfill(history.some, *PACED)) as process:
        killed_at(process, kept, 20)
    dead = kept.row("holder, lease_until, heartbeat_at, epoch")
    assert dead is not None
    assert dead["lease_until"] - dead["heartbeat_at"] == LEASE_SECONDS * 1000
    with kept.cli.running(*kept.backfill(history.some, *FAST)) as heir:
        until_told(heir, WAITING)
        waiting_since = store_millis()
        assert outcome(heir).code == 0
    taken = kept.rows("SELECT started_at FROM job_runs WHERE number = 2")[0]["started_at"]
    assert dead["lease_until"] <= taken <= max(dead["lease_until"], waiting_since) + MARGIN_SECONDS * 1000
    complete(kept, history)
    assert kept.digest() == undisturbed


def store_millis() -> float:
    """The clock of every store here: that of this machine."""
    return time.time() * 1000


def frozen(process: "subprocess.Popen[str]", place: Place, users: int) -> dict[str, Any]:
    """Stops the clock for a load, waits until its lease has run out, and answers its row."""
    until_counted(process, place, users)
    until(lambda: stopped_between_transactions(process, place), "it stops where it locks no file")
    row = place.row("holder, epoch, lease_until")
    assert row is not None
    assert row["holder"]
    until(lambda: store_millis() > row["lease_until"], "the lease runs out")
    return row


def stopped_between_transactions(process: "subprocess.Popen[str]", place: Place) -> bool:
    """Where it stops with the embedded file locked, nobody can go on: that is what a file's lock means."""
    process.send_signal(signal.SIGSTOP)
    with closing(sqlite3.connect(place.directory / "retrograph.db", timeout=0.5, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            return False
        database.execute("ROLLBACK")
    return True


def run_row(place: Place, number: int) -> dict[str, Any]:
    return place.rows(f"SELECT * FROM job_runs WHERE number = {number}")[0]


def test_a_frozen_process_that_another_has_replaced_writes_no_checkpoint(
    kept: Place, history: History, undisturbed: Any
) -> None:
    command = kept.backfill(history.some, *PACED)
    with kept.cli.running(*command) as sleeper:
        frozen(sleeper, kept, 20)
        with kept.cli.running(*kept.backfill(history.some, *SLOW)) as second:
            until_told(second, "items at 6 per second")
            before = run_row(kept, 1)
            log = kept.log()
            sleeper.send_signal(signal.SIGCONT)
            told = outcome(sleeper)
            assert told.code == 4, told.err
            assert "no longer holds" in told.err or "could not renew its lease" in told.err
            assert outcome(second).code == 0
    assert run_row(kept, 1) == before
    assert [event["what"] for event in kept.log()[len(log) :]] == ["succeeded"]
    assert complete(kept, history)["run"] == 2
    assert kept.digest() == undisturbed


def test_a_frozen_process_that_nobody_has_replaced_takes_a_new_lease_first(
    tmp_path: Path, history: History, undisturbed: Any
) -> None:
    place = leased(tmp_path, history)
    with place.cli.running(*place.backfill(history.some, *PACED)) as sleeper:
        before = frozen(sleeper, place, 20)
        counted = run_row(place, 1)
        sleeper.send_signal(signal.SIGCONT)
        told = outcome(sleeper)
    assert told.code == 0, told.err
    assert "trying to take it again" in told.err
    after = run_row(place, 1)
    assert {name: after[name] for name in ("processed", "failed", "skipped")} == {
        name: counted[name] for name in ("processed", "failed", "skipped")
    }
    assert after["state"] == "interrupted"
    assert complete(place, history)["run"] == before["epoch"] + 1
    assert place.digest() == undisturbed


def test_a_second_start_of_a_running_key_is_refused_within_a_renewal(tmp_path: Path, history: History) -> None:
    place = leased(tmp_path, history, seconds=LEASE_SECONDS)
    ids = history.some[:90]
    with place.cli.running(*place.backfill(ids, *SLOW)) as holder:
        until_told(holder, "90 items")
        with place.cli.running(*place.backfill(ids, *FAST)) as second:
            until_told(second, WAITING)
            since = time.monotonic()
            told = outcome(second)
            waited = time.monotonic() - since
        assert told.code == 4, told.err
        assert "story is running already" in told.err
        assert waited <= LEASE_SECONDS / 3 + MARGIN_SECONDS * 2  # its own way out of the process included
        assert holder.poll() is None
        assert outcome(holder).code == 0
    job = place.job()
    assert (job["run"], job["processed"], job["parameters"]["rate_limit"]) == (1, 90, 6.0)
    assert [event["what"] for event in place.log()].count("started") == 1


def test_told_to_end_in_every_way_it_resumes_by_the_same_command(
    tmp_path: Path, history: History, undisturbed: Any
) -> None:
    place = Place(tmp_path, history)
    command = place.backfill(history.some, *SLOW)
    endings: list[tuple[int, str, str | None]] = []

    def ended_by(users: int, act: Any) -> None:
        with place.cli.running(*command) as process:
            until_counted(process, place, users)
            act(process)
            code = outcome(process).code
        job = place.job()
        assert job["processed"] < len(history.some)
        endings.append((code, job["state"], job["reason"]))

    ended_by(10, lambda process: process.send_signal(signal.SIGINT))
    ended_by(20, lambda process: process.send_signal(signal.SIGTERM))
    ended_by(30, lambda _: ended(place.cli.run("jobs", "stop", "story", "--why", "lunch", "--json")))
    assert endings == [(130, "stopped", None), (6, "paused", "shutdown"), (5, "stopped", None)]
    assert place.load(history.some)["run"] == 4
    complete(place, history)
    assert place.digest() == undisturbed
    assert "lunch" in [event["why"] for event in place.log()]


def test_cancelled_from_elsewhere_it_ends_for_good(tmp_path: Path, history: History, undisturbed: Any) -> None:
    place = Place(tmp_path, history)
    with place.cli.running(*place.backfill(history.some, *SLOW)) as process:
        until_counted(process, place, 5)
        ended(place.cli.run("jobs", "cancel", "story", "--why", "never again", "--json"))
        told = outcome(process)
    assert told.code == 5, told.err
    assert told.json["state"] == "canceled"
    refused = place.cli.run("backfill", "purchases", "--user-file", "story.txt", "--key", "story", *WINDOW)
    assert refused.code == 2
    assert "--reset-cursor" in refused.err
    assert place.job()["state"] == "canceled"
    assert place.load(history.some, *FAST, "--reset-cursor")["processed"] == len(history.some)
    assert place.digest() == undisturbed
