"""Writing identities by the law: identifiers first, in a transaction of their own, then the users of a batch in one.

A batch is repeated whole after a deadlock, a lost connection or a commit of unknown outcome, which is safe because a
join is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from retrograph.clock import Clock, to_millis
from retrograph.errors import WriteFailed
from retrograph.facts import IdentityFacts
from retrograph.graph.identity import NOBODY, by_user, identifiers_of, merge_identity
from retrograph.graph.retry import repeated
from retrograph.graph.store import DEPENDENCY, GraphDataError, GraphStore, GraphTransaction, TransientGraphError
from retrograph.graph.writer import Permit, unconditionally

BATCH_USERS: Final = 500
"""Users in one transaction, where many are ready: with a handful of identifiers each, a few thousand rows."""


class IdentityWriter:
    """Joins batches of users into the graph, as many at a time as it has lanes."""

    def __init__(self, graph: GraphStore, clock: Clock) -> None:
        self._graph = graph
        self._clock = clock
        self._lanes = asyncio.Semaphore(graph.lanes)

    @property
    def lanes(self) -> int:
        """How many batches may usefully be under way at once."""
        return self._graph.lanes

    async def join(self, facts: Sequence[IdentityFacts], permit: Permit = unconditionally) -> Mapping[str, int]:
        """Returns once all of it is committed: how many edges of which user that took. `permit` is asked before each
        try, and what it raises comes out here.

        Raises WriteFailed if the graph refuses the data: of a batch nothing is written then, and each of its users
        may be tried alone. Raises DependencyDown if the graph does not answer.
        """
        users = by_user(facts)
        try:
            async with self._lanes:
                return await repeated(self._graph, self._clock, lambda: self._written(users, permit))
        except GraphDataError as error:
            raise WriteFailed(f"the graph refused the data: {error}", dependency=DEPENDENCY) from error

    async def _written(self, users: Sequence[IdentityFacts], permit: Permit) -> Mapping[str, int]:
        identifiers = identifiers_of(users)
        # Where only one may write at a time, nobody waits for a lock on what is shared: one transaction does.
        apart = self._graph.lanes > 1
        if identifiers and apart:
            permit()
            async with self._graph.transaction() as transaction:
                await transaction.upsert_identifiers(identifiers)
        permit()
        async with self._graph.transaction() as transaction:
            if identifiers and not apart:
                await transaction.upsert_identifiers(identifiers)
            return await self._write_users(transaction, users)

    async def _write_users(self, transaction: GraphTransaction, users: Sequence[IdentityFacts]) -> Mapping[str, int]:
        stored = await transaction.lock_identities([user.user_id for user in users])
        changes = [merge_identity(stored.get(user.user_id, NOBODY), user) for user in users]
        changes = [change for change in changes if not change.empty]
        if not changes:
            return {}
        sent = sum(change.matches for change in changes)
        if await transaction.write_identities(changes, to_millis(self._clock.now())) < sent:
            raise TransientGraphError("an identifier has gone; it is made again")
        return {change.user_id: change.written for change in changes}
