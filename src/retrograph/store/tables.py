"""The tables as they are now; `migrations/` holds how they came to be, and a test proves the two equal.

Instants are milliseconds since the epoch. Mappings are JSON text, because both databases keep text alike.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

metadata = MetaData()

_counter = BigInteger().with_variant(Integer, "sqlite")

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("graph_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message", Text),
    Column("phase", Text),
    Column("spec", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("credentials", Text, nullable=False, server_default=text("''")),
    Column("cursor", Text),
    Column("done_above", Text),
    Column("retry_cursor", BigInteger),
    Column("retry_last", BigInteger),
    Column("retry_selected", Boolean, nullable=False, server_default=false()),
    Column("retried_above", Text),
    Column("total", BigInteger),
    Column("processed", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped_by", Text, nullable=False, server_default=text("'{}'")),
    Column("refused", Text, nullable=False, server_default=text("'{}'")),
    Column("found", Text, nullable=False, server_default=text("'{}'")),
    Column("failures_numbered", BigInteger, nullable=False, server_default=text("0")),
    Column("sent", BigInteger, nullable=False, server_default=text("0")),
    Column("answered", BigInteger, nullable=False, server_default=text("0")),
    Column("attempt_base", BigInteger, nullable=False, server_default=text("0")),
    Column("depth", Text),
    Column("finishing", Boolean, nullable=False, server_default=false()),
    Column("complete", Boolean, nullable=False, server_default=false()),
    Column("whole", Boolean, nullable=False, server_default=true()),
    Column("list_id", Text),
    Column("rate", Float),
    Column("pressure", Text),
    Column("elapsed_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("checkpoints", BigInteger, nullable=False, server_default=text("0")),
    Column("holder", Text),
    Column("lease_until", BigInteger),
    Column("heartbeat_at", BigInteger),
    Column("idle_tries", Integer, nullable=False, server_default=text("0")),
    Column("needs_attention", Boolean, nullable=False, server_default=false()),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("paused_at", BigInteger),
    Column("archived_at", BigInteger),
    UniqueConstraint("graph_id", "key", name="jobs_one_per_key"),
)
Index("jobs_by_key", jobs.c.key)
Index("jobs_by_creation", jobs.c.created_at, jobs.c.job_id)
Index("jobs_by_change", jobs.c.updated_at, jobs.c.job_id)
Index("jobs_by_state", jobs.c.state, jobs.c.created_at)
Index(
    "jobs_held",
    jobs.c.kind,
    jobs.c.lease_until,
    sqlite_where=jobs.c.holder.is_not(None),
    postgresql_where=jobs.c.holder.is_not(None),
)

PLACES: Final[Mapping[str, str]] = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "key": "key",
    "kind": "kind",
    "state": "state",
    "processed": "processed",
    "failed": "failed",
    "skipped": "skipped",
    "created_by": "created_by",
    "credentials": "credentials",
    "rate": "coalesce(rate, -1.0)",
    "percent": "coalesce((processed + failed + skipped) * 10000 / nullif(total, 0), -1)",
    "message": "coalesce(substr(message, 1, 100), '')",
}
"""What jobs can be sorted by. Nothing may be NULL, because a page begins after a value; and no long text, because an
index takes none. The words must be those of the indexes."""

_LISTED = text("archived_at IS NULL")
_TROUBLED = text("archived_at IS NULL AND needs_attention")
for _name, _place in PLACES.items():
    Index(
        f"jobs_listed_by_{_name}",
        jobs.c[_name] if _place == _name else text(_place),
        jobs.c.job_id,
        sqlite_where=_LISTED,
        postgresql_where=_LISTED,
    )
# These hold all that is asked of them, so that the long rows are not read.
Index(
    "jobs_troubled",
    jobs.c.job_id,
    jobs.c.archived_at,
    jobs.c.needs_attention,
    sqlite_where=_TROUBLED,
    postgresql_where=_TROUBLED,
)
Index("jobs_searched", jobs.c.key, jobs.c.created_by, jobs.c.job_id, jobs.c.archived_at)
Index("jobs_tallied", jobs.c.state, jobs.c.kind, jobs.c.needs_attention, jobs.c.graph_id, jobs.c.archived_at)

lanes = Table("job_lanes", metadata, Column("lane", Text, primary_key=True))
"""One row for each kind that runs one job at a time: its lock makes claims of that kind take turns."""

chunks = Table(
    "job_chunks",
    metadata,
    Column("list_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("ids", LargeBinary, nullable=False),
)
"""Frozen ids, a thousand to a row. A list counts only once a job names it."""
Index("job_chunks_by_job", chunks.c.job_id)

uploads = Table(
    "uploads",
    metadata,
    Column("upload_id", Text, primary_key=True),
    Column("list_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("ids", BigInteger, nullable=False),
    Column("repeated", BigInteger, nullable=False),
    Column("blank", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""Lists that were uploaded; their ids are chunks under the upload's id."""
Index("uploads_by_creation", uploads.c.created_at)

failures = Table(
    "job_failures",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("item", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("cause", Text),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    Column("selected", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("job_id", "item", name="job_failures_one_per_item"),
)
Index(
    "job_failures_open",
    failures.c.job_id,
    failures.c.error_class,
    failures.c.number,
    sqlite_where=failures.c.resolved_at.is_(None),
    postgresql_where=failures.c.resolved_at.is_(None),
)

outcomes = Table(
    "job_outcomes",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("attempt", BigInteger, primary_key=True, autoincrement=False),
    Column("sent_at", BigInteger),
    Column("status", Text),
    Column("reason", Text),
    Column("error_class", Text),
    Column("message", Text),
    Column("refused", Text),
    Column("found", Text),
    Column("done_at", BigInteger),
    Column("counted", Text),
)
"""What was sent through a queue, and what came of it. A row counts once a checkpoint says that it was sent; `counted`
is the status by which it is in its job's counts."""
_UNANSWERED = text("sent_at IS NOT NULL AND status IS NULL")
_UNCOUNTED = text("sent_at IS NOT NULL AND status IS NOT NULL AND (counted IS NULL OR counted <> status)")
Index(
    "job_outcomes_unanswered",
    outcomes.c.job_id,
    outcomes.c.sent_at,
    sqlite_where=_UNANSWERED,
    postgresql_where=_UNANSWERED,
)
Index(
    "job_outcomes_uncounted",
    outcomes.c.job_id,
    outcomes.c.done_at,
    sqlite_where=_UNCOUNTED,
    postgresql_where=_UNCOUNTED,
)

runs = Table(
    "job_runs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("processed", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", BigInteger, nullable=False, server_default=text("0")),
    Column("parameters", Text, nullable=False),
)

events = Table(
    "job_events",
    metadata,
    Column("number", _counter, primary_key=True, autoincrement=True),
    Column("job_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("origin", Text),
    Column("target", Text),
    Column("why", Text),
)
"""The append-only log."""
Index("job_events_by_job", events.c.job_id, events.c.number)

samples = Table(
    "job_samples",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("rate", Float, nullable=False),
    Column("scanned", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
)

object_walks = Table(
    "object_walks",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("graph_id", Text, nullable=False),
    Column("objects", BigInteger, nullable=False, server_default=text("0")),
    Column("size", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", BigInteger, nullable=False),
    Column("discovered_at", BigInteger, nullable=False),
    Column("processed", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    Column("unchanged", BigInteger, nullable=False, server_default=text("0")),
    Column("events", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", BigInteger, nullable=False, server_default=text("0")),
    Column("gated", BigInteger, nullable=False, server_default=text("0")),
    Column("undecodable", BigInteger, nullable=False, server_default=text("0")),
    Column("read", BigInteger, nullable=False, server_default=text("0")),
    Column("started_at", BigInteger),
    Column("updated_at", BigInteger),
)
"""The objects of a job together, so that nobody has to add up a million rows."""

objects = Table(
    "job_objects",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("graph_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("modified_at", BigInteger, nullable=False),
    Column("content", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("offset", BigInteger, nullable=False, server_default=text("0")),
    Column("line", BigInteger, nullable=False, server_default=text("0")),
    Column("read", BigInteger, nullable=False, server_default=text("0")),
    Column("events", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", BigInteger, nullable=False, server_default=text("0")),
    Column("gated", BigInteger, nullable=False, server_default=text("0")),
    Column("undecodable", BigInteger, nullable=False, server_default=text("0")),
    Column("refused", Text, nullable=False, server_default=text("'{}'")),
    Column("mistakes", Text, nullable=False, server_default=text("'[]'")),
    Column("error", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("updated_at", BigInteger, nullable=False),
)
"""What a job over objects has found, and what became of each."""
Index("job_objects_by_key", objects.c.job_id, objects.c.key, unique=True)
Index("job_objects_by_state", objects.c.job_id, objects.c.state, objects.c.number)
Index("job_objects_by_content", objects.c.content, objects.c.graph_id, objects.c.state)
_ERRED = text("error IS NOT NULL")
Index(
    "job_objects_in_error",
    objects.c.job_id,
    objects.c.number,
    sqlite_where=_ERRED,
    postgresql_where=_ERRED,
)

entry_tokens = Table(
    "entry_tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("hashed", Text, nullable=False, unique=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("used_at", BigInteger),
)
"""API tokens. A name is free again once its token is revoked."""
Index(
    "entry_tokens_one_per_name",
    entry_tokens.c.name,
    unique=True,
    sqlite_where=entry_tokens.c.revoked_at.is_(None),
    postgresql_where=entry_tokens.c.revoked_at.is_(None),
)

entry_sessions = Table(
    "entry_sessions",
    metadata,
    Column("hashed", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("sealed", Text),
)
Index("entry_sessions_by_end", entry_sessions.c.expires_at)

entry_once = Table(
    "entry_once",
    metadata,
    Column("hashed", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""What may be used once: sign-ins on their way through a provider, one-time links."""
Index("entry_once_by_end", entry_once.c.expires_at)

enrolments = Table(
    "enrolments",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("enrolled_by", Text, nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
    Column("copied_at", BigInteger),
    Column("first_job", Text),
    Column("requested_at", BigInteger),
    Column("due_at", BigInteger, nullable=False),
    Column("second_job", Text),
    Column("settled_at", BigInteger),
)
"""Whoever is enrolled, and what is still to be done about it: what has no time yet."""
Index("enrolments_by_time", enrolments.c.enrolled_at, enrolments.c.user_id)
for _step in ("copied_at", "requested_at", "settled_at"):
    Index(
        f"enrolments_without_{_step}",
        enrolments.c.due_at,
        sqlite_where=enrolments.c[_step].is_(None),
        postgresql_where=enrolments.c[_step].is_(None),
    )

detections = Table(
    "detections",
    metadata,
    Column("detection_id", Text, primary_key=True),
    Column("flag", Text, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("sealed_at", BigInteger),
    Column("looked", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("left", BigInteger, nullable=False),
    Column("spared", BigInteger, nullable=False),
    Column("requested_at", BigInteger),
    Column("due_at", BigInteger),
    Column("settled_at", BigInteger),
)
"""Looks for users whom a flag has come to cover."""
Index("detections_by_time", detections.c.flag, detections.c.began_at)

enabled_users = Table(
    "enabled_users",
    metadata,
    Column("flag", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("found_at", BigInteger, nullable=False),
    Column("detection_id", Text),
)
"""Whom a flag is known to cover, and which look found them."""
Index("enabled_users_by_detection", enabled_users.c.detection_id, enabled_users.c.user_id)
