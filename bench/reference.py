"""What our writes to Neo4j are compared with: the statement that such systems write today, and the floor.

The reference merges every purchase, appends to the edge's lists and adds to its counters. The floor only creates: it
is the fastest shape known of writing the same edges, and right only on an empty graph. Instants travel as strings in
the one and as integers in the other, since the driver's own `datetime` values take several times as long.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from bench.sample import History, Line, Sample
from retrograph.clock import MILLIS_PER_DAY, iso

_PURCHASED: Final = """
UNWIND $rows AS x MERGE (u:User {user_id: x.u}) MERGE (p:Product {product_id: x.p}) MERGE (u)-[r:PURCHASED]->(p)
ON CREATE SET r.timestamps = [datetime(x.t)], r.receipt_ids = [x.r], r.times = 1, r.last = datetime(x.t),
    r.avg_interval_days = 0, r.repurchase_likelihood = 0.0
ON MATCH SET r.timestamps = CASE WHEN x.r IN r.receipt_ids THEN r.timestamps ELSE r.timestamps + datetime(x.t) END,
    r.times = CASE WHEN x.r IN r.receipt_ids THEN r.times ELSE r.times + 1 END,
    r.last = CASE WHEN datetime(x.t) > r.last THEN datetime(x.t) ELSE r.last END,
    r.receipt_ids = CASE WHEN x.r IN r.receipt_ids THEN r.receipt_ids ELSE r.receipt_ids + x.r END"""
_SHOPS_AT: Final = """
UNWIND $rows AS x MERGE (u:User {user_id: x.u}) MERGE (p:Retailer {name: x.r}) MERGE (u)-[r:SHOPS_AT]->(p)
SET r.frequency = """
_SHOPS_IN: Final = """
UNWIND $rows AS x MERGE (u:User {user_id: x.u}) MERGE (p:Category {category_id: x.c}) MERGE (u)-[r:SHOPS_IN]->(p)
SET r.purchase_count = """
_ADDED_VISITS: Final = _SHOPS_AT + "coalesce(r.frequency, 0) + x.n"
_ADDED_COUNTS: Final = _SHOPS_IN + "coalesce(r.purchase_count, 0) + x.n"

_EDGES: Final = "UNWIND $rows AS b MATCH (u:User {user_id: b[0]}) WITH u, b UNWIND b[1] AS e "
_CREATE_USERS: Final = "UNWIND $rows AS x CREATE (:User {user_id: x})"
_CREATE_PURCHASES: Final = (
    _EDGES
    + """MATCH (p:Product {product_id: e[0]})
WITH u, p, e, [x IN e[2] | datetime({epochMillis: x})] AS ts, size(e[1]) AS n
CREATE (u)-[:PURCHASED {receipt_ids: e[1], timestamps: ts, times: n, first: ts[0], last: ts[n - 1],
    avg_interval_days: e[3], repurchase_likelihood: (n - 1.0) / n}]->(p)"""
)
_CREATE_VISITS: Final = (
    _EDGES + "MATCH (p:Retailer {name: e[0]}) CREATE (u)-[:SHOPS_AT {receipt_ids: e[1], frequency: size(e[1])}]->(p)"
)
_CREATE_COUNTS: Final = (
    _EDGES + "MATCH (p:Category {category_id: e[0]}) CREATE (u)-[:SHOPS_IN {purchase_count: e[1]}]->(p)"
)


class Statement(NamedTuple):
    """A statement and its `$rows`."""

    text: str
    rows: list[Any]


Transaction = list[Statement]
"""What is written and committed together."""


def batches(
    users: Sequence[History], size: int, build: Callable[[Sequence[History]], Transaction]
) -> list[Transaction]:
    """The transactions of these users, so many users each."""
    return [build(users[start : start + size]) for start in range(0, len(users), size)]


def reference_load(sample: Sample) -> Callable[[Sequence[History]], Transaction]:
    """The reference statement of a full load: counters are overwritten."""

    def build(users: Sequence[History]) -> Transaction:
        return [
            Statement(_PURCHASED, [row for user in users for row in _purchases(user)]),
            Statement(_SHOPS_AT + "x.n", [row for user in users for row in _visits(user)]),
            Statement(_SHOPS_IN + "x.n", [row for user in users for row in _counts(sample, user)]),
        ]

    return build


def reference_live(sample: Sample, users: Sequence[History]) -> Transaction:
    """The reference statement of live events: it adds to counters."""
    return [
        Statement(_PURCHASED, [row for user in users for row in _purchases(user)]),
        Statement(_ADDED_VISITS, [row for user in users for row in _visits(user)]),
        Statement(_ADDED_COUNTS, [row for user in users for row in _counts(sample, user)]),
    ]


def floor(sample: Sample) -> Callable[[Sequence[History]], Transaction]:
    """Nothing but CREATE, grouped by user."""

    def build(users: Sequence[History]) -> Transaction:
        return [
            Statement(_CREATE_USERS, [user.user_id for user in users]),
            Statement(_CREATE_PURCHASES, [[user.user_id, _created(user)] for user in users]),
            Statement(
                _CREATE_VISITS,
                [[user.user_id, [[name, sorted(seen)] for name, seen in user.visits.items()]] for user in users],
            ),
            Statement(
                _CREATE_COUNTS,
                [[user.user_id, [[key, number] for key, number in sample.counts(user).items()]] for user in users],
            ),
        ]

    return build


def _purchases(user: History) -> list[dict[str, str]]:
    lines = (
        Line(user.user_id, receipt_id, at, product_id, "")
        for product_id, times in user.purchases.items()
        for receipt_id, at in times.items()
    )
    return [{"u": line.user_id, "p": line.product_id, "r": line.receipt_id, "t": iso(line.millis)} for line in lines]


def _visits(user: History) -> list[dict[str, Any]]:
    return [{"u": user.user_id, "r": name, "n": len(seen)} for name, seen in user.visits.items()]


def _counts(sample: Sample, user: History) -> list[dict[str, Any]]:
    return [{"u": user.user_id, "c": key, "n": number} for key, number in sample.counts(user).items()]


def _created(user: History) -> list[list[Any]]:
    edges = []
    for product_id, times in user.purchases.items():
        ordered = sorted((at, receipt_id) for receipt_id, at in times.items())
        instants = [at for at, _ in ordered]
        gaps = len(instants) - 1
        average = (instants[-1] - instants[0]) / gaps / MILLIS_PER_DAY if gaps else 0.0
        edges.append([product_id, [receipt_id for _, receipt_id in ordered], instants, average])
    return edges
