"""What came of a job: its failures, what was sent and answered, its runs, its log and its speed."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text, UniqueConstraint, false, text

from retrograph.store.tables.schema import COUNTER, metadata

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
    Column("number", COUNTER, primary_key=True, autoincrement=True),
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
