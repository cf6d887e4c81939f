"""The identity graph on every backend: whatever the order, the batches and the writers, the graph is the same."""

import asyncio
import random

import pytest

from retrograph.facts import Identifier, IdentityFacts, Sighting
from retrograph.graph.copy import copy
from retrograph.graph.digest import digest
from retrograph.graph.identity_writer import IdentityWriter
from retrograph.graph.neo4j.store import Neo4jGraph
from retrograph.graph.store import GraphStore
from retrograph.sandbox.users_table import draw_users, truth_of
from tests.contracts.graphs import CLOCK, another_writer, join_all, on_day, purchase
from tests.contracts.identities import (
    ANN_MAIL,
    HOME,
    TABLET,
    facts_of_table,
    found_clusters,
    identity_digest,
    join_batches,
    known,
)


async def test_the_made_up_users_come_out_the_same_in_any_order_and_their_clusters_are_the_true_ones(
    graph: GraphStore, reference: GraphStore
) -> None:
    users = list(draw_users(400, seed=3))
    facts = facts_of_table(users)
    await join_batches(reference, facts)
    shuffled = random.Random(5).sample(facts, len(facts))
    batches = [shuffled[start : start + 70] for start in range(0, 350, 70)]
    singles = [[fact] for fact in shuffled[300:]]

    await join_batches(graph, *batches, *singles)

    assert await digest(graph) == await digest(reference)
    assert await identity_digest(graph) == await identity_digest(reference)
    truth = truth_of(users)
    assert await found_clusters(graph) == truth.clusters
    assert len(set(truth.clusters.values())) > 50


async def test_writers_side_by_side_lose_nothing_of_each_other(graph: GraphStore, reference: GraphStore) -> None:
    days = [
        known(user, HOME, Identifier("device", f"phone of {user}"), day=day, source=f"source {day % 3}")
        for day in range(12)
        for user in ("ann", "ben", "cleo")
    ]
    await join_batches(reference, days)
    writers = [IdentityWriter(graph, CLOCK) for _ in range(4)]
    parts = [days[number::4] for number in range(4)]

    await asyncio.gather(
        *(writer.join(part[at : at + 3]) for writer, part in zip(writers, parts, strict=True) for at in range(0, 9, 3))
    )

    found = (await graph.identities(["ann"]))["ann"]
    expected = (await reference.identities(["ann"]))["ann"]
    assert {(one.type, one.value): sorted(one.sources) for one in found} == {
        (one.type, one.value): ["source 0", "source 1", "source 2"] for one in expected
    }
    assert await identity_digest(graph) == await identity_digest(reference)


async def test_an_edge_keeps_the_earliest_and_the_latest_sighting_and_every_source(graph: GraphStore) -> None:
    await join_batches(
        graph,
        [known("ann", ANN_MAIL, day=5, source="login")],
        [known("ann", ANN_MAIL, day=2, source="users"), known("ann", ANN_MAIL, day=9, source="login")],
    )

    (record,) = (await graph.identities(["ann"]))["ann"]
    assert record[:5] == ("email", "ann@example.com", None, on_day(2), on_day(9))
    assert sorted(record.sources) == ["login", "users"]
    (user,) = await graph.users(["ann"])
    assert user.first_seen_at == on_day(2)


async def test_a_sighting_without_an_instant_is_completed_by_one_that_has_it(graph: GraphStore) -> None:
    await join_batches(
        graph, [IdentityFacts(user_id="ann", sightings={ANN_MAIL: Sighting(None, None, frozenset("u"))})]
    )
    (record,) = (await graph.identities(["ann"]))["ann"]
    assert record[3:5] == (None, None)

    await join_batches(graph, [known("ann", ANN_MAIL, day=1)])

    (record,) = (await graph.identities(["ann"]))["ann"]
    assert record[3:5] == (on_day(1), on_day(1))


async def test_a_user_without_identifiers_is_a_user(graph: GraphStore) -> None:
    await join_batches(graph, [known("ann", day=1)])

    (user,) = await graph.users(["ann"])
    assert user.first_seen_at == on_day(1)
    assert await graph.identities(["ann", "nobody"]) == {}


async def test_the_same_again_writes_nothing(graph: GraphStore) -> None:
    facts = [known("ann", ANN_MAIL, HOME), known("ben", HOME)]
    await join_batches(graph, facts)
    before = await graph.users(["ann", "ben"])

    await join_batches(graph, facts)

    assert await graph.users(["ann", "ben"]) == before


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_the_class_of_a_blocked_identifier_does_not_depend_on_who_judged_it_first(
    graph: GraphStore, order: tuple[int, ...]
) -> None:
    judged = [known("ann", HOME, ip="private"), known("ben", HOME, ip="public-proxy"), known("cleo", HOME)]

    await join_batches(graph, *([judged[number]] for number in order))

    assert {
        record.blocked for held in (await graph.identities(["ann", "ben", "cleo"])).values() for record in held
    } == {"public-proxy"}
    assert (await graph.identifier_counts())["ip"] == (1, 1)


async def test_identities_leave_purchases_alone_and_the_other_way_round(
    graph: GraphStore, reference: GraphStore
) -> None:
    bought = purchase("ann", "r1", 3, "apple", categories={"apple": "fruit"})
    await join_all(graph, [bought])
    purchases = await digest(graph, only="purchases")

    await join_batches(graph, [known("ann", ANN_MAIL, day=1)])

    assert await digest(graph, only="purchases") == purchases
    await join_batches(reference, [known("ann", ANN_MAIL, day=1)])
    await join_all(reference, [bought])
    assert await digest(graph) == await digest(reference)
    assert (await digest(graph)).digest != purchases.digest
    assert (await digest(graph, only="identity")).facts == 1
    (user,) = await graph.users(["ann"])
    assert user.first_seen_at == on_day(1)


async def test_a_digest_tells_identities_apart(graph: GraphStore) -> None:
    await join_batches(graph, [known("ann", ANN_MAIL, source="users")])
    before = await identity_digest(graph)

    await join_batches(graph, [known("ann", ANN_MAIL, source="login")])
    assert await identity_digest(graph) == before  # a source is provenance

    await join_batches(graph, [known("ann", ANN_MAIL, day=1)])
    assert await identity_digest(graph) != before


async def test_a_copy_carries_identities(graph: GraphStore, reference: GraphStore) -> None:
    await join_batches(graph, facts_of_table(draw_users(60, seed=1)))
    await join_batches(graph, [known("ann", HOME, ip="private")])

    report = await copy(graph, reference, CLOCK)

    assert report.equal
    assert await found_clusters(reference) == await found_clusters(graph)
    (record,) = (await reference.identities(["ann"]))["ann"]
    assert (record.blocked, record.sources) == ("private", ["users"])


async def test_an_identifier_that_another_writer_took_away_is_made_again(graph: GraphStore) -> None:
    await join_batches(graph, [known("ann", HOME, TABLET)])
    await another_writer(
        graph,
        cypher="MATCH (i:Identifier {type: 'device'}) DETACH DELETE i",
        sql="DELETE FROM graph_identifier WHERE type = 'device'",
    )

    await join_batches(graph, [known("ann", TABLET), known("ben", TABLET)])

    assert await found_clusters(graph) == {"ann": "ann", "ben": "ann"}
    assert (await graph.identifier_counts())["device"] == (1, 0)


async def test_parallel_edges_of_another_writer_become_one(graph: GraphStore) -> None:
    if not isinstance(graph, Neo4jGraph):
        pytest.skip("a pair has one row there")
    await join_batches(graph, [known("ann", HOME, day=3)])
    await another_writer(
        graph,
        cypher="MATCH (u:User {user_id: 'ann'}) MATCH (i:Identifier) CREATE (u)-[:HAS_IDENTIFIER "
        "{first_seen_at: datetime({epochMillis: $at}), sources: ['other']}]->(i)",
        sql="",
        at=on_day(1),
    )

    await join_batches(graph, [known("ann", HOME, day=2)])

    (record,) = (await graph.identities(["ann"]))["ann"]
    assert record[3:5] == (on_day(1), on_day(3))
    assert sorted(record.sources) == ["other", "users"]
    assert await graph.identifier_edges() == 1
