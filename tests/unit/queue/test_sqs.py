"""The adapter of SQS against a server that answers what a real one answers on bad days."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from retrograph.clock import SystemClock
from retrograph.errors import ConfigurationError, DependencyDown, NotPermitted
from retrograph.queue.queue import NoSuchQueue
from retrograph.queue.sqs import Sqs, SqsQueue


class Amazon:
    """Answers each action what the test has written down."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def handle(self, request: web.Request) -> web.Response:
        action = request.headers["X-Amz-Target"].rpartition(".")[2]
        self.asked.append((action, json.loads(await request.text())))
        status, document = self.answers[action]
        return web.Response(status=status, text=json.dumps(document), content_type="application/x-amz-json-1.0")

    def fails(self, action: str, code: str, status: int = 400) -> None:
        self.answers[action] = (status, {"__type": f"com.amazonaws.sqs#{code}", "message": "as the test says"})


@pytest.fixture
async def amazon() -> Amazon:
    return Amazon()


@asynccontextmanager
async def opened(amazon: Amazon, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqsQueue]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    app = web.Application()
    app.router.add_post("/{path:.*}", amazon.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    sqs = await Sqs.open(f"http://127.0.0.1:{port}/1/queue", SystemClock())
    try:
        yield await sqs.queue(f"http://127.0.0.1:{port}/1/queue")
    finally:
        await sqs.close()
        await runner.cleanup()


@pytest.fixture
async def queue(amazon: Amazon, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqsQueue]:
    """A queue at an address of its own: nothing else says where it is."""
    async with opened(amazon, monkeypatch) as made:
        yield made


async def test_each_message_of_a_batch_has_an_answer_of_its_own(queue: SqsQueue, amazon: Amazon) -> None:
    amazon.answers["SendMessageBatch"] = (
        200,
        {
            "Successful": [{"Id": "0", "MessageId": "a", "MD5OfMessageBody": "0cc175b9c0f1b6a831c399e269772661"}],
            "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError", "Message": "later"}],
        },
    )
    assert await queue.send(["a", "b", "c"]) == [None, "InternalError: later", "the answer says nothing of it"]


async def test_a_stale_handle_is_no_error_and_what_was_not_deleted_is_told(queue: SqsQueue, amazon: Amazon) -> None:
    amazon.answers["DeleteMessageBatch"] = (
        200,
        {
            "Successful": [{"Id": "0"}],
            "Failed": [
                {"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"},
                {"Id": "2", "SenderFault": False, "Code": "InternalError"},
            ],
        },
    )
    assert await queue.delete(["x", "y", "z"]) == ["z"]
    for code in ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"):
        amazon.fails("ChangeMessageVisibility", code)
        assert not await queue.extend("x", 60)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("QueueDoesNotExist", 400, NoSuchQueue),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, NoSuchQueue),
        ("AccessDeniedException", 403, NotPermitted),
        ("InvalidClientTokenId", 403, NotPermitted),
        ("SignatureDoesNotMatch", 400, NotPermitted),
        ("RequestThrottled", 400, DependencyDown),
        ("InternalFailure", 500, DependencyDown),
        ("ServiceUnavailable", 503, DependencyDown),
        ("InvalidMessageContents", 400, ConfigurationError),
    ],
)
async def test_every_refusal_is_one_of_our_errors(
    queue: SqsQueue, amazon: Amazon, code: str, status: int, error: type[Exception]
) -> None:
    amazon.fails("SendMessageBatch", code, status)
    with pytest.raises(error) as told:
        await queue.send(["a"])
    assert "queue" in str(told.value)


async def test_a_server_that_is_not_there_is_down(queue: SqsQueue) -> None:
    del queue  # it has set credentials
    sqs = await Sqs.open("http://127.0.0.1:1/1/queue", SystemClock())
    with pytest.raises(DependencyDown):
        await (await sqs.queue("http://127.0.0.1:1/1/queue")).ping()
    await sqs.close()


async def test_without_credentials_one_sentence_says_so(
    queue: SqsQueue, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    sqs = await Sqs.open(queue.url, SystemClock())
    with pytest.raises(NotPermitted, match="no credentials"):
        await (await sqs.queue(queue.url)).ping()
    await sqs.close()


@pytest.mark.parametrize("url", ["https://ann:hush@mq:9324/1/q", "https://mq:9324/1/q?token=hush", "http://hush@mq/q"])
async def test_an_address_with_a_secret_in_it_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="credentials are those of the AWS client") as told:
        await Sqs.open(url, SystemClock())
    assert "hush" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"),
        ("http://127.0.0.1:9324/1/q", "us-west-2"),
    ],
)
async def test_a_queue_is_spoken_to_in_the_region_of_its_address(
    url: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    sqs = await Sqs.open(url, SystemClock())
    try:
        assert sqs.client.meta.region_name == region
    finally:
        await sqs.close()
