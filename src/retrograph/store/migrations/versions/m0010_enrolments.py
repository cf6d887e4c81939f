"""Who is enrolled, and whom the detector knows."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolments",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("enrolled_by", sa.Text(), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("copied_at", sa.BigInteger(), nullable=True),
        sa.Column("first_job", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("second_job", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_index("enrolments_by_time", "enrolments", ["enrolled_at", "user_id"], unique=False)
    for step in ("copied_at", "requested_at", "settled_at"):
        waiting = sa.text(f"{step} IS NULL")
        op.create_index(
            f"enrolments_without_{step}",
            "enrolments",
            ["due_at"],
            unique=False,
            sqlite_where=waiting,
            postgresql_where=waiting,
        )
    op.create_table(
        "detections",
        sa.Column("detection_id", sa.Text(), nullable=False),
        sa.Column("flag", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=True),
        sa.Column("looked", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("left", sa.BigInteger(), nullable=False),
        sa.Column("spared", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("detection_id"),
    )
    op.create_index("detections_by_time", "detections", ["flag", "began_at"], unique=False)
    op.create_table(
        "enabled_users",
        sa.Column("flag", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("detection_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("flag", "user_id"),
    )
    op.create_index("enabled_users_by_detection", "enabled_users", ["detection_id", "user_id"], unique=False)
