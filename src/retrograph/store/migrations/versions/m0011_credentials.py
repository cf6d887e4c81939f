"""The credentials of jobs over event files in a column of their own: lists are filtered and sorted by it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("credentials", sa.Text(), server_default=sa.text("''"), nullable=False))
    embedded = op.get_bind().dialect.name == "sqlite"
    named = "json_extract(spec, '$.source.credentials')" if embedded else "spec::json #>> '{source,credentials}'"
    op.execute(f"UPDATE jobs SET credentials = coalesce({named}, '') WHERE kind = 'events'")
    listed = sa.text("archived_at IS NULL")
    op.create_index(
        "jobs_listed_by_credentials",
        "jobs",
        ["credentials", "job_id"],
        unique=False,
        sqlite_where=listed,
        postgresql_where=listed,
    )
    # Of several partial indexes SQLite takes the one made last, unless another one holds all that is asked.
    troubled = sa.text("archived_at IS NULL AND needs_attention")
    op.drop_index("jobs_troubled", "jobs")
    op.create_index(
        "jobs_troubled",
        "jobs",
        ["job_id", "archived_at", "needs_attention"],
        unique=False,
        sqlite_where=troubled,
        postgresql_where=troubled,
    )
