"""Two servers over one PostgreSQL store: the one that runs a job is killed, and the other takes it over."""

from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.command_line import CommandLine
from tests.integration.server_process import in_directory, job_of, served, wait_for

pytestmark = pytest.mark.server

USERS = 3_000
LEASE_SECONDS = 3.0


def test_a_killed_servers_job_is_taken_over_within_the_lease_and_a_second(tmp_path: Path, postgres_url: str) -> None:
    cli = _mapped(tmp_path, postgres_url)
    calm = cli.with_settings(graph="sqlite:///calm.db", store="sqlite:///calm.db")
    assert calm.run("backfill", "identity").code == 0

    with served(cli, "first") as first, served(cli, "second") as second:
        token = first.token()
        with first.client(token) as asked:
            started = asked.post("/api/v1/jobs", json={"kind": "identity", "rate_limit": 500, "batch_size": 50})
            assert started.status_code == 202, started.text
            wait_for(lambda: job_of(asked, "identity")["processed"] >= 300, "the first users")
        first.kill()
        died = _now(postgres_url)

        with second.client(token) as other:
            wait_for(lambda: job_of(other, "identity")["run"] == 2, "the other server to take over")
            job = wait_for(lambda: _ended(job_of(other, "identity")), "the end")

    assert (job["state"], job["processed"], job["failed"], job["skipped"]) == ("succeeded", USERS, 0, 0)
    waited = (_second_run_began(postgres_url) - died).total_seconds()
    assert waited <= LEASE_SECONDS + 1
    assert cli.run("graph", "digest").out == calm.run("graph", "digest").out
    moves = cli.run("jobs", "log", "identity", "--json").json
    assert [one["to"] for one in moves if one.get("to")][-3:] == ["interrupted", "running", "succeeded"]


def _mapped(directory: Path, url: str) -> CommandLine:
    cli = in_directory(directory, store=url, graph="sqlite:///graph.db", jobs_lease_seconds=str(LEASE_SECONDS))
    made = cli.run("sandbox", "users", "--to", url, "--count", str(USERS), "--seed", "6", "--json")
    assert made.code == 0, made.err
    mapped = {name.removeprefix("RETROGRAPH_").lower(): text for name, text in made.json["settings"].items()}
    return cli.with_settings(**mapped)


def _ended(job: Any) -> Any:
    return job if job["state"] not in ("pending", "running", "interrupted") else None


def _now(url: str) -> datetime:
    """By the store's clock, which decides about leases."""
    return _asked(url, "SELECT clock_timestamp()")


def _second_run_began(url: str) -> datetime:
    return _asked(url, "SELECT to_timestamp(started_at / 1000.0) FROM job_runs WHERE number = 2")


def _asked(url: str, query: str) -> datetime:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    found: datetime = row[0]
    return found
