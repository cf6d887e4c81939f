"""Jobs, and what they are listed, sorted and searched by."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from retrograph.store.tables.schema import metadata

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
