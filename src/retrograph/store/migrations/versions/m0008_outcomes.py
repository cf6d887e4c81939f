"""What was sent through a queue, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UNANSWERED = sa.text("sent_at IS NOT NULL AND status IS NULL")
UNCOUNTED = sa.text("sent_at IS NOT NULL AND status IS NOT NULL AND (counted IS NULL OR counted <> status)")


def upgrade() -> None:
    for name in ("sent", "answered", "attempt_base"):
        op.add_column("jobs", sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("jobs", sa.Column("depth", sa.Text(), nullable=True))
    op.create_table(
        "job_outcomes",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("found", sa.Text(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("counted", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "item", "attempt"),
    )
    for name, column, rows in (
        ("job_outcomes_unanswered", "sent_at", UNANSWERED),
        ("job_outcomes_uncounted", "done_at", UNCOUNTED),
    ):
        op.create_index(
            name, "job_outcomes", ["job_id", column], unique=False, sqlite_where=rows, postgresql_where=rows
        )
