"""The locks of a database that detects deadlocks: exclusive, by key, held until the transaction ends."""

import asyncio
from collections.abc import Hashable
from random import Random

from retrograph.graph.store import TransientGraphError


class LockTable:
    """Who holds what, and who waits. Whoever waits longest has no right to be next: the seed chooses."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._holders: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, list[tuple[int, asyncio.Future[None]]]] = {}
        self._wanted: dict[int, Hashable] = {}
        self.waits = 0
        self.deadlocks = 0

    async def acquire(self, transaction: int, key: Hashable) -> None:
        """Returns with the lock. Raises TransientGraphError where waiting would close a circle."""
        if self._holders.setdefault(key, transaction) == transaction:
            return
        if self._circular(transaction, key):
            self.deadlocks += 1
            raise TransientGraphError("a deadlock: this transaction was chosen to end it")
        self.waits += 1
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((transaction, turn))
        self._wanted[transaction] = key
        await turn

    def release(self, transaction: int) -> None:
        """Lets go of everything, and of what it waits for."""
        self.wake(transaction)
        for key in [key for key, holder in self._holders.items() if holder == transaction]:
            self._hand_over(key)

    def wake(self, transaction: int) -> None:
        """Ends its waiting, in vain; what it holds it keeps."""
        wanted = self._wanted.pop(transaction, None)
        if wanted is not None:
            for waiter in [one for one in self._waiting[wanted] if one[0] == transaction]:
                self._waiting[wanted].remove(waiter)
                if not waiter[1].done():
                    waiter[1].set_exception(TransientGraphError("the transaction has been terminated"))

    def _hand_over(self, key: Hashable) -> None:
        waiting = [one for one in self._waiting.pop(key, []) if not one[1].done()]
        if not waiting:
            del self._holders[key]
            return
        chosen = waiting.pop(self._random.randrange(len(waiting)))
        self._holders[key] = chosen[0]
        self._wanted.pop(chosen[0], None)
        if waiting:
            self._waiting[key] = waiting
        chosen[1].set_result(None)

    def _circular(self, transaction: int, key: Hashable) -> bool:
        holder: int | None = self._holders[key]
        while holder is not None and holder != transaction:
            wanted = self._wanted.get(holder)
            holder = None if wanted is None else self._holders.get(wanted)
        return holder is not None
