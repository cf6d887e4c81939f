"""The SQL database that jobs are kept in: SQLite, embedded, or PostgreSQL."""
