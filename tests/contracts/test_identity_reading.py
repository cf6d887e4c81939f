"""Who is linked with whom, on every backend: generic is what is blocked or shared by too many, when it is read."""

from retrograph.facts import Identifier
from retrograph.graph.clusters import DEFAULT_LIMITS, neighbourhood, shared, summary
from retrograph.graph.store import GraphStore
from tests.contracts.identities import ANN_MAIL, HOME, TABLET, found_clusters, join_batches, known


async def test_the_path_names_each_user_and_identifier_on_the_way(graph: GraphStore) -> None:
    await join_batches(
        graph, [known("cleo", HOME), known("ben", HOME, TABLET), known("ann", TABLET), known("dan", ANN_MAIL)]
    )

    found = await neighbourhood(graph, "cleo", DEFAULT_LIMITS)

    assert [(linked.user_id, linked.path) for linked in found.linked] == [
        ("ben", ("cleo", HOME, "ben")),
        ("ann", ("cleo", HOME, "ben", TABLET, "ann")),
    ]
    assert (found.cluster, found.whole) == ("ann", True)
    assert [(held.record.value, held.users, held.generic) for held in found.identifiers] == [(HOME.value, 2, None)]


async def test_one_user_more_than_the_limit_makes_an_identifier_generic_and_a_higher_limit_takes_it_back(
    graph: GraphStore,
) -> None:
    at_limit = [known(f"user-{number}", ANN_MAIL) for number in range(DEFAULT_LIMITS["email"])]
    await join_batches(graph, at_limit)
    assert len(await found_clusters(graph)) == 3

    await join_batches(graph, [known("user-9", ANN_MAIL)])

    assert await found_clusters(graph) == {}
    found = await neighbourhood(graph, "user-9", DEFAULT_LIMITS)
    assert [(held.users, held.generic) for held in found.identifiers] == [(4, "over-limit")]
    assert found.cluster == "user-9"
    raised = await neighbourhood(graph, "user-9", {**DEFAULT_LIMITS, "email": 4})
    assert (len(raised.linked), raised.cluster) == (3, "user-0")


async def test_a_blocked_identifier_links_nobody_and_says_why(graph: GraphStore) -> None:
    await join_batches(graph, [known("ann", HOME, ip="private"), known("ben", HOME)])

    found = await neighbourhood(graph, "ben", DEFAULT_LIMITS)

    assert [(held.users, held.generic) for held in found.identifiers] == [(2, "private")]
    assert found.linked == []
    assert await found_clusters(graph) == {}


async def test_a_cluster_that_is_larger_than_what_is_walked_says_so(graph: GraphStore) -> None:
    chain = [
        known(f"user-{number}", Identifier("device", f"d{number}"), Identifier("device", f"d{number + 1}"))
        for number in range(6)
    ]
    await join_batches(graph, chain)

    found = await neighbourhood(graph, "user-3", DEFAULT_LIMITS, most=3)

    assert (len(found.linked), found.whole, found.cluster) == (3, False, None)
    assert (await neighbourhood(graph, "user-3", DEFAULT_LIMITS)).cluster == "user-0"


async def test_shared_identifiers_come_in_order_by_pages_over_all_types(graph: GraphStore) -> None:
    both = [Identifier(type_, f"v{number}") for type_ in ("phone", "email", "ip") for number in range(3)]
    await join_batches(graph, [known("ann", *both, TABLET), known("ben", *both, ANN_MAIL)])

    pages, after = [], None
    while page := await graph.shared_identifiers(after, 2):
        pages.append(page)
        after = page[-1].identifier

    assert [found.identifier for page in pages for found in page] == sorted(both)
    assert [len(page) for page in pages] == [2, 2, 2, 2, 1]
    assert [found.users async for found in shared(graph)] == [2] * 9


async def test_the_summary_counts_by_type_what_is_shared_and_why_what_is_generic(graph: GraphStore) -> None:
    crowd = [known(f"user-{number:02d}", HOME, Identifier("device", f"d{number}")) for number in range(21)]
    blocked = [known("ann", Identifier("ip", "10.0.0.1"), ip="private"), known("ben", Identifier("ip", "10.0.0.1"))]
    await join_batches(graph, crowd, blocked)

    found = await summary(graph, DEFAULT_LIMITS)

    assert found["ip"] == (2, 2, {"blocked": 1, "over-limit": 1})
    assert found["device"] == (21, 0, {"blocked": 0, "over-limit": 0})
    assert await graph.identifier_edges() == 44
    assert await graph.degrees([HOME, ANN_MAIL]) == {HOME: 21}
    assert await graph.holders([Identifier("device", "d3")]) == {Identifier("device", "d3"): ["user-03"]}
