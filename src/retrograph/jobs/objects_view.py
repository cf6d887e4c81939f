"""The objects of a job as JSON, and the labels under which operators know their figures."""

from collections.abc import Mapping
from typing import Final

from retrograph.clock import iso
from retrograph.jobs.job import Json
from retrograph.jobs.objects import Entry, Totals

DISCOVERY: Final[Mapping[str, str]] = {
    "objects_discovered": "Objects discovered",
    "total_size": "Total size (bytes)",
    "created_at": "Created at",
    "discovered_at": "Last updated at",
}
PROCESSING: Final[Mapping[str, str]] = {
    "objects_processed": "Objects processed",
    "objects_failed": "Objects failed",
    "objects_unchanged": "Objects unchanged",
    "events_ingested": "Events ingested",
    "events_skipped": "Events skipped",
    "events_gated": "Events skipped by the gate",
    "events_undecodable": "Events undecodable",
    "processed_size": "Processed size (bytes)",
    "started_at": "Started at",
    "updated_at": "Last updated at",
}


def totals_as_json(totals: Totals) -> dict[str, Json]:
    """Both parts: what discovery found, and how far processing is. Instants are RFC 3339 in UTC."""
    return {
        "objects_discovered": totals.objects,
        "total_size": totals.size,
        "created_at": _iso(totals.created_at),
        "discovered_at": _iso(totals.discovered_at),
        "objects_processed": totals.processed,
        "objects_failed": totals.failed,
        "objects_unchanged": totals.unchanged,
        "events_ingested": totals.events,
        "events_skipped": totals.skipped,
        "events_gated": totals.gated,
        "events_undecodable": totals.undecodable,
        "processed_size": totals.read,
        "started_at": _iso(totals.started_at),
        "updated_at": _iso(totals.updated_at),
    }


def entry_as_json(entry: Entry) -> dict[str, Json]:
    """One object."""
    reached = entry.reached
    return {
        "key": entry.key,
        "state": entry.state.value,
        "size": entry.size,
        "version": entry.version,
        "modified_at": iso(entry.modified_at),
        "read": reached.read,
        "events": reached.events,
        "skipped": reached.skipped,
        "gated": reached.gated,
        "undecodable": reached.undecodable,
        "refused": dict(reached.refused),
        "mistakes": [{"line": line, "why": why} for line, why in reached.mistakes],
        "error": entry.error,
        "attempts": entry.attempts,
        "updated_at": _iso(entry.updated_at or None),
    }


def _iso(millis: int | None) -> str | None:
    return None if millis is None else iso(millis)
