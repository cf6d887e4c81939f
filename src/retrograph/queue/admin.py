"""What an operator does with queues: makes them, looks at them, and deals with dead letters that belong to no job."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from retrograph.queue.message import LoadRequest, Undecodable, decode
from retrograph.queue.queue import MOST_AT_ONCE, Queue, Received

if TYPE_CHECKING:
    from retrograph.queue.sqs import Sqs, SqsQueue

MOST_RECEIVES: Final = 5
DEAD_RETENTION_SECONDS: Final = 14 * 86_400
HIDDEN_SECONDS: Final = 120
DEAD_SUFFIX: Final = "-dlq"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A queue to be made."""

    name: str
    visibility_seconds: int
    retention_seconds: int
    wait_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up; `request` is `None` where it is none of ours."""

    body: str
    receives: int
    request: LoadRequest | None
    why: str | None


async def create(sqs: "Sqs", wanted: Wanted) -> "tuple[SqsQueue, SqsQueue]":
    """A queue and its dead-letter queue; those that exist are brought to the same attributes."""
    dead = await sqs.create(wanted.name + DEAD_SUFFIX, {"MessageRetentionPeriod": str(DEAD_RETENTION_SECONDS)})
    target = (await dead.attributes())["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": MOST_RECEIVES})
    attributes = {
        "VisibilityTimeout": str(wanted.visibility_seconds),
        "MessageRetentionPeriod": str(wanted.retention_seconds),
        "ReceiveMessageWaitTimeSeconds": str(wanted.wait_seconds),
        "RedrivePolicy": policy,
    }
    return await sqs.create(wanted.name, attributes), dead


async def dead_letters(queue: Queue, most: int) -> Sequence[DeadLetter]:
    """The dead letters of a queue; they are shown again to others afterwards."""
    dead = await queue.dead_letters()
    if dead is None:
        return []
    found = [message async for message in _taken(dead, most)]
    for message in found:
        await dead.extend(message.handle, 0)
    return [_letter(message) for message in found]


async def replay(queue: Queue, chosen: Callable[[DeadLetter], bool], most: int) -> int:
    """Sends chosen dead letters to their queue again, then deletes them there; answers how many.

    A crash between the two leaves a message in both, which changes nothing: it is the same request.
    """
    dead = await queue.dead_letters()
    if dead is None:
        return 0
    moved = 0
    found = [message async for message in _taken(dead, most)]
    wanted = [message for message in found if chosen(_letter(message))]
    for message in found:
        if message not in wanted:
            await dead.extend(message.handle, 0)
    for at in range(0, len(wanted), MOST_AT_ONCE):
        some = wanted[at : at + MOST_AT_ONCE]
        answers = await queue.send([message.body for message in some])
        sent = [message for message, why in zip(some, answers, strict=True) if why is None]
        if sent:
            await dead.delete([message.handle for message in sent])
        for message in some:
            if message not in sent:
                await dead.extend(message.handle, 0)
        moved += len(sent)
    return moved


async def _taken(dead: Queue, most: int) -> AsyncIterator[Received]:
    taken = 0
    while taken < most:
        found = await dead.receive(min(MOST_AT_ONCE, most - taken), wait_seconds=0, visibility_seconds=HIDDEN_SECONDS)
        if not found:
            return
        taken += len(found)
        for message in found:
            yield message


def _letter(message: Received) -> DeadLetter:
    try:
        return DeadLetter(body=message.body, receives=message.receives, request=decode(message.body), why=None)
    except Undecodable as error:
        return DeadLetter(body=message.body, receives=message.receives, request=None, why=str(error))
