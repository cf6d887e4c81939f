"""Doing together what is wanted at the same time: whatever has queued up while the last batch was done is the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Batches(Generic[T]):
    """`do` returns when a batch that holds the value was done; an error of the batch is everybody's in it."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[None]], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._turn = asyncio.Lock()

    async def do(self, value: T) -> None:
        """Waits for the batch. Raises what the work raises."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((value, done))
        async with self._turn:
            if not done.done():
                await asyncio.sleep(0)  # those who are ready in the same moment come along
                await self._next()
        await done

    async def _next(self) -> None:
        batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            await self._work([value for value, _ in batch])
        except BaseException as error:
            for _, done in batch:
                if not done.done():
                    done.set_exception(_shared(error))
                    done.exception()
            raise
        for _, done in batch:
            if not done.done():
                done.set_result(None)


def _shared(error: BaseException) -> BaseException:
    """Who was cancelled took the others' work along: they must not believe that they were cancelled themselves."""
    return RuntimeError("the batch was cancelled") if isinstance(error, asyncio.CancelledError) else error
