"""Users listed in an S3 object, over a server that checks signatures: on the command line and through the server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.command_line import CommandLine
from tests.integration.server_process import in_directory, served
from tests.servers.versitygw import VersitygwServer

NOWHERE = "http://127.0.0.1:9"
BACKFILL = "/admin/backfill"


@pytest.fixture(scope="module")
def bucket(versitygw: VersitygwServer) -> str:
    """A bucket with a list of three users."""
    name = versitygw.new_bucket()
    versitygw.client().put_object(Bucket=name, Key="lists/user ids.txt", Body=b"u1\n u2 \n\nu3\nu1\n")
    versitygw.client().put_object(Bucket=name, Key="empty.txt", Body=b"\n")
    return name


@pytest.fixture(scope="module")
def accesses(versitygw: VersitygwServer) -> dict[str, dict[str, str]]:
    """Environments by what is wrong with them."""
    return {
        "nothing": versitygw.credentials(),
        "wrong key": versitygw.credentials(AWS_ACCESS_KEY_ID="nobody"),
        "wrong secret": versitygw.credentials(AWS_SECRET_ACCESS_KEY="wrong"),
        "forbidden": versitygw.add_user("eve"),
        "another region": versitygw.credentials(AWS_REGION="eu-west-1"),
        "away": versitygw.credentials(AWS_ENDPOINT_URL=NOWHERE),
    }


@pytest.mark.parametrize(
    ("access", "where", "code", "says"),
    [
        ("wrong key", "{bucket}/lists/user ids.txt", 2, "the AWS access key is not known there"),
        ("wrong secret", "{bucket}/lists/user ids.txt", 2, "the AWS secret does not belong to the access key"),
        ("forbidden", "{bucket}/lists/user ids.txt", 2, "may not be read with these AWS credentials"),
        ("another region", "{bucket}/lists/user ids.txt", 2, "in region us-east-1, set AWS_REGION"),
        ("away", "{bucket}/lists/user ids.txt", 3, "cannot be read"),
        ("nothing", "no-such-bucket/ids.txt", 2, "there is no bucket no-such-bucket"),
        ("nothing", "{bucket}/none.txt", 2, "there is no object s3://{bucket}/none.txt"),
        ("nothing", "{bucket}/empty.txt", 2, "s3://{bucket}/empty.txt holds no user ids"),
        ("nothing", "{bucket}", 2, "s3://bucket/key"),
    ],
)
def test_what_is_wrong_with_the_object_is_said_in_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    accesses: dict[str, dict[str, str]],
    bucket: str,
    access: str,
    where: str,
    code: int,
    says: str,
) -> None:
    for name, value in accesses[access].items():
        monkeypatch.setenv(name, value)
    cli = CommandLine(tmp_path, upstream=NOWHERE)
    ended = cli.run("backfill", "purchases", "--s3-uri", f"s3://{where.format(bucket=bucket)}")
    assert ended.code == code and ended.out == "", ended.err
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("error: ") and says.format(bucket=bucket) in line
    assert cli.left() == []


def test_the_users_of_an_object_are_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versitygw: VersitygwServer, bucket: str
) -> None:
    for name, value in versitygw.credentials().items():
        monkeypatch.setenv(name, value)
    where = f"s3://{bucket}/lists/user ids.txt"
    done = CommandLine(tmp_path, upstream=NOWHERE).run(
        *("backfill", "purchases", "--s3-uri", where, "--dry-run", "--rate-limit", "1000", "--json")
    )
    assert done.code == 0, done.err
    assert (done.json["total"], done.json["skipped"]) == (3, 3)
    assert done.json["spec"]["source"] == {"object": where, "ids": 3}


@pytest.fixture(scope="module")
def client(versitygw: VersitygwServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Somebody who may enter a server that reads the gateway with keys that may not read every bucket."""
    directory = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in versitygw.add_user("server").items():
            patch.setenv(name, value)
        with served(in_directory(directory, upstream=NOWHERE)) as server, server.client(server.token()) as client:
            yield client


def test_the_endpoint_reads_the_object_before_it_answers(
    client: httpx2.Client, versitygw: VersitygwServer, bucket: str
) -> None:
    own = versitygw.new_bucket(owner="server")
    versitygw.client().put_object(Bucket=own, Key="ids.txt", Body=b"u1\nu2\n")
    versitygw.client().put_object(Bucket=own, Key="many.txt", Body=b"".join(b"%d\n" % n for n in range(1_000_001)))
    refusals: list[tuple[str, int, str]] = [
        (f"s3://{bucket}/lists/user ids.txt", 403, "NOT_PERMITTED"),
        (f"s3://{own}/none.txt", 404, "NOT_FOUND"),
        ("s3://no-such-bucket/none.txt", 404, "NOT_FOUND"),
        (f"s3://{own}", 400, "INVALID"),
        (f"s3://{own}/../ids.txt", 400, "INVALID"),
        ("s3://No_Such_Name/ids.txt", 400, "INVALID"),
        (f"s3://{own}/many.txt", 413, "TOO_LARGE"),
    ]
    for uri, status, code in refusals:
        answer = client.post(BACKFILL, json={"s3_uri": uri})
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert client.get(f"{BACKFILL}/status").status_code == 404

    begun: Any = client.post(BACKFILL, json={"s3_uri": f"s3://{own}/ids.txt", "dry_run": True})
    assert begun.status_code == 202, begun.text
    assert begun.json()["total_users"] == 2
    assert client.get(f"{BACKFILL}/status").json()["job_id"] == begun.json()["job_id"]
