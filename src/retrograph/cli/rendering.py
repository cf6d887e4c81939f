"""How the graph's documents look to people; pure, so that it is tested without a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SHOWN_RECEIPTS = 3


def stats_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """The document of `graph stats` as rows: what it is, its name, how many."""
    for part in ("nodes", "relationships", "totals"):
        yield from ((part, name, count) for name, count in document[part].items())
    yield "products", "with a category", document["products_with_category"]
    yield "products", "with a hierarchy", document["products_with_hierarchy"]
    yield "recount", "pending", document["recount_pending"]


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


def _fixed(number: float | None, digits: int) -> str:
    return "–" if number is None else f"{number:.{digits}f}"
