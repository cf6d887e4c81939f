"""Whoever is enrolled, and whom a flag is found to cover."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from retrograph.store.tables.schema import metadata

enrolments = Table(
    "enrolments",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("enrolled_by", Text, nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
    Column("copied_at", BigInteger),
    Column("first_job", Text),
    Column("requested_at", BigInteger),
    Column("due_at", BigInteger, nullable=False),
    Column("second_job", Text),
    Column("settled_at", BigInteger),
)
"""Whoever is enrolled, and what is still to be done about it: what has no time yet."""
Index("enrolments_by_time", enrolments.c.enrolled_at, enrolments.c.user_id)
for _step in ("copied_at", "requested_at", "settled_at"):
    Index(
        f"enrolments_without_{_step}",
        enrolments.c.due_at,
        sqlite_where=enrolments.c[_step].is_(None),
        postgresql_where=enrolments.c[_step].is_(None),
    )

detections = Table(
    "detections",
    metadata,
    Column("detection_id", Text, primary_key=True),
    Column("flag", Text, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("sealed_at", BigInteger),
    Column("looked", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("left", BigInteger, nullable=False),
    Column("spared", BigInteger, nullable=False),
    Column("requested_at", BigInteger),
    Column("due_at", BigInteger),
    Column("settled_at", BigInteger),
)
"""Looks for users whom a flag has come to cover."""
Index("detections_by_time", detections.c.flag, detections.c.began_at)

enabled_users = Table(
    "enabled_users",
    metadata,
    Column("flag", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("found_at", BigInteger, nullable=False),
    Column("detection_id", Text),
)
"""Whom a flag is known to cover, and which look found them."""
Index("enabled_users_by_detection", enabled_users.c.detection_id, enabled_users.c.user_id)
