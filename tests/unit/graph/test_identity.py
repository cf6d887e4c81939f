"""The join of identities, by properties, against a model of a graph that is nothing but dictionaries."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from retrograph.facts import Identifier, IdentityFacts, Sighting
from retrograph.graph.clusters import Union
from retrograph.graph.identity import (
    StoredIdentity,
    by_user,
    identifiers_of,
    join_blocked,
    join_identities,
    merge_identity,
)

IDENTIFIERS = st.builds(Identifier, st.sampled_from(["email", "ip"]), st.sampled_from(["a", "b"]))
INSTANTS = st.none() | st.integers(1, 5)
SIGHTINGS = st.builds(Sighting, INSTANTS, INSTANTS, st.frozensets(st.sampled_from(["users", "login"]), max_size=2))


@st.composite
def facts(draw: st.DrawFn) -> IdentityFacts:
    sightings = draw(st.dictionaries(IDENTIFIERS, SIGHTINGS, max_size=3))
    classes = st.sampled_from(["placeholder", "private"])
    return IdentityFacts(
        user_id=draw(st.sampled_from(["ann", "ben"])),
        first_seen_at=draw(INSTANTS),
        sightings=sightings,
        blocked={identifier: draw(classes) for identifier in sightings if draw(st.booleans())},
    )


class Model:
    """A graph, written by changes as an adapter writes them."""

    def __init__(self) -> None:
        self.users: dict[str, StoredIdentity] = {}
        self.blocked: dict[Identifier, str | None] = {}

    def join(self, batch: Sequence[IdentityFacts]) -> bool:
        """Joins a batch; answers whether anything was written to users."""
        written = False
        for identifier, name in identifiers_of(batch).items():
            self.blocked[identifier] = join_blocked(self.blocked.get(identifier), name)
        for user in by_user(batch):
            written |= self._join_user(user)
        return written

    def _join_user(self, user: IdentityFacts) -> bool:
        stored = self.users.setdefault(user.user_id, StoredIdentity(None, {}))
        changes = merge_identity(stored, user)
        edges = dict(stored.edges)
        for row in changes.created:
            assert Identifier(row.type, row.value) not in edges
        for row in (*changes.created, *changes.updated):
            assert Identifier(row.type, row.value) in self.blocked
            edges[Identifier(row.type, row.value)] = [Sighting(*row[2:4], frozenset(row.sources))]
        first = stored.first_seen_at if changes.first_seen_at is None else changes.first_seen_at
        self.users[user.user_id] = StoredIdentity(first, edges)
        return not changes.empty


def batches_of(
    draw: Callable[[st.SearchStrategy[Any]], Any], given_facts: Sequence[IdentityFacts]
) -> list[Sequence[IdentityFacts]]:
    """The facts in some order, some of them twice, cut into batches."""
    order = draw(st.permutations(given_facts))
    again = draw(st.lists(st.sampled_from(order), max_size=2))
    line = [*order, *again]
    cuts = sorted(draw(st.lists(st.integers(0, len(line)), max_size=3)))
    return [line[start:end] for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True)]


@given(st.data())
def test_order_repetition_and_batches_leave_no_trace(data: st.DataObject) -> None:
    line = data.draw(st.lists(facts(), min_size=1, max_size=5))
    whole, parts = Model(), Model()
    whole.join(line)

    for batch in batches_of(data.draw, line):
        parts.join(batch)

    assert (parts.users, parts.blocked) == (whole.users, whole.blocked)


@given(st.lists(facts(), min_size=1, max_size=4))
def test_what_is_stored_already_is_not_written(line: list[IdentityFacts]) -> None:
    model = Model()
    model.join(line)

    assert model.join(line) is False


@given(st.lists(facts(), min_size=2, max_size=4))
def test_facts_of_one_user_join_in_any_grouping(line: list[IdentityFacts]) -> None:
    of_ann = [IdentityFacts(user_id="ann", first_seen_at=f.first_seen_at, sightings=f.sightings) for f in line]

    assert reduce(join_identities, of_ann) == reduce(lambda left, right: join_identities(right, left), of_ann)


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3), max_size=6))
def test_a_cluster_is_named_by_its_smallest_member(links: list[list[str]]) -> None:
    union = Union()
    for users in links:
        union.join(users)
    found = union.clusters()

    expected = {user: {user} for users in links for user in users}
    for _ in expected:
        for users in links:
            together = set().union(*(expected[user] for user in users))
            for user in together:
                expected[user] = expected[user] | together
    assert found == {user: min(members) for user, members in expected.items() if len(members) > 1}
