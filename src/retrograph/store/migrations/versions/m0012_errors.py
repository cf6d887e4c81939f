"""The objects with an error in an index of their own: a search for text looks at no others."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    erred = sa.text("error IS NOT NULL")
    op.create_index(
        "job_objects_in_error",
        "job_objects",
        ["job_id", "number"],
        unique=False,
        sqlite_where=erred,
        postgresql_where=erred,
    )
