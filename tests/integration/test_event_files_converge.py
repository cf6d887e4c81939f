"""A bucket full of old events in the graph: every form and packing, over a server that checks signatures, killed again
and again; the same graph comes of it as of the history services, and each event counts once."""

import gzip
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.integration.command_line import PATIENCE_SECONDS, CommandLine
from tests.integration.event_files import digest, ended_objects, row
from tests.integration.event_stream import Event, Stream, history_as_events, terminated
from tests.integration.story import History, Place, ended, until
from tests.servers.kafka import KafkaServer
from tests.servers.versitygw import VersitygwServer

FILES = 500
KILLS = 10
ALL_OF_IT = ("--as-of", "2019-01-01", "--lookback-days", "3650", "--rate-limit", "10000", "--concurrency", "16")


@pytest.fixture(scope="module")
def from_services(tmp_path_factory: pytest.TempPathFactory, _history: History) -> Any:
    """The purchases of a graph into which the services' whole history was loaded."""
    directory = tmp_path_factory.mktemp("services")
    (directory / "ids.txt").write_text("\n".join(_history.ids))
    cli = CommandLine(directory, upstream=_history.url)
    assert cli.run("backfill", "purchases", "--user-file", "ids.txt", *ALL_OF_IT).code == 0
    return digest(cli)


@pytest.mark.timeout(900)
def test_files_of_every_form_make_the_same_graph_as_the_services_however_often_the_load_is_killed(
    tmp_path: Path, entered: VersitygwServer, from_services: Any
) -> None:
    uri = f"s3://{entered.new_bucket()}/old events"
    cli = CommandLine(tmp_path, jobs_lease_seconds="3")
    written = cli.run(
        *("sandbox", "events", "--to", uri, "--files", str(FILES), "--format", "all", "--pack", "all", "--json")
    )
    assert written.code == 0, written.err
    command = ("backfill", "events", "--uri", uri, "--json")
    chance = random.Random(7)
    for _ in range(KILLS):
        before = ended_objects(tmp_path)
        with cli.running(*command) as process:
            until = before + chance.randrange(5, 40)
            ends = time.monotonic() + PATIENCE_SECONDS
            while ended_objects(tmp_path) < until and time.monotonic() < ends:
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.02)
            process.kill()

    done = cli.run(*command)

    assert done.code == 0, done.err
    job, walk = done.json, row(tmp_path, "SELECT * FROM object_walks")
    assert (job["state"], job["failed"], job["processed"]) == ("succeeded", 0, written.json["files"])
    assert (walk["objects"], walk["processed"]) == (written.json["files"], written.json["files"])
    assert walk["size"] == walk["read"] == written.json["bytes"]
    counted = row(tmp_path, "SELECT sum(events) AS events, sum(skipped) AS skipped FROM job_objects")
    assert (walk["events"], walk["skipped"]) == (counted["events"], counted["skipped"])
    assert digest(cli) == from_services

    again = cli.run(*command)
    assert again.code == 0 and "the same as job" in again.err
    assert again.json["skipped_by"] == {"unchanged": written.json["files"]}
    assert digest(cli) == from_services


USERS = 6
TWICE = 2


def same_events_twice(events: list[Event]) -> Iterator[tuple[str, bytes]]:
    """Files that hold each event twice, in no order and of several forms: no file equals another."""
    packings: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, zstandard.compress]
    for turn in range(TWICE):
        values = [value for _, _, value in events]
        random.Random(turn).shuffle(values)
        for number in range(10 + turn):
            mine = values[number :: 10 + turn]
            content = b"[%s]" % b",".join(mine) if number % 2 else b"\n".join(mine)
            yield f"{turn}/{number}.json", packings[number % 3](content)


@pytest.mark.timeout(400)
def test_files_sent_twice_and_the_same_events_live_make_the_graph_of_the_services(
    tmp_path: Path, kafka: KafkaServer, entered: VersitygwServer, history: History
) -> None:
    """The load of the files is killed while a consumer writes, and half of the events come live after it, again. As
    many purchases as the services tell, none of which they do not: events alone know too little of categories."""
    users = sorted(history.some)[:USERS]
    place, undisturbed = (Place(tmp_path / name, history) for name in ("both", "services"))
    for one in (place, undisturbed):
        one.directory.mkdir()
    undisturbed.load(users)
    wanted = undisturbed.digest()
    events = history_as_events(history.url, users)
    bucket, files = entered.new_bucket(), dict(same_events_twice(events))
    for key, content in files.items():
        entered.client().put_object(Bucket=bucket, Key=key, Body=content)

    kafka.start()
    cli = place.cli.with_settings(jobs_lease_seconds="3")
    command = ("backfill", "events", "--uri", f"s3://{bucket}", "--json")
    with closing(Stream(kafka)) as stream, stream.consuming(cli) as live:
        stream.publish(events[::2])
        with cli.running(*command, "--rate-limit", "5") as process:
            until(lambda: ended_objects(place.directory) >= 3, "some files are read")
            stream.publish(events)
            process.kill()
        done = ended(cli.run(*command, "--rate-limit", "1000"))
        stream.publish(events[1::2])
        stream.until_read()
        terminated(live)
    assert (done["state"], done["processed"], done["failed"]) == ("succeeded", len(files), 0)
    assert place.digest()["facts"] == wanted["facts"] > 0
    place.load(users)
    assert place.digest() == wanted
