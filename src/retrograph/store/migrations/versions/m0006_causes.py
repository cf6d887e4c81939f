"""What failures of one cause have in common, so that they can be counted and retried together."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_failures", sa.Column("cause", sa.Text(), nullable=True))
