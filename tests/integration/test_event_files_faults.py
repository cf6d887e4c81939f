"""A bucket that is too busy, goes silent, or whose reader dies: nothing is lost, and little is done again."""

import base64
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bucket_proxy import Asked, bucket_proxy
from tests.integration.command_line import CommandLine
from tests.integration.event_files import digest, ended_objects, load, receipt, row
from tests.integration.story import outcome, until
from tests.servers.server import HOST
from tests.servers.toxiproxy import ToxiproxyServer
from tests.servers.versitygw import VersitygwServer

FILES = 20
SECOND = 4 * 1024 * 1024
"""Where the second request for a large object begins."""


def filled(server: VersitygwServer, files: int = FILES) -> str:
    """A new bucket with so many files of one event each."""
    bucket = server.new_bucket()
    for number in range(files):
        server.client().put_object(Bucket=bucket, Key=f"{number:02d}.json", Body=receipt(number, f"u{number}"))
    return bucket


def enter_through(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{port}")


def test_a_bucket_that_asks_for_fewer_requests_is_asked_more_slowly_and_loses_nothing(
    cli: CommandLine, tmp_path: Path, entered: VersitygwServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = filled(entered)

    def busy(asked: Asked, before: int) -> bool:
        return before < 1 if asked.key is None else asked.key.endswith("5.json") and before < 2

    def slowed() -> Any:
        found = row(tmp_path, "SELECT pressure FROM jobs WHERE pressure IS NOT NULL")
        return json.loads(found["pressure"]) if found else None

    with bucket_proxy(entered.port, busy) as proxy:
        enter_through(proxy.port, monkeypatch)
        with cli.running("backfill", "events", "--uri", f"s3://{bucket}", "--batch-size", "1", "--json") as process:
            pressure = until(slowed, "it is told that the bucket slows the load")
            done = outcome(process)
    assert (pressure["service"], set(pressure["retried"]["s3"])) == ("s3", {"503"})
    assert pressure["pace"] < pressure["full"]
    assert done.code == 0, done.err
    assert (done.json["processed"], done.json["failed"]) == (FILES, 0)
    assert digest(cli)["facts"] == FILES
    assert {proxy.times(f"{number}5.json") for number in range(2)} == {3}


def test_a_bucket_that_goes_silent_is_asked_again(
    cli: CommandLine, tmp_path: Path, entered: VersitygwServer, toxiproxy: ToxiproxyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    bucket = filled(entered)
    with bucket_proxy(entered.port) as heard:
        between = toxiproxy.proxy(heard.port)
        enter_through(between.port, monkeypatch)
        impatient = cli.with_settings(files_timeout_seconds="1")
        command = ("backfill", "events", "--uri", f"s3://{bucket}", "--rate-limit", "5", "--json")
        with impatient.running(*command) as process:
            until(lambda: ended_objects(tmp_path) >= 2, "some objects are read")
            between.add_toxic("timeout", timeout=0)
            before = len(heard.asked)

            def again() -> bool:
                since = [one.key for one in heard.asked[before:]]
                return len(since) > len(set(since))

            until(again, "an object is asked for again, of which nothing was heard")
            between.mend()
            done = outcome(process)
    assert done.code == 0, done.err
    assert (done.json["processed"], done.json["failed"]) == (FILES, 0)
    assert digest(cli)["facts"] == FILES


EVENTS = 6_000


def large_file() -> bytes:
    """It is larger than what is asked for at once, also when it is packed."""
    chance = random.Random(3)
    return b"".join(
        receipt(number, f"u{number % 50}", note=base64.b64encode(chance.randbytes(1_500)).decode())
        for number in range(EVENTS)
    )


@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_a_large_file_whose_reader_is_killed_goes_on_where_it_was_and_counts_once(
    cli: CommandLine, tmp_path: Path, entered: VersitygwServer, monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    bucket, content = entered.new_bucket(), large_file()
    name, stored = ("large.json", content) if packing == "plain" else ("large.json.gz", gzip.compress(content, 1))
    entered.client().put_object(Bucket=bucket, Key=name, Body=stored)
    killed = False

    def busy(asked: Asked, before: int) -> bool:
        """After its beginning the file is read for long enough to be saved, and never to its end."""
        return not killed and (asked.first > SECOND or (asked.first == SECOND and before < 5))

    def saved() -> Any:
        found = row(tmp_path, "SELECT * FROM job_objects")
        return found if found and found["line"] else None

    with bucket_proxy(entered.port, busy) as heard:
        enter_through(heard.port, monkeypatch)
        with cli.running("backfill", "events", "--uri", f"s3://{bucket}", "--key", "large") as process:
            until(saved, "it is saved how far the file is")
            process.kill()
            process.wait()
        reached, killed, before = saved(), True, len(heard.asked)
        assert reached["state"] == "pending" and 0 < reached["line"] < EVENTS
        done = load(cli, f"s3://{bucket}", "--key", "large")
        asked = [one.first for one in heard.asked[before:] if one.key is not None]
    assert done.code == 0, done.err
    checks = 1
    assert asked.count(0) == checks + (packing == "gzip")
    goes_on_at = next(first for first in asked if first)
    assert goes_on_at == (reached["offset"] if packing == "plain" else SECOND)
    assert packing == "gzip" or content[: reached["offset"]].count(b"\n") == reached["line"]
    ended = row(tmp_path, "SELECT state, events, line, read, undecodable FROM job_objects")
    assert tuple(ended) == ("ingested", EVENTS, EVENTS, len(stored), 0)
    assert digest(cli)["facts"] == EVENTS
