"""What a graph holds, as JSON documents: what `graph … --json` and the API print. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from retrograph.clock import iso
from retrograph.facts import UNKNOWN_TIME, Identifier
from retrograph.graph.clusters import Held, Linked, Neighbourhood, TypeSummary
from retrograph.graph.digest import Digest
from retrograph.graph.records import GraphStats, PurchaseRecord, UserRecord


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


def digest_document(found: Digest) -> dict[str, Any]:
    """The document of `graph digest --json`."""
    return {"digest": found.digest, "facts": found.facts, "recount_pending": found.recount_pending}


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


def identity_stats(
    edges: int, types: Mapping[str, TypeSummary], limits: Mapping[str, int], clusters: Mapping[str, str] | None
) -> dict[str, Any]:
    """The member `identity` of `graph stats --json`. `clusters` counts those of two or more users."""
    document: dict[str, Any] = {
        "identifiers": sum(found.identifiers for found in types.values()),
        "has_identifier": edges,
        "types": {
            name: {
                "identifiers": found.identifiers,
                "shared": found.shared,
                "generic": dict(found.generic),
                "limit": limits.get(name),
            }
            for name, found in types.items()
        },
    }
    if clusters is not None:
        sizes = Counter(clusters.values())
        document |= {
            "clusters": len(sizes),
            "linked_users": len(clusters),
            "largest_cluster": max(sizes.values(), default=0),
        }
    return document


def identity_document(found: Neighbourhood, limits: Mapping[str, int]) -> dict[str, Any]:
    """The member `identity` of `graph show USER --json`."""
    return {
        "cluster": found.cluster,
        "identifiers": [_held(held, limits) for held in found.identifiers],
        "linked_users": [_linked(linked) for linked in found.linked],
        "complete": found.whole,
    }


def _held(held: Held, limits: Mapping[str, int]) -> dict[str, Any]:
    record = held.record
    return {
        "type": record.type,
        "value": record.value,
        "first_seen_at": _instant(record.first_seen_at),
        "last_seen_at": _instant(record.last_seen_at),
        "sources": sorted(record.sources),
        "users": held.users,
        "limit": limits.get(record.type),
        "generic": held.generic,
    }


def _linked(linked: Linked) -> dict[str, Any]:
    return {
        "user_id": linked.user_id,
        "path": [
            {"type": step.type, "value": step.value} if isinstance(step, Identifier) else {"user_id": step}
            for step in linked.path
        ],
    }


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
