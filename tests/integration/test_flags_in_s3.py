"""The file of flags and its lists in S3, over a server that keeps to conditions: who edits at once loses nothing."""

import asyncio

import pytest

from retrograph.blobs.blobs import ChangedMeanwhile
from retrograph.blobs.s3 import S3Objects
from retrograph.flags.changes import FlagChanges
from retrograph.flags.document import read_flags
from retrograph.flags.flag_file import FlagFile
from retrograph.flags.locations import Locations
from tests.servers.versitygw import VersitygwServer

pytestmark = pytest.mark.server
OPERATORS = 3
DOCUMENT = b"""flags:
  gate:
    segments:
      - {name: Team, allowedIDs: "ann, bob"}   # the team
      - {name: Beta, allowedS3IDs: beta.csv}
"""


@pytest.fixture
def bucket(versitygw: VersitygwServer, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in versitygw.credentials().items():
        monkeypatch.setenv(name, value)
    made = versitygw.new_bucket()
    put(versitygw, made, "flags.yaml", DOCUMENT)
    put(versitygw, made, "beta.csv", b"ann\n")
    return made


def put(server: VersitygwServer, bucket: str, key: str, content: bytes) -> None:
    server.client().put_object(Bucket=bucket, Key=key, Body=content)


def content(server: VersitygwServer, bucket: str, key: str) -> bytes:
    found: bytes = server.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    return found


async def opened(bucket: str) -> tuple[FlagFile, FlagChanges]:
    locations = Locations(bucket=bucket)
    file = FlagFile(f"s3://{bucket}/flags.yaml", locations, lambda _: S3Objects())
    await file.open()
    return file, FlagChanges(file, locations, lambda _: S3Objects())


def covered(file: FlagFile, *user_ids: str) -> frozenset[str]:
    found = file.coverage.of("gate")
    assert found is not None
    return found.covered(user_ids)


async def test_of_operators_who_add_at_once_nobody_loses_an_edit(versitygw: VersitygwServer, bucket: str) -> None:
    operators = [(await opened(bucket))[1] for _ in range(OPERATORS)]
    for segment in ("Beta", "Team"):
        await asyncio.gather(*(one.add("gate", segment, [f"u{place}"], "me") for place, one in enumerate(operators)))
    added = {f"u{place}" for place in range(OPERATORS)}
    assert added < set(content(versitygw, bucket, "beta.csv").decode().split())
    document = content(versitygw, bucket, "flags.yaml")
    assert added < set(read_flags(document, "x").flags["gate"].segments[0].ids or ()) and b"# the team" in document


async def test_a_write_names_the_version_that_it_replaces(versitygw: VersitygwServer, bucket: str) -> None:
    """Both have looked before either writes: only S3 itself can tell who was first."""
    location = f"s3://{bucket}/beta.csv"
    seen = await S3Objects().version(location)
    put(versitygw, bucket, "beta.csv", b"ann\nbob\n")
    with pytest.raises(ChangedMeanwhile):
        await SeenBefore(seen).replace(location, b"ann\ncho\n", seen)
    assert content(versitygw, bucket, "beta.csv") == b"ann\nbob\n"


class SeenBefore(S3Objects):
    """Whose look was before the other's write."""

    def __init__(self, seen: str) -> None:
        super().__init__()
        self._seen = seen

    async def version(self, location: str) -> str:
        return self._seen


async def test_a_refresh_that_fails_keeps_what_was_read_last_and_says_so(
    versitygw: VersitygwServer, bucket: str
) -> None:
    file, _ = await opened(bucket)
    for broken in (b"flags: [", b"flags: {gate: {segment: []}}"):
        put(versitygw, bucket, "flags.yaml", broken)
        await file.refresh()
        assert covered(file, "ann", "zoe") == {"ann"}
        [problem] = file.problems
        assert problem.location.endswith("flags.yaml") and problem.message
    versitygw.client().delete_object(Bucket=bucket, Key="beta.csv")
    put(versitygw, bucket, "flags.yaml", DOCUMENT.replace(b"bob", b"zoe"))
    await file.refresh()
    assert covered(file, "ann", "bob", "zoe") == {"ann", "zoe"}
    assert ["there is no object" in problem.message for problem in file.problems] == [True]
