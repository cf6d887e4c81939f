"""The tables as they are now; `migrations/` holds how they came to be, and a test proves the two equal.

Instants are milliseconds since the epoch. Mappings are JSON text, because both databases keep text alike.
"""

from retrograph.store.tables.enrolment import detections, enabled_users, enrolments
from retrograph.store.tables.entry import entry_once, entry_sessions, entry_tokens
from retrograph.store.tables.jobs import PLACES, jobs, lanes
from retrograph.store.tables.lists import chunks, uploads
from retrograph.store.tables.objects import object_walks, objects
from retrograph.store.tables.records import events, failures, outcomes, runs, samples
from retrograph.store.tables.schema import metadata

__all__ = [
    "PLACES",
    "chunks",
    "detections",
    "enabled_users",
    "enrolments",
    "entry_once",
    "entry_sessions",
    "entry_tokens",
    "events",
    "failures",
    "jobs",
    "lanes",
    "metadata",
    "object_walks",
    "objects",
    "outcomes",
    "runs",
    "samples",
    "uploads",
]
