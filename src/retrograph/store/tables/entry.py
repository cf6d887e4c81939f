"""Who may come in."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from retrograph.store.tables.schema import metadata

entry_tokens = Table(
    "entry_tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("hashed", Text, nullable=False, unique=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("used_at", BigInteger),
)
"""API tokens. A name is free again once its token is revoked."""
Index(
    "entry_tokens_one_per_name",
    entry_tokens.c.name,
    unique=True,
    sqlite_where=entry_tokens.c.revoked_at.is_(None),
    postgresql_where=entry_tokens.c.revoked_at.is_(None),
)

entry_sessions = Table(
    "entry_sessions",
    metadata,
    Column("hashed", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("sealed", Text),
)
Index("entry_sessions_by_end", entry_sessions.c.expires_at)

entry_once = Table(
    "entry_once",
    metadata,
    Column("hashed", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""What may be used once: sign-ins on their way through a provider, one-time links."""
Index("entry_once_by_end", entry_once.c.expires_at)
