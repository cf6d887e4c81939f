"""Live events and event files into the graph: decoded, gated, grouped by user, joined.

Both doors use it, so that what an event becomes does not depend on how it came. A batch that the graph refuses is
tried again user by user, and event by event where one user has several: only the one that is refused alone, while the
graph answers, is given back as refused. Whatever is down is raised, and then the whole batch is to be repeated.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from retrograph.errors import RetrographError, UndecodableEvent, WriteFailed
from retrograph.events import factoids, receipts
from retrograph.events import identity as identity_events
from retrograph.events.event import PurchaseEvent, Skipped
from retrograph.events.identity import IdentityEvent
from retrograph.facts import Facts, IdentityFacts, InvalidId, clean_id
from retrograph.flags.gate import Gate
from retrograph.graph.identity import join_identities
from retrograph.graph.merge import join_user
from retrograph.graph.shared import join_shared

NOT_ADMITTED: Final = "not-admitted"
KEY_MISMATCH: Final = "key-mismatch"
WRITTEN: Final = "written"

FactsT = TypeVar("FactsT")
EventT = TypeVar("EventT", bound="UserEvent")


class Received(NamedTuple):
    """An event as it came. `recorded_at`: when its record was made, or its file last changed; milliseconds."""

    payload: bytes
    recorded_at: int
    key: bytes | None = None


class Refused(NamedTuple):
    """An event that could not be written, by its place in the batch, and why."""

    place: int
    error: Exception


@dataclass(slots=True, kw_only=True)
class Written:
    """What became of a batch. `counts`: events by how they ended; `left_out`: facts that broke a rule, by reason."""

    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)


class UserEvent(Protocol):
    """What every event can be asked before it is worked out."""

    @property
    def user_id(self) -> str: ...


class Family(Protocol[EventT, FactsT]):
    """One form of events: how it is decoded, worked out, joined with others of its user, and written."""

    def decode(self, event: Received) -> EventT | Skipped:
        """Raises UndecodableEvent."""
        ...

    def facts(self, event: EventT, left_out: Counter[str]) -> FactsT | None:
        """What it says; `None` where nothing is left of it."""
        ...

    def together(self, facts: Sequence[FactsT]) -> FactsT:
        """What several events of one user say."""
        ...

    async def write(self, facts: Sequence[FactsT]) -> list[Exception | None]:
        """Joins one entry a user into the graph; what came of each. Raises DependencyDown."""
        ...


class EventLoad(Generic[EventT, FactsT]):
    """Writes batches of one family; any number may be under way."""

    def __init__(self, family: Family[EventT, FactsT], gate: Gate, ping: Callable[[], Awaitable[None]]) -> None:
        self._family = family
        self._gate = gate
        self._ping = ping

    async def write(self, events: Sequence[Received]) -> Written:
        """Returns when all that can be written is committed. Raises DependencyDown: then nothing may be skipped, and
        the same batch is to be written again, which is safe."""
        written = Written()
        by_user = self._decoded(events, written)
        admitted = await self._gate.admits(by_user.keys()) if by_user else frozenset[str]()
        told: list[list[tuple[int, FactsT]]] = []
        for user_id, of_user in by_user.items():
            if user_id in admitted:
                told += self._told(of_user, written)
            else:
                written.counts[NOT_ADMITTED] += len(of_user)
        await self._write(told, written)
        written.refused.sort(key=lambda refused: refused.place)
        return written

    def _decoded(self, events: Sequence[Received], written: Written) -> dict[str, list[tuple[int, EventT]]]:
        by_user: dict[str, list[tuple[int, EventT]]] = {}
        decode = self._family.decode
        for index, received in enumerate(events):
            try:
                event = decode(received)
            except UndecodableEvent as error:
                written.refused.append(Refused(index, error))
                continue
            if isinstance(event, Skipped):
                written.counts[event.reason] += 1
                continue
            if received.key is not None and not _same(received.key, event.user_id):
                written.left_out[KEY_MISMATCH] += 1
            by_user.setdefault(event.user_id, []).append((index, event))
        return by_user

    def _told(self, events: Iterable[tuple[int, EventT]], written: Written) -> list[list[tuple[int, FactsT]]]:
        told: list[tuple[int, FactsT]] = []
        for index, event in events:
            facts = self._family.facts(event, written.left_out)
            if facts is None:
                written.counts["nothing-left"] += 1
            else:
                told.append((index, facts))
        return [told] if told else []

    async def _write(self, groups: Sequence[Sequence[tuple[int, FactsT]]], written: Written) -> None:
        """Each group is of one user. Those that are refused are split until each is one event."""
        if not groups:
            return
        ends = await self._family.write([self._together(group) for group in groups])
        for group, error in zip(groups, ends, strict=True):
            if error is None:
                written.counts[WRITTEN] += len(group)
            elif len(group) > 1:
                for one in group:
                    await self._write([[one]], written)
            else:
                await self._ping()
                written.refused.append(Refused(group[0][0], error))

    def _together(self, group: Sequence[tuple[int, FactsT]]) -> FactsT:
        return group[0][1] if len(group) == 1 else self._family.together([facts for _, facts in group])


class JoinsFacts(Protocol):
    """The graph's writer."""

    async def join(self, facts: Facts) -> object: ...


class JoinsIdentities(Protocol):
    """The graph's writer of identities."""

    async def join(self, facts: Sequence[IdentityFacts]) -> object: ...


class Enriches(Protocol):
    """Whoever knows more about what events name: see `loading.enrichment`."""

    async def enriched(self, facts: Sequence[Facts]) -> list[Facts]: ...


class _Purchases:
    """Events about purchases, whichever document brings them. `catalogue`: who is asked what they leave out."""

    def __init__(self, writer: JoinsFacts, catalogue: Enriches | None = None) -> None:
        self._writer = writer
        self._catalogue = catalogue

    def facts(self, event: PurchaseEvent, left_out: Counter[str]) -> Facts | None:
        told = event.told()
        if told.refused:
            left_out.update(told.refused)
        return told.facts

    def together(self, facts: Sequence[Facts]) -> Facts:
        user = facts[0].user
        for more in facts[1:]:
            user = join_user(user, more.user)
        return Facts(user=user, shared=join_shared([each.shared for each in facts]))

    async def write(self, facts: Sequence[Facts]) -> list[Exception | None]:
        if self._catalogue is not None:
            facts = await self._catalogue.enriched(facts)
        ends = await asyncio.gather(*(self._writer.join(each) for each in facts), return_exceptions=True)
        return [_end(end) for end in ends]


class Receipts(_Purchases):
    """The family of receipts."""

    def decode(self, event: Received) -> receipts.ReceiptEvent | Skipped:
        return receipts.decode(event.payload, recorded_at=event.recorded_at)


class Factoids(_Purchases):
    """The family of shop orders."""

    def decode(self, event: Received) -> factoids.OrderEvent | Skipped:
        return factoids.decode(event.payload, recorded_at=event.recorded_at)


class IdentityEvents:
    """The family of sign-ups and logins. `judged`: how identifiers are told apart and stored."""

    def __init__(self, writer: JoinsIdentities, judged: Callable[[IdentityEvent, Counter[str]], IdentityFacts]) -> None:
        self._writer = writer
        self._judged = judged

    def decode(self, event: Received) -> IdentityEvent | Skipped:
        return identity_events.decode(event.payload, recorded_at=event.recorded_at)

    def facts(self, event: IdentityEvent, left_out: Counter[str]) -> IdentityFacts | None:
        return self._judged(event, left_out)

    def together(self, facts: Sequence[IdentityFacts]) -> IdentityFacts:
        joined = facts[0]
        for more in facts[1:]:
            joined = join_identities(joined, more)
        return joined

    async def write(self, facts: Sequence[IdentityFacts]) -> list[Exception | None]:
        """All in one transaction; where the graph refuses that, each alone."""
        try:
            await self._writer.join(facts)
        except WriteFailed as error:
            if len(facts) == 1:
                return [error]
            return [end for each in facts for end in await self.write([each])]
        return [None] * len(facts)


def _end(end: object) -> Exception | None:
    """What the event itself is to blame for; any other error is raised."""
    if not isinstance(end, BaseException):
        return None
    if isinstance(end, WriteFailed) or (isinstance(end, Exception) and not isinstance(end, RetrographError)):
        return end
    raise end


def _same(key: bytes, user_id: str) -> bool:
    try:
        text = key.decode()
        return text == user_id or clean_id(text) == user_id
    except (UnicodeDecodeError, InvalidId):
        return False
