"""Keeps a lease: renews it off the work loop, and knows by this process's own clock when to rely on it no longer."""

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, LeaseLost
from retrograph.jobs.halt import Halt
from retrograph.jobs.store import Asked, JobStore, Lease

RENEWALS_PER_LEASE = 3


class LeaseKeeper:
    """One lease of this process.

    The store decides whether the lease holds. What is reckoned here is only when to begin no further item: from
    before the last confirmed renewal was sent, so never later than the store's own reckoning.
    """

    def __init__(
        self, store: JobStore, lease: Lease, *, seconds: float, claimed_at: float, clock: Clock, halt: Halt
    ) -> None:
        """`claimed_at` is the monotonic moment from before the claim was sent."""
        self.lease = lease
        self.lease_ms = int(seconds * 1000)
        self._store = store
        self._seconds = seconds
        self._clock = clock
        self._halt = halt
        self._until = claimed_at + seconds
        self._missed: str | None = None

    @property
    def alive(self) -> bool:
        """Whether an item may begin."""
        return self._halt.lost is None and self._clock.monotonic() < self._until

    def confirmed(self, sent_at: float, asked: Asked | None) -> None:
        """A renewal or checkpoint that was sent at that monotonic moment was written."""
        self._until = max(self._until, sent_at + self._seconds)
        self._missed = None
        self._halt.operator(asked)

    def missed(self, error: DependencyDown) -> None:
        """A write did not reach the store. Where the lease is lost for it, that is the reason that people need."""
        self._missed = str(error)

    def lose(self, words: str) -> LeaseLost:
        """Ends the run: the lease is lost."""
        self._halt.lose(words if self._missed is None else f"{words}: {self._missed}")
        return LeaseLost(self._halt.lost or words)

    def check(self) -> None:
        """Raises LeaseLost where no item may begin any more."""
        if not self.alive:
            raise self.lose("this process could not renew its lease in time")

    async def keep(self) -> None:
        """Renews until cancelled, or until the lease is lost."""
        while self._halt.lost is None:
            await self._clock.sleep(self._seconds / RENEWALS_PER_LEASE)
            await self._renew()

    async def _renew(self) -> None:
        while self._halt.lost is None:
            sent_at = self._clock.monotonic()
            try:
                self.confirmed(sent_at, await self._store.renew(self.lease, self.lease_ms))
            except LeaseLost as error:
                self.lose(str(error))
            except DependencyDown as error:
                self.missed(error)
                if not self.alive:
                    self.lose("this process could not renew its lease in time")
                    return
                await self._clock.sleep(self._seconds / 30)
            else:
                return
