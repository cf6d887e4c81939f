"""Records of the graph as people and programs see them."""

from retrograph.cli.rendering import plural, purchase_rows, stats_rows
from retrograph.facts import UNKNOWN_TIME, Loaded
from retrograph.graph.records import CountRecord, GraphStats, PurchaseRecord, UserRecord, VisitRecord
from retrograph.graph.view import stats_document, user_document

DAY = 86_400_000
START = 1_483_228_800_000  # 2017-01-01

USER = UserRecord(
    user_id="u1",
    first_seen_at=START,
    retracted=["r9", "r8"],
    loaded=Loaded(at=START + DAY, by="job"),
    last_updated_at=None,
    purchases=[
        PurchaseRecord("p1", ["r1"], [START], 1, START, START, 0.0, 0.0),
        PurchaseRecord(
            "p2", ["r2", "r3", "r4", "r5"], [START, START + DAY, START + 2 * DAY, UNKNOWN_TIME], 4, START,
            START + 2 * DAY, 1.0, 0.75,
        ),
    ],
    visits=[VisitRecord("Corner", ["r1"], 1), VisitRecord("Market", ["r2", "r3"], 2)],
    counts=[CountRecord("c1", 1), CountRecord("c2", 4)],
)  # fmt: skip


def test_a_user_is_shown_with_names_and_the_latest_first() -> None:
    document = user_document(USER, {"p2": "Milk"}, {"c2": "Dairy"})
    assert document["user"] == {
        "user_id": "u1",
        "first_seen_at": "2017-01-01T00:00:00.000Z",
        "last_updated_at": None,
        "loaded_at": "2017-01-02T00:00:00.000Z",
        "loaded_by": "job",
        "retracted_receipt_ids": ["r8", "r9"],
    }
    assert [(edge["product_id"], edge["name"], edge["times"]) for edge in document["purchases"]] == [
        ("p2", "Milk", 4),
        ("p1", None, 1),
    ]
    assert [edge["name"] for edge in document["retailers"]] == ["Market", "Corner"]
    assert document["categories"][0] == {"category_id": "c2", "name": "Dairy", "purchase_count": 4}


def test_a_time_that_was_lost_is_no_time() -> None:
    milk = user_document(USER, {}, {})["purchases"][0]
    assert milk["timestamps"][-1] is None
    assert milk["timestamps"][0] == "2017-01-01T00:00:00.000Z"


def test_a_row_shortens_long_lists_of_receipts() -> None:
    rows = list(purchase_rows(user_document(USER, {"p2": "Milk"}, {})))
    assert rows[0] == ("Milk", 4, "2017-01-01", "2017-01-03", "1.0", "0.75", "r2, r3, r4 +1")
    assert rows[1][0] == "p1"


def test_stats_have_the_promised_shape() -> None:
    stats = GraphStats(
        nodes={"User": 1, "Product": 2, "Category": 3, "Retailer": 4},
        relationships={"PURCHASED": 5},
        totals={"times": 6, "frequency": 7, "purchase_count": 8},
        products_with_category=9,
        products_with_hierarchy=10,
        recount_pending=11,
    )
    assert stats_document(stats) == {
        "nodes": {"User": 1, "Product": 2, "Category": 3, "Retailer": 4},
        "relationships": {"PURCHASED": 5},
        "totals": {"times": 6, "frequency": 7, "purchase_count": 8},
        "products_with_category": 9,
        "products_with_hierarchy": 10,
        "recount_pending": 11,
    }
    assert [count for _, _, count in stats_rows(stats_document(stats))] == list(range(1, 6)) + list(range(6, 12))


def test_numbers_and_nouns_agree() -> None:
    assert (plural(1, "user"), plural(2377, "user"), plural(0, "day")) == ("1 user", "2,377 users", "0 days")
