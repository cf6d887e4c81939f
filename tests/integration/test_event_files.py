"""A bucket full of old events in the graph: every form and packing, over a server that checks signatures, killed again
and again; the same graph comes of it as of the history services, and each event counts once."""

import gzip
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import PATIENCE_SECONDS, CommandLine, Ended
from tests.integration.story import History
from tests.servers.versitygw import VersitygwServer

FILES = 500
KILLS = 10
ALL_OF_IT = ("--as-of", "2019-01-01", "--lookback-days", "3650", "--rate-limit", "10000", "--concurrency", "16")


def receipt(number: int, user: str = "u1", **more: object) -> bytes:
    """A receipt as a line of a file."""
    event = {
        "event_type": "receipt_processed",
        "event_id": f"e{number}",
        "occurred_at": "2018-01-01T10:00:00Z",
        "user_id": user,
        "receipt_id": f"r{number}",
        "purchased_at": f"2017-{1 + number % 12:02d}-01T00:00:00Z",
        "retailer": {"name": "shop"},
        "items": [{"product_id": f"p{number % 7}"}],
    }
    return json.dumps({**event, **more}).encode() + b"\n"


@pytest.fixture(scope="module")
def from_services(tmp_path_factory: pytest.TempPathFactory, _history: History) -> Any:
    """The purchases of a graph into which the services' whole history was loaded."""
    directory = tmp_path_factory.mktemp("services")
    (directory / "ids.txt").write_text("\n".join(_history.ids))
    cli = CommandLine(directory, upstream=_history.url)
    assert cli.run("backfill", "purchases", "--user-file", "ids.txt", *ALL_OF_IT).code == 0
    return digest(cli)


def digest(cli: CommandLine) -> Any:
    return cli.run("graph", "digest", "--only", "purchases", "--json").json


def row(directory: Path, query: str) -> Any:
    """One row of the store; `None` while there is none."""
    file = directory / "retrograph.db"
    if not file.exists():
        return None
    with closing(sqlite3.connect(file, timeout=30)) as database:
        database.row_factory = sqlite3.Row
        try:
            return database.execute(query).fetchone()
        except sqlite3.OperationalError:
            return None


@pytest.fixture
def entered(versitygw: VersitygwServer, monkeypatch: pytest.MonkeyPatch) -> VersitygwServer:
    """The gateway, with the keys to it in the environment."""
    for name, value in versitygw.credentials().items():
        monkeypatch.setenv(name, value)
    return versitygw


def ended_objects(directory: Path) -> int:
    found = row(directory, "SELECT processed + failed AS ended FROM object_walks")
    return found["ended"] if found else 0


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


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, jobs_lease_seconds="3")


def load(cli: CommandLine, uri: str, *more: str) -> Ended:
    return cli.run("backfill", "events", "--uri", uri, *more, "--json")


def failures(cli: CommandLine, key: str) -> dict[str, str]:
    return {one["item"]: one["message"] for one in cli.run("jobs", "failures", key, "--json").json}


HOSTILE: dict[str, tuple[bytes, str]] = {
    "cut.json.gz": (gzip.compress(receipt(1) * 200)[:-20], "cut short at byte"),
    "damaged.json.gz": (gzip.compress(receipt(1) * 9)[:-8] + b"\0" * 8, "damaged"),
    "latin-1.json": ('{"name": "Café"}\n'.encode("latin-1") * 9, "9 of 9 events cannot be decoded"),
    "junk.json": (bytes(range(256)) * 40, "cannot be decoded"),
    "array.json": (b"[" + receipt(2).strip() + b"," + receipt(3).strip(), "cut short after 2 elements"),
    "bad.parquet": (b"PAR1" + b"\0" * 100, "the Parquet file is damaged"),
    "no-columns.csv": (b"a,b\n1,2\n", "has no column member and no column receipt_id"),
    "newer.json": (receipt(4, schema_version=9), "schema_version 9"),
}
FINE: dict[str, tuple[bytes, int]] = {
    "empty.json": (b"", 0),
    "bom.json": (b"\xef\xbb\xbf" + receipt(10) + receipt(11), 2),
    "not really.json.gz": (receipt(12), 1),
    "really.json": (gzip.compress(receipt(13)), 1),
    "a/b/c/nested.json": (receipt(14), 1),
    "with spaces & ünïcode ♥.json": (receipt(15), 1),
    "few-mistakes.json": (b"".join(receipt(number) for number in range(20, 40)) + b"oops\n", 20),
    "mapped.csv": (b'member,receipt_id,purchased_at,retailer,product_id\n"u,1",r50,2017-01-01T00:00:00Z,shop,p1\n', 1),
}


@pytest.mark.parametrize("where", ["file", "s3"])
def test_a_hostile_object_fails_alone_and_says_why(
    cli: CommandLine, tmp_path: Path, request: pytest.FixtureRequest, where: str
) -> None:
    uri = f"file://{tmp_path}/files"
    if where == "s3":
        server: VersitygwServer = request.getfixturevalue("entered")
        uri = f"s3://{server.new_bucket()}"
    for key, (content, _) in {**HOSTILE, **FINE}.items():
        if where == "s3":
            server.client().put_object(Bucket=uri.removeprefix("s3://"), Key=key, Body=content)
        else:
            (tmp_path / "files" / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "files" / key).write_bytes(content)

    done = load(cli, uri, "--events", "receipts", "--map", "user_id=member")

    assert done.code == 1, done.err
    assert (done.json["state"], done.json["processed"], done.json["failed"]) == ("succeeded", len(FINE), len(HOSTILE))
    told = failures(cli, done.json["key"])
    assert told.keys() == HOSTILE.keys()
    for key, (_, why) in HOSTILE.items():
        assert why in told[key], (key, told[key])
    for key, (_, events) in FINE.items():
        found = row(tmp_path, f"SELECT state, events, undecodable, mistakes FROM job_objects WHERE key = '{key}'")
        assert (found["state"], found["events"]) == ("ingested", events), key
    few = row(tmp_path, "SELECT undecodable, mistakes FROM job_objects WHERE key = 'few-mistakes.json'")
    assert few["undecodable"] == 1 and json.loads(few["mistakes"])[0][0] == 21


def test_a_failed_object_is_mended_and_retried_and_another_submission_takes_what_is_new(
    cli: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "good.json").write_bytes(receipt(1))
    (folder / "bad.json").write_bytes(b"nothing\n")
    first = load(cli, f"file://{folder}")
    assert first.code == 1 and first.json["failed"] == 1

    (folder / "bad.json").write_bytes(receipt(2))
    retried = cli.run("jobs", "retry", first.json["key"], "--json")
    assert retried.code == 1 and "it has changed since the folder was listed" in str(failures(cli, first.json["key"]))

    (folder / "new.json").write_bytes(receipt(3))
    second = load(cli, f"file://{folder}")
    assert second.code == 0, second.err
    assert (second.json["processed"], second.json["skipped_by"]) == (2, {"unchanged": 1})
    third = load(cli, f"file://{folder}", "--again")
    assert (third.json["processed"], third.json["skipped"]) == (3, 0)
    found = cli.run("graph", "show", "u1", "--json").json
    assert sum(edge["times"] for edge in found["purchases"]) == 3


@pytest.mark.parametrize("where", ["file", "s3"])
def test_an_object_that_goes_or_changes_after_discovery_fails_alone(
    cli: CommandLine, tmp_path: Path, request: pytest.FixtureRequest, where: str
) -> None:
    uri, folder = f"file://{tmp_path}/files", tmp_path / "files"
    if where == "s3":
        server: VersitygwServer = request.getfixturevalue("entered")
        uri = f"s3://{server.new_bucket()}"
    bucket = uri.removeprefix("s3://")

    def put(key: str, content: bytes) -> None:
        if where == "s3":
            server.client().put_object(Bucket=bucket, Key=key, Body=content)
        else:
            folder.mkdir(exist_ok=True)
            (folder / key).write_bytes(content)

    for number in range(6):
        put(f"{number}.json", receipt(number))
    options = ("--concurrency", "1", "--rate-limit", "0.5", "--key", "slow")
    with cli.running("backfill", "events", "--uri", uri, *options) as process:
        ends = time.monotonic() + PATIENCE_SECONDS
        while ended_objects(tmp_path) < 1 and time.monotonic() < ends:
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        left = row(tmp_path, "SELECT group_concat(key) AS keys FROM job_objects WHERE state = 'pending'")
        gone, changed, *_ = sorted(left["keys"].split(","), reverse=True)
        if where == "s3":
            server.client().delete_object(Bucket=bucket, Key=gone)
        else:
            (folder / gone).unlink()
        put(changed, receipt(90) + receipt(91))
        process.kill()

    done = cli.run("backfill", "events", "--key", "slow", "--rate-limit", "1000", "--json")

    assert done.code == 1, done.err
    assert (done.json["processed"], done.json["failed"]) == (4, 2)
    told = failures(cli, "slow")
    assert "it is gone" in told[gone] and "it has changed" in told[changed]
    assert digest(cli)["facts"] == 4


@pytest.fixture(scope="module")
def accesses(versitygw: VersitygwServer) -> Iterator[dict[str, dict[str, str]]]:
    """Environments by what is wrong with them."""
    yield {
        "nothing": versitygw.credentials(),
        "wrong key": versitygw.credentials(AWS_ACCESS_KEY_ID="nobody"),
        "wrong secret": versitygw.credentials(AWS_SECRET_ACCESS_KEY="wrong"),
        "forbidden": versitygw.add_user("mallory"),
        "another region": versitygw.credentials(AWS_REGION="eu-west-1"),
    }


@pytest.mark.parametrize(
    ("access", "uri", "more", "says"),
    [
        ("wrong key", "s3://{bucket}/x", (), "the AWS access key is not known there"),
        ("wrong secret", "s3://{bucket}/x", (), "the AWS secret does not belong to the access key"),
        ("forbidden", "s3://{bucket}/x", (), "may not be read with these AWS credentials"),
        ("another region", "s3://{bucket}/x", (), "in region us-east-1"),
        ("nothing", "s3://no-such-bucket/x", (), "there is no bucket no-such-bucket"),
        ("nothing", "file:///no/such/folder", (), "there is no folder /no/such/folder"),
        ("nothing", "ftp://x/y", (), "is no address of event files"),
        ("nothing", "s3://{bucket}/x", ("--credentials", "other"), "there are no credentials called 'other'"),
        ("nothing", "s3://{bucket}/x", ("--events", "clicks"), "events is one of receipts, factoids, identity, auto"),
        ("nothing", "s3://{bucket}/x", ("--map", "member=user_id"), "there is no column 'member' to map"),
        ("nothing", "s3://{bucket}/x", ("--since", "soon"), "since must be an instant"),
    ],
)
def test_what_cannot_be_entered_makes_no_job(
    cli: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    versitygw: VersitygwServer,
    accesses: dict[str, dict[str, str]],
    access: str,
    uri: str,
    more: tuple[str, ...],
    says: str,
) -> None:
    bucket = versitygw.new_bucket()
    for name, value in accesses[access].items():
        monkeypatch.setenv(name, value)
    ended = load(cli, uri.format(bucket=bucket), *more)
    assert ended.code == 2 and ended.out == "", ended.err
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("error: ") and says in line
    assert cli.left() == []


def test_a_named_profile_enters_with_its_own_keys_and_shows_no_secret(
    cli: CommandLine, tmp_path: Path, versitygw: VersitygwServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = versitygw.new_bucket()
    versitygw.client().put_object(Bucket=bucket, Key="in/a.json", Body=receipt(1))
    monkeypatch.setenv("PARTNER_SECRET", versitygw.secret_key)
    (tmp_path / "retrograph.toml").write_text(
        f'[credentials.partner]\naccess_key_id = "{versitygw.access_key}"\nsecret_access_key_variable = '
        f'"PARTNER_SECRET"\nregion = "us-east-1"\nendpoint = "{versitygw.endpoint}"\n'
    )
    done = load(cli, f"s3://{bucket}/in", "--credentials", "partner")
    assert done.code == 0, done.err
    assert done.json["spec"]["source"]["credentials"] == "partner"
    assert versitygw.secret_key not in done.out + done.err

    monkeypatch.setenv("PARTNER_SECRET", "wrong")
    wrong = load(cli, f"s3://{bucket}/in", "--credentials", "partner")
    assert wrong.code == 2 and "the AWS secret does not belong to the access key" in wrong.err


def test_more_objects_than_allowed_fail_the_job_before_anything_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.json").write_bytes(receipt(number))
    cli = CommandLine(tmp_path, files_most_objects="3")
    done = load(cli, f"file://{folder}")
    assert done.code == 1 and done.json["state"] == "failed"
    assert "there are more than 3 objects" in done.json["message"]
    assert done.json["processed"] == 0
