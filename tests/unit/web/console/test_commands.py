"""What is copied means what was submitted, whatever the values hold."""

import json
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from retrograph.config import load_settings
from retrograph.jobs.job import Job, Parameters, Spec
from retrograph.jobs.state import JobState
from retrograph.web.console.commands import body, command_line, curl

HOSTILE = '/tmp/it\'s $(touch x) `id` "q" \\ \n; rm -rf ‮~ & | <b>.csv'
JOB = Job(
    job_id="j", graph_id="g", key="cohort", kind="purchases", state=JobState.STOPPED,
    spec=Spec(source={"file": "users.csv", "ids": 3}, as_of=1_514_851_200_000, lookback_days=30),
    parameters=Parameters(rate_limit=10.0),
)  # fmt: skip


def with_source(**source: str | int) -> Job:
    return replace(JOB, spec=replace(JOB.spec, source=source))


def test_a_job_is_a_command_line_with_what_differs_from_the_defaults() -> None:
    assert command_line(JOB) == (
        "retrograph backfill purchases --user-file users.csv --key cohort --as-of 2018-01-02T00:00:00.000Z "
        "--lookback-days 30"
    )
    other = replace(JOB, parameters=Parameters(rate_limit=2.5, batch_size=50, retry_failed_before_cursor=False))
    assert command_line(other).endswith("--batch-size 50 --rate-limit 2.5 --no-retry-failed")


def test_a_job_that_is_sent_says_so_and_finds_its_queue_by_its_key() -> None:
    sent = replace(JOB, parameters=Parameters(rate_limit=10.0, executor="queue", queue="https://sqs.example/1/q"))
    assert command_line(sent).endswith("--lookback-days 30 --executor queue")
    assert body(sent)["executor"] == "queue" and "queue" not in body(sent)


def test_users_that_only_the_job_knows_are_known_by_its_key() -> None:
    assert "user" not in command_line(with_source(inline=2))
    assert set(body(with_source(inline=2))) == {"kind", "key", "as_of", "lookback_days"}
    assert "--source neo4j" in command_line(with_source(graph="users"))
    assert body(with_source(object="s3://b/k"))["s3_uri"] == "s3://b/k"


def test_the_identity_graph_has_no_window() -> None:
    job = replace(JOB, kind="identity", key="identity", spec=Spec(as_of=0, dry_run=True), parameters=Parameters())
    assert command_line(job) == "retrograph backfill identity --key identity --dry-run"
    assert body(job) == {"kind": "identity", "key": "identity", "dry_run": True}


def words_in_a_shell(command: str) -> list[str]:
    """What a real shell hands to the program."""
    program, rest = command.split(" ", 1)
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {program} {rest}"], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


def test_a_shell_takes_hostile_values_as_they_are() -> None:
    command = command_line(with_source(file=HOSTILE))
    assert words_in_a_shell(command) == shlex.split(command)
    assert HOSTILE in words_in_a_shell(command)


@pytest.mark.parametrize("uri", ["s3://b/it's", "s3://b/$(id)", 's3://b/"\\', "s3://b/\n"])
def test_the_call_of_the_api_holds_the_document_whole(uri: str) -> None:
    words = words_in_a_shell(curl(with_source(object=uri), "https://x.example/"))
    assert words[:3] == ["curl", "--fail-with-body", "https://x.example/api/v1/jobs"]
    assert json.loads(words[words.index("-d") + 1])["s3_uri"] == uri


def test_whoever_sets_the_token_that_the_call_asks_for_can_run_the_command_line_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A variable with our prefix that is no setting would stop every command."""
    (name,) = re.findall(r"\$(\w+)", curl(JOB, "https://x.example/"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "rtg_x")
    assert load_settings().admins is None
