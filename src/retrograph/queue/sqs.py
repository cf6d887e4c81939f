"""SQS, through aiobotocore: the only place that knows how its calls are written.

Credentials, region and endpoint come from the AWS client's usual variables and files. Where none says which endpoint,
and the queue's address is not one of Amazon's, its own server is asked.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from retrograph import __version__
from retrograph.clock import Clock, to_millis
from retrograph.errors import ConfigurationError
from retrograph.jobs.job import Depth
from retrograph.queue.errors import is_absent, is_stale, is_stale_answer, translated
from retrograph.queue.queue import Received

LONGEST_WAIT_SECONDS: Final = 20
_CONNECTIONS: Final = 32
_COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
_AMAZON: Final = re.compile(r"(?:^|\.)amazonaws\.com(?:\.cn)?$")


class Sqs:
    """One client, which any number of queues share."""

    def __init__(self, client: Any, stack: AsyncExitStack, clock: Clock) -> None:
        self.client = client
        self.clock = clock
        self._stack = stack

    @classmethod
    async def open(cls, url: str | None, clock: Clock) -> "Sqs":
        """A client for the queues of the server that this address names. Raises ConfigurationError."""
        _check(url)
        stack = AsyncExitStack()
        config = AioConfig(
            connect_timeout=5,
            read_timeout=LONGEST_WAIT_SECONDS + 10,
            max_pool_connections=_CONNECTIONS,
            # The library would make its own name anew for each request, which is a tenth of what one costs.
            user_agent=f"retrograph/{__version__}",
            parameter_validation=False,  # all of them are made here, from a model that does not change
            retries={"mode": "standard", "total_max_attempts": 3},
        )
        with translated(url or "SQS"):
            making = get_session().create_client(
                "sqs", region_name=_region(url), endpoint_url=_endpoint(url), config=config
            )
            client = await stack.enter_async_context(making)
        return cls(client, stack, clock)

    async def queue(self, name_or_url: str) -> "SqsQueue":
        """A queue by its name or its address. Raises NoSuchQueue for a name that is none, ConfigurationError."""
        if "://" in name_or_url:
            _check(name_or_url)
            return SqsQueue(self, name_or_url)
        with translated(name_or_url):
            found = await self.client.get_queue_url(QueueName=name_or_url)
        return SqsQueue(self, found["QueueUrl"])

    async def create(self, name: str, attributes: Mapping[str, str]) -> "SqsQueue":
        """A queue with these attributes; one that exists is given them."""
        with translated(name):
            try:
                made = await self.client.create_queue(QueueName=name, Attributes=dict(attributes))
            except ClientError as error:
                if not type(error).__name__.startswith(("QueueNameExists", "QueueAlreadyExists")):
                    raise
                made = await self.client.get_queue_url(QueueName=name)
            await self.client.set_queue_attributes(QueueUrl=made["QueueUrl"], Attributes=dict(attributes))
        return SqsQueue(self, made["QueueUrl"])

    async def close(self) -> None:
        """Ends the client's connections."""
        await self._stack.aclose()


class SqsQueue:
    """`Queue` over SQS."""

    def __init__(self, sqs: Sqs, url: str) -> None:
        self._sqs = sqs
        self._client = sqs.client
        self.url = url

    async def send(self, bodies: Sequence[str]) -> Sequence[str | None]:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        with translated(self.url):
            answer = await self._client.send_message_batch(QueueUrl=self.url, Entries=entries)
        taken = {entry["Id"] for entry in answer.get("Successful", ())}
        refused = {entry["Id"]: _why(entry) for entry in answer.get("Failed", ())}
        return [
            None if entry["Id"] in taken else refused.get(entry["Id"], "the answer says nothing of it")
            for entry in entries
        ]

    async def receive(self, most: int, *, wait_seconds: int, visibility_seconds: int) -> Sequence[Received]:
        with translated(self.url):
            answer = await self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=max(1, min(10, most)),
                WaitTimeSeconds=min(wait_seconds, LONGEST_WAIT_SECONDS),
                VisibilityTimeout=visibility_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [
            Received(
                body=found["Body"],
                handle=found["ReceiptHandle"],
                receives=int(found.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for found in answer.get("Messages", ())
        ]

    async def extend(self, handle: str, seconds: int) -> bool:
        with translated(self.url):
            try:
                await self._client.change_message_visibility(
                    QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=seconds
                )
            except ClientError as error:
                if is_stale_answer(error) and not is_absent(error):
                    return False
                raise
        return True

    async def delete(self, handles: Sequence[str]) -> Sequence[str]:
        entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
        with translated(self.url):
            answer = await self._client.delete_message_batch(QueueUrl=self.url, Entries=entries)
        failed = [entry for entry in answer.get("Failed", ()) if not is_stale(str(entry.get("Code", "")))]
        return [handles[int(entry["Id"])] for entry in failed]

    async def attributes(self) -> Mapping[str, str]:
        """Everything that the service says of it."""
        with translated(self.url):
            answer = await self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        found: Mapping[str, str] = answer.get("Attributes", {})
        return found

    async def depth(self) -> Depth:
        mine = await self.attributes()
        dead = await self._dead_letters(mine)
        theirs = {} if dead is None else await dead.attributes()
        waiting, in_flight = (int(mine.get(name, 0)) for name in _COUNTS)
        at = to_millis(self._sqs.clock.now())
        return Depth(
            waiting=waiting, in_flight=in_flight, dead=sum(int(theirs.get(name, 0)) for name in _COUNTS), at=at
        )

    async def dead_letters(self) -> "SqsQueue | None":
        return await self._dead_letters(await self.attributes())

    async def _dead_letters(self, attributes: Mapping[str, str]) -> "SqsQueue | None":
        policy = attributes.get("RedrivePolicy")
        if not policy:
            return None
        arn = json.loads(policy).get("deadLetterTargetArn", "")
        name = arn.rpartition(":")[2]
        with translated(name):
            found = await self._client.get_queue_url(QueueName=name)
        return SqsQueue(self._sqs, found["QueueUrl"])

    async def ping(self) -> None:
        await self.attributes()


def _why(entry: Mapping[str, Any]) -> str:
    return ": ".join(str(entry[name])[:200] for name in ("Code", "Message") if entry.get(name)) or "no reason was given"


def _check(url: str | None) -> None:
    """Addresses are shown and kept with jobs: a secret has no place in them. Raises ConfigurationError."""
    parts = urlsplit(url or "")
    if "@" in parts.netloc or parts.query or parts.fragment:
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise ConfigurationError(
            f"the address of the queue {where} has a user or a query in it: credentials are those of the AWS client"
        )


def _endpoint(url: str | None) -> str | None:
    """The queue's own server, unless the client's variables name one, or it is Amazon's."""
    if url is None or os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_SQS"):
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{url} is not the address of a queue: it begins with https://")
    return None if _AMAZON.search(parts.hostname) else f"{parts.scheme}://{parts.netloc}"


def _region(url: str | None) -> str | None:
    """The region in the queue's address, which no other one can be; else what the client's variables say."""
    hostname = (urlsplit(url).hostname or "") if url else ""
    if found := re.search(r"^sqs\.([a-z0-9-]+)\.amazonaws\.com", hostname):
        return found[1]
    if os.environ.get("AWS_REGION"):
        return os.environ["AWS_REGION"]
    if os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_PROFILE"):
        return None
    return None if _AMAZON.search(hostname) else "us-east-1"
