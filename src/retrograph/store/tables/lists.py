"""Ids that jobs go over."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from retrograph.store.tables.schema import metadata

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
