"""Lists of jobs by every column, searched and filtered, of a hundred thousand."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LISTED = sa.text("archived_at IS NULL")
TROUBLED = sa.text("archived_at IS NULL AND needs_attention")
PLACES = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "key": "key",
    "kind": "kind",
    "state": "state",
    "processed": "processed",
    "failed": "failed",
    "skipped": "skipped",
    "created_by": "created_by",
    "rate": "coalesce(rate, -1.0)",
    "percent": "coalesce((processed + failed + skipped) * 10000 / nullif(total, 0), -1)",
    "message": "coalesce(substr(message, 1, 100), '')",
}


def upgrade() -> None:
    for name, place in PLACES.items():
        op.create_index(
            f"jobs_listed_by_{name}",
            "jobs",
            [sa.text(place), "job_id"],
            unique=False,
            sqlite_where=LISTED,
            postgresql_where=LISTED,
        )
    op.create_index("jobs_troubled", "jobs", ["job_id"], unique=False, sqlite_where=TROUBLED, postgresql_where=TROUBLED)
    op.create_index("jobs_searched", "jobs", ["key", "created_by", "job_id", "archived_at"], unique=False)
    op.create_index(
        "jobs_tallied", "jobs", ["state", "kind", "needs_attention", "graph_id", "archived_at"], unique=False
    )
