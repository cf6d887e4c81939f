"""Objects that are not what they should be, or not there any more: each fails alone, and says why."""

import gzip
import json
import time
import zlib
from pathlib import Path

import pytest
import zstandard

from tests.integration.command_line import PATIENCE_SECONDS, CommandLine
from tests.integration.event_files import digest, ended_objects, failures, load, receipt, row
from tests.servers.versitygw import VersitygwServer

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
    "without an ETag.json": (receipt(16), 1),
    "few-mistakes.json": (b"".join(receipt(number) for number in range(20, 40)) + b"oops\n", 20),
    "mapped.csv": (b'member,receipt_id,purchased_at,retailer,product_id\n"u,1",r50,2017-01-01T00:00:00Z,shop,p1\n', 1),
}


def large_ones() -> dict[str, tuple[bytes, str]]:
    """Those that would fill the memory of whoever takes them for what they say."""
    packer = zlib.compressobj(1, wbits=31)
    bomb = b"".join(packer.compress(b"\n" * (1 << 20)) for _ in range(140)) + packer.flush()
    return {
        "endless.json": (b'{"user_id": "' + b"x" * (17 << 20), "line 1, at byte 0, is longer than 16 MiB"),
        "bomb.json.gz": (bomb, "unpacks to more than 200 times its size"),
        "bomb.json.zst": (zstandard.compress(b"\n" * (140 << 20)), "unpacks to more than 200 times its size"),
    }


@pytest.mark.parametrize("where", ["file", "s3"])
def test_a_hostile_object_fails_alone_and_says_why(
    cli: CommandLine, tmp_path: Path, request: pytest.FixtureRequest, where: str
) -> None:
    uri = f"file://{tmp_path}/files"
    if where == "s3":
        server: VersitygwServer = request.getfixturevalue("entered")
        uri = f"s3://{server.new_bucket()}"
    hostile = {**HOSTILE, **large_ones()}
    for key, (content, _) in {**hostile, **FINE}.items():
        if where == "s3" and "without an ETag" in key:  # nobody uploaded it: it was laid into the server's folder
            (server.folder / "data" / uri.removeprefix("s3://") / key).write_bytes(content)
        elif where == "s3":
            server.client().put_object(Bucket=uri.removeprefix("s3://"), Key=key, Body=content)
        else:
            (tmp_path / "files" / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "files" / key).write_bytes(content)

    done = load(cli, uri, "--events", "receipts", "--map", "user_id=member")

    assert done.code == 1, done.err
    assert (done.json["state"], done.json["processed"], done.json["failed"]) == ("succeeded", len(FINE), len(hostile))
    told = failures(cli, done.json["key"])
    assert told.keys() == hostile.keys()
    for key, (_, why) in hostile.items():
        assert why in told[key], (key, told[key])
    for key, (_, events) in FINE.items():
        found = row(tmp_path, f"SELECT state, events, undecodable, mistakes FROM job_objects WHERE key = '{key}'")
        assert (found["state"], found["events"]) == ("ingested", events), key
    few = row(tmp_path, "SELECT undecodable, mistakes FROM job_objects WHERE key = 'few-mistakes.json'")
    assert few["undecodable"] == 1 and json.loads(few["mistakes"])[0][0] == 21


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
