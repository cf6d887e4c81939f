"""Why a run is not faster, and failures beside the pace."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("pressure", sa.Text(), nullable=True))
    op.add_column("job_samples", sa.Column("failed", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
