"""How the graph's records look to people and as JSON documents; pure, so that it is tested without a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrograph.clock import iso
from retrograph.facts import UNKNOWN_TIME
from retrograph.graph.records import GraphStats, PurchaseRecord, UserRecord

SHOWN_RECEIPTS = 3


def stats_document(stats: GraphStats) -> dict[str, Any]:
    """The document of `graph stats --json`."""
    return {
        "nodes": dict(stats.nodes),
        "relationships": dict(stats.relationships),
        "totals": dict(stats.totals),
        "products_with_category": stats.products_with_category,
        "products_with_hierarchy": stats.products_with_hierarchy,
        "recount_pending": stats.recount_pending,
    }


def stats_rows(stats: GraphStats) -> Iterator[tuple[str, str, int]]:
    """The same as rows: what it is, its name, how many."""
    yield from (("nodes", name, count) for name, count in stats.nodes.items())
    yield from (("relationships", name, count) for name, count in stats.relationships.items())
    yield from (("totals", name, count) for name, count in stats.totals.items())
    yield "products", "with a category", stats.products_with_category
    yield "products", "with a hierarchy", stats.products_with_hierarchy
    yield "recount", "pending", stats.recount_pending


def user_document(user: UserRecord, products: Mapping[str, str], categories: Mapping[str, str]) -> dict[str, Any]:
    """The document of `graph show USER --json`: latest purchase first, then the most frequent first."""
    return {
        "user": {
            "user_id": user.user_id,
            "first_seen_at": _instant(user.first_seen_at),
            "last_updated_at": _instant(user.last_updated_at),
            "loaded_at": _instant(user.loaded.at if user.loaded else None),
            "loaded_by": user.loaded.by if user.loaded else None,
            "retracted_receipt_ids": sorted(user.retracted),
        },
        "purchases": [_purchase(edge, products) for edge in sorted(user.purchases, key=_latest_first)],
        "retailers": [
            {"name": edge.retailer, "frequency": edge.frequency, "receipt_ids": list(edge.receipt_ids)}
            for edge in sorted(user.visits, key=lambda edge: (-(edge.frequency or 0), edge.retailer))
        ],
        "categories": [
            {
                "category_id": edge.category_id,
                "name": categories.get(edge.category_id),
                "purchase_count": edge.purchase_count,
            }
            for edge in sorted(user.counts, key=lambda edge: (-(edge.purchase_count or 0), edge.category_id))
        ],
    }


def purchase_rows(document: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    """The purchases of that document as rows of a table."""
    for edge in document["purchases"]:
        receipts = edge["receipt_ids"]
        more = f" +{len(receipts) - SHOWN_RECEIPTS}" if len(receipts) > SHOWN_RECEIPTS else ""
        yield (
            edge["name"] or edge["product_id"],
            edge["times"],
            (edge["first"] or "–")[:10],
            (edge["last"] or "–")[:10],
            _fixed(edge["avg_interval_days"], 1),
            _fixed(edge["repurchase_likelihood"], 2),
            ", ".join(receipts[:SHOWN_RECEIPTS]) + more,
        )


def plural(count: int, noun: str) -> str:
    """`1 user`, `2,377 users`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _purchase(edge: PurchaseRecord, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "product_id": edge.product_id,
        "name": names.get(edge.product_id),
        "receipt_ids": list(edge.receipt_ids),
        "timestamps": [_instant(at) for at in edge.timestamps],
        "times": edge.times,
        "first": _instant(edge.first),
        "last": _instant(edge.last),
        "avg_interval_days": edge.average_interval_days,
        "repurchase_likelihood": edge.repurchase_likelihood,
    }


def _latest_first(edge: PurchaseRecord) -> tuple[int, str]:
    return -(edge.last or 0), edge.product_id


def _instant(millis: int | None) -> str | None:
    """A time that was lost is no time: null, not a day in the year 9999."""
    return None if millis is None or millis >= UNKNOWN_TIME else iso(millis)


def _fixed(number: float | None, digits: int) -> str:
    return "–" if number is None else f"{number:.{digits}f}"
