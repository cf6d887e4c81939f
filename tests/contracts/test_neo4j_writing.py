"""What only a graph shows that others can change in the middle of a write transaction."""

import pytest

from retrograph.graph.merge import merge_user, wanted
from tests.contracts.graphs import another_writer, join_all, purchase, served
from tests.servers.neo4j import Neo4jServer

MANY = [f"p{number}" for number in range(80)]
"""Neo4j locks a user with so many edges no longer when one of them is taken away."""


class RolledBack(Exception):
    """Ends a transaction without a trace."""


async def test_an_edge_that_goes_between_being_read_and_being_changed_is_missed(neo4j: Neo4jServer) -> None:
    async with served(neo4j) as graph:
        await join_all(graph, [purchase("ann", "r1", 1, *MANY, categories={"p0": "fruit"})])
        facts = purchase("ann", "r2", 2, "p0").user

        with pytest.raises(RolledBack):
            async with graph.transaction() as transaction:
                await transaction.lock_users(["ann"])
                stored = await transaction.read_users([wanted(facts)], ["p0"])
                await another_writer(graph, cypher="MATCH (p:Product {product_id: 'p0'}) DETACH DELETE p", sql="")
                changes = merge_user(stored.users["ann"], facts, stored.product_categories)

                assert await transaction.write_users([changes], 0) == changes.matches - 1
                raise RolledBack
