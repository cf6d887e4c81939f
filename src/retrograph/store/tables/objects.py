"""Objects that a job goes over."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from retrograph.store.tables.schema import metadata

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
