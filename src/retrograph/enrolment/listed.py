"""Users of a list, as a batch has them."""

from collections.abc import AsyncIterator, Iterable


async def each(users: Iterable[str]) -> AsyncIterator[str]:
    """One by one."""
    for user_id in users:
        yield user_id
