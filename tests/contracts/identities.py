"""What tests say about people and what they are known by."""

from collections.abc import Iterable

from retrograph.facts import Identifier, IdentityFacts, Sighting
from retrograph.graph.clusters import DEFAULT_LIMITS, clusters
from retrograph.graph.digest import digest
from retrograph.graph.identity_writer import IdentityWriter
from retrograph.graph.store import GraphStore
from retrograph.loading.blocking import read_block_list
from retrograph.loading.identifiers import Identifiers
from retrograph.loading.identity import facts_of
from retrograph.sandbox.users_table import TableUser
from retrograph.sources.users_walk import RawIdentifier, UserRow
from tests.contracts.graphs import CLOCK, on_day

ANN_MAIL = Identifier("email", "ann@example.com")
HOME = Identifier("ip", "81.0.0.1")
TABLET = Identifier("device", "tablet")


def known(
    user_id: str, *identifiers: Identifier, day: float = 0, source: str = "users", **blocked: str
) -> IdentityFacts:
    """A user who was seen with these on one day; `blocked` gives types of them a class."""
    at = on_day(day)
    return IdentityFacts(
        user_id=user_id,
        first_seen_at=at,
        sightings={identifier: Sighting(at, at, frozenset([source])) for identifier in identifiers},
        blocked={identifier: blocked[identifier.type] for identifier in identifiers if identifier.type in blocked},
    )


async def join_batches(graph: GraphStore, *batches: Iterable[IdentityFacts]) -> None:
    """Joins one batch after the other, each in transactions of its own."""
    writer = IdentityWriter(graph, CLOCK)
    for batch in batches:
        await writer.join(list(batch))


async def identity_digest(graph: GraphStore) -> str:
    """The digest of the identity graph."""
    return (await digest(graph, only="identity")).digest


async def found_clusters(graph: GraphStore) -> dict[str, str]:
    """Who is linked, by the limits that nobody changed."""
    return await clusters(graph, DEFAULT_LIMITS)


def facts_of_table(users: Iterable[TableUser]) -> list[IdentityFacts]:
    """The facts that made-up users of a table come to."""
    identifiers = Identifiers(read_block_list(None))
    found = []
    for user in users:
        at = int(user.created_at.timestamp() * 1000)
        raw = [RawIdentifier(value.type, value.value, None, "users") for value in user.values]
        facts, _ = facts_of(UserRow(user.user_id, "", at, raw), identifiers, at + 1)
        assert facts is not None
        found.append(facts)
    return found
