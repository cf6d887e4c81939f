"""Keys out of a role: what the token service is asked, that its keys are used, and asked for anew before they end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from retrograph.blobs.bucket import Access, Bucket
from retrograph.blobs.roles import Role, keys_of
from retrograph.errors import ConfigurationError, DependencyDown
from tests.unit.upstream.support import serving

LISTING = """<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Name>b</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"""


class Amazon:
    """A token service and a bucket behind one address. `lifetimes`: of the keys that it gives out, in seconds."""

    def __init__(self, *lifetimes: float) -> None:
        self.lifetimes = [*lifetimes]
        self.asked: list[dict[str, str]] = []
        self.used: list[tuple[str, str | None]] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "POST":
            key = request.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
            self.used.append((key, request.headers.get("x-amz-security-token")))
            return web.Response(text=LISTING, content_type="application/xml")
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        if not self.lifetimes:
            return web.Response(
                status=403,
                text="<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
            )
        number, ends = len(self.asked), datetime.now(UTC) + timedelta(seconds=self.lifetimes.pop(0))
        return web.Response(
            content_type="text/xml",
            text="<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>key-{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
            f"<SessionToken>token-{number}</SessionToken><Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>",
        )


def role(url: str) -> Role:
    return Role(
        arn="arn:aws:iam::123456789012:role/reader",
        external_id="ours-7",
        access_key_id="mine",
        secret_access_key="mine",
        region="eu-west-1",
        endpoint=url,
    )


async def looked(url: str, enough: Callable[[], bool], most: int = 1_000) -> None:
    """Lists the bucket until that is enough."""
    access = Access(provider=keys_of(role(url)), region="eu-west-1", endpoint=url, retry_seconds=0.0)
    bucket = Bucket("s3://b/events", access)
    for _ in range(most):
        if enough():
            return
        async for _page in bucket.listed():
            raise AssertionError("it is empty")


async def test_the_role_and_its_external_id_are_sent_and_the_keys_used() -> None:
    amazon = Amazon(3_600)
    async with serving(amazon.handle) as url:
        await looked(url, lambda: len(amazon.used) == 2)
    [asked] = amazon.asked
    assert (asked["Action"], asked["RoleArn"], asked["ExternalId"], asked["RoleSessionName"]) == (
        "AssumeRole",
        "arn:aws:iam::123456789012:role/reader",
        "ours-7",
        "retrograph",
    )
    assert amazon.used == [("key-1", "token-1")] * 2


async def test_keys_are_asked_for_anew_before_they_end() -> None:
    """The client asks again when they have less than five minutes left, though not within a moment."""
    amazon = Amazon(60, 3_600)
    async with serving(amazon.handle) as url:
        await looked(url, lambda: amazon.used[-1:] == [("key-2", "token-2")])
    assert len(amazon.asked) == 2
    assert amazon.used[0] == ("key-1", "token-1")


async def test_a_role_that_is_refused_and_a_service_that_is_away_are_told_apart() -> None:
    async with serving(Amazon().handle) as url:
        with pytest.raises(ConfigurationError, match="role/reader cannot be taken on: AccessDenied"):
            await keys_of(role(url))()
    with pytest.raises(DependencyDown):
        await keys_of(role("http://127.0.0.1:9"))()
