"""What a job's items brought, by name: how many purchases, how many users whom no service knew."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("found", sa.Text(), server_default=sa.text("'{}'"), nullable=False))
