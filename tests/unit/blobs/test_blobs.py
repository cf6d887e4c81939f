"""Files and objects are read in blocks, and what cannot be read is told in one sentence."""

import builtins
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from obstore import exceptions as theirs

from retrograph.blobs.blobs import BLOCK_BYTES, Blobs
from retrograph.blobs.local import LocalFiles
from retrograph.blobs.s3 import S3Objects, is_wordless, refuses_one_object, translated
from retrograph.errors import ConfigurationError, DependencyDown, MissingExtra, NotFound, RetrographError, UsageError
from tests.unit.upstream.support import serving


async def whole(blobs: Blobs, location: str) -> bytes:
    return b"".join([block async for block in blobs.read(location)])


@pytest.mark.parametrize("prefix", ["", "file://"])
async def test_a_file_is_read_by_path_and_by_url(tmp_path: Path, prefix: str) -> None:
    file = tmp_path / "ids.txt"
    file.write_bytes(b"x" * (BLOCK_BYTES + 1))
    blocks = [block async for block in LocalFiles().read(f"{prefix}{file}")]
    assert [len(block) for block in blocks] == [BLOCK_BYTES, 1]


async def test_a_file_url_may_hold_encoded_characters(tmp_path: Path) -> None:
    (tmp_path / "my ids").write_bytes(b"a")
    assert await whole(LocalFiles(), f"file://{tmp_path}/my%20ids") == b"a"


async def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        await whole(LocalFiles(), str(tmp_path / "none"))


@pytest.mark.parametrize("location", ["{}", "file://elsewhere/ids", "nul\x00"])
async def test_what_is_no_file_is_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(ConfigurationError):
        await whole(LocalFiles(), location.format(tmp_path))


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)


class Bucket:
    """A bucket with one object, as S3 answers for it."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.paths: list[str] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.path)
        if self.status != 200:
            return web.Response(status=self.status, text="<Error><Code>Some</Code></Error>")
        if request.path != "/bucket/lists/my ids.txt":
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        headers = {"ETag": '"1"', "Last-Modified": "Tue, 02 Jan 2018 00:00:00 GMT"}
        return web.Response(body=b"a\n" * BLOCK_BYTES, headers=headers)


@pytest.mark.usefixtures("credentials")
async def test_an_object_is_read_in_blocks() -> None:
    bucket = Bucket()
    async with serving(bucket.handle) as url:
        content = await whole(S3Objects(endpoint=url), "s3://bucket/lists/my ids.txt")
    assert content == b"a\n" * BLOCK_BYTES


@pytest.mark.usefixtures("credentials")
async def test_the_endpoint_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Bucket().handle) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert await whole(S3Objects(), "s3://bucket/lists/my ids.txt")


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("status", "error", "why"),
    [
        (404, NotFound, "there is no object s3://bucket/x"),
        (403, ConfigurationError, "s3://bucket/x may not be read with these AWS credentials"),
        (500, DependencyDown, "s3://bucket/x cannot be read"),
    ],
)
async def test_what_s3_refuses_is_told_in_our_words(status: int, error: type[RetrographError], why: str) -> None:
    async with serving(Bucket(status).handle) as url:
        with pytest.raises(error, match=f"^{why}"):
            await whole(S3Objects(endpoint=url, retry_seconds=0.0), "s3://bucket/x")


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("location", ["s3://bucket", "s3://", "s3:///key", "bucket/key", "s3://bucket/../key"])
async def test_what_is_no_address_of_an_object_is_refused(location: str) -> None:
    with pytest.raises(UsageError, match="is not the address of an object"):
        await whole(S3Objects(), location)


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(theirs).values() if isinstance(kind, type) and issubclass(kind, theirs.BaseError)]
)
def test_every_error_of_the_object_library_has_a_counterpart(kind: type[Exception]) -> None:
    assert isinstance(translated("s3://bucket/key", kind("why\nand more")), RetrographError)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_obstore(name: str, *rest: Any, **named: Any) -> ModuleType:
        if name.startswith("obstore"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_obstore)
    with pytest.raises(MissingExtra, match=r"pip install 'retrograph\[aws\]'"):
        S3Objects()


def test_a_store_that_cannot_be_reached_is_told_by_its_address() -> None:
    told = "Error performing GET http://127.0.0.1:1/bucket?list-type=2 in 1.2s - HTTP error: error sending request"
    found = translated("s3://bucket/x", OSError(told))
    assert isinstance(found, DependencyDown)
    assert str(found) == "s3://bucket/x cannot be read: http://127.0.0.1:1 does not answer"


@pytest.mark.parametrize(
    ("code", "one_object"),
    [
        ("AccessDenied", True),
        ("InvalidObjectState", True),
        ("KMS.DisabledException", True),
        ("ExpiredToken", False),
        ("RequestTimeTooSkewed", False),
        ("AccountProblem", False),
    ],
)
def test_only_what_s3_says_of_one_object_is_that_objects_own(code: str, one_object: bool) -> None:
    error = theirs.PermissionDeniedError(f"Server returned 403: <Error><Code>{code}</Code></Error>")
    assert refuses_one_object(translated("s3://bucket/key", error), error) is one_object
    assert not is_wordless(error)


def test_a_refusal_without_words_is_nobodys_yet() -> None:
    error = theirs.PermissionDeniedError("Server returned 403: No Body")
    assert is_wordless(error)
    assert not refuses_one_object(translated("s3://bucket/key", error), error)
