"""The objects that a job walks, and what became of each."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COUNTERS = ("events", "skipped", "gated", "undecodable", "read")


def upgrade() -> None:
    op.create_table(
        "object_walks",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("graph_id", sa.Text(), nullable=False),
        *(_counter(name) for name in ("objects", "size")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("discovered_at", sa.BigInteger(), nullable=False),
        *(_counter(name) for name in ("processed", "failed", "unchanged", *COUNTERS)),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_table(
        "job_objects",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("graph_id", "key")),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("content", "state")),
        *(_counter(name) for name in ("offset", "line", "read", "events", "skipped", "gated", "undecodable")),
        sa.Column("refused", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("mistakes", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "number"),
    )
    op.create_index("job_objects_by_key", "job_objects", ["job_id", "key"], unique=True)
    op.create_index("job_objects_by_state", "job_objects", ["job_id", "state", "number"], unique=False)
    op.create_index("job_objects_by_content", "job_objects", ["content", "graph_id", "state"], unique=False)


def _counter(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
