"""Writes that come at one moment share a transaction: what has gathered while the last one ran."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Gathering(Generic[T]):
    """`write` takes all that has gathered, in order, in one transaction that may be repeated."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._turn = asyncio.Lock()

    async def add(self, wish: T) -> None:
        """Returns once it is written. Raises what the writing raised."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((wish, done))
        try:
            async with self._turn:
                if not done.done():
                    await self._write_all()
            await done
        finally:
            done.cancel()

    async def _write_all(self) -> None:
        batch = [(wish, done) for wish, done in self._waiting if not done.done()]
        self._waiting.clear()
        try:
            await self._write([wish for wish, _ in batch])
        except Exception as error:
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
        except BaseException:
            # Whoever wrote for all was cancelled: it may be committed or not. The next in turn writes it again.
            self._waiting[:0] = batch
            raise
        else:
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
