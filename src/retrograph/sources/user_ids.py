"""Where the users of a load come from: ids given inline, a list in a file or an object, or the graph itself."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, Protocol

import structlog

from retrograph.errors import TooLarge, UsageError
from retrograph.facts import InvalidId, clean_id
from retrograph.ids.compact import CHUNK_IDS, Collector, UserIds
from retrograph.ids.id_list import IdList

MAX_IDS: Final = 1_000_000

_log = structlog.get_logger()


class GraphUsers(Protocol):
    """A graph that can list its users."""

    async def user_ids(self, after: str, limit: int) -> Sequence[str]:
        """The next ids in a fixed order after that one (from the start for the empty text); none at the end."""
        ...


def ids_inline(given: Iterable[str]) -> UserIds:
    """Ids as they were typed. Raises UsageError naming the place of one that breaks the rule."""
    collector = Collector(limit=MAX_IDS)
    for number, raw in enumerate(given, start=1):
        if not raw.strip():
            collector.blank += 1
            continue
        try:
            user_id = clean_id(raw)
        except InvalidId as error:
            raise UsageError(f"user id number {number}: {error}") from error
        if not collector.add(user_id):
            raise TooLarge(f"more than {MAX_IDS:,} different user ids were given: split them")
    return _some(collector, "no user ids were given")


async def ids_from_list(blocks: AsyncIterator[bytes], name: str) -> UserIds:
    """Ids out of a file or an object: one per line, or the first column of a CSV.

    It is a CSV by its name `.csv` or by a comma in its first line; a first cell `user_id`, `userId` or `id` is a
    header. Raises UsageError naming the line of what cannot be an id.
    """
    collector = Collector(limit=MAX_IDS)
    parser = IdList(name, collector, MAX_IDS)
    async for block in blocks:
        await asyncio.to_thread(parser.feed, block)
    await asyncio.to_thread(parser.finish)
    return _some(collector, f"{name} holds no user ids")


async def ids_from_graph(graph: GraphUsers) -> AsyncIterator[str]:
    """The ids of all users that the graph holds, page by page, as many as there are.

    What another writer put there against the rule for ids is left out: a load would make another user of it.
    """
    after, none_yet, left_out = "", True, 0
    while page := await graph.user_ids(after, CHUNK_IDS):
        for user_id in page:
            if _is_clean(user_id):
                none_yet = False
                yield user_id
            else:
                left_out += 1
        after = page[-1]
    if left_out:
        _log.warning("graph-user-ids-left-out", count=left_out)
    if none_yet:
        raise UsageError("the graph holds no users", field="source")


def _is_clean(user_id: str) -> bool:
    try:
        return clean_id(user_id) == user_id
    except InvalidId:
        return False


def _some(collector: Collector, otherwise: str) -> UserIds:
    if collector.count == 0:
        raise UsageError(otherwise)
    return collector.collected()
