"""Where the users of a load come from: ids given inline, a list in a file or an object, or the graph itself."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, Protocol

from retrograph.errors import UsageError
from retrograph.facts import InvalidId, clean_id
from retrograph.sources.compact import Collector, UserIds
from retrograph.sources.id_list import IdList

MAX_IDS: Final = 1_000_000


class GraphUsers(Protocol):
    """A graph that can list its users."""

    async def user_ids(self, after: str | None) -> Sequence[str]:
        """The next page of ids in a fixed order after that one (from the start for `None`); empty at the end."""
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
            raise UsageError(f"more than {MAX_IDS:,} different user ids were given: split them")
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


async def ids_from_graph(graph: GraphUsers) -> UserIds:
    """The ids of all users that the graph holds; what another writer put there against the rule is counted."""
    collector = Collector()
    after: str | None = None
    while page := await graph.user_ids(after):
        for user_id in page:
            if _clean(user_id):
                collector.add(user_id)
            else:
                collector.invalid += 1
        after = page[-1]
    return _some(collector, "the graph holds no users")


def _clean(user_id: str) -> bool:
    try:
        return clean_id(user_id) == user_id
    except InvalidId:
        return False


def _some(collector: Collector, otherwise: str) -> UserIds:
    if collector.count == 0:
        raise UsageError(otherwise)
    return collector.collected()
