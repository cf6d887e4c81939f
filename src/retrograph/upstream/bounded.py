"""Several calls side by side, but only so many at once; the first failure ends the rest."""

from asyncio import Semaphore, TaskGroup
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from retrograph.errors import ItemError

T = TypeVar("T")


async def bounded(calls: Sequence[Callable[[], Awaitable[T]]], limit: int) -> list[T]:
    """The results in the order of `calls`. Raises what the first failing call raised, not a group."""
    if limit == 1 or len(calls) == 1:
        return [await call() for call in calls]
    gate = Semaphore(limit)

    async def one(call: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await call()

    try:
        async with TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in calls]
    except BaseExceptionGroup as failures:
        raise first_error(failures) from None
    return [task.result() for task in tasks]


def first_error(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error to tell of a failed group: what ends a run goes before what fails an item."""
    return min(_flattened(failures), key=lambda error: isinstance(error, ItemError))


def _flattened(failures: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    flat: list[BaseException] = []
    for error in failures.exceptions:
        flat.extend(_flattened(error) if isinstance(error, BaseExceptionGroup) else [error])
    return flat
