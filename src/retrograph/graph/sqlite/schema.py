"""The tables of an embedded graph and their migrations.

A node's derived edges `IN_CATEGORY` and `CHILD_OF` are no tables: they are exactly the stored `category_id` and the
last but one of the stored `hierarchy`, so here they cannot differ from them. Lists are JSON text, instants integer
milliseconds since the epoch, days integers since 1970-01-01.
"""

from typing import Final

META: Final = "CREATE TABLE IF NOT EXISTS graph_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

_TABLES: Final = (
    """CREATE TABLE graph_user (
        user_id TEXT PRIMARY KEY, first_seen_at INTEGER, retracted_receipt_ids TEXT,
        last_updated_at INTEGER, loaded_at INTEGER, loaded_by TEXT) WITHOUT ROWID""",
    """CREATE TABLE graph_product (
        product_id TEXT PRIMARY KEY,
        name TEXT, name_rank INTEGER, name_day INTEGER,
        brand TEXT, brand_rank INTEGER, brand_day INTEGER,
        category_id TEXT, category_id_rank INTEGER, category_id_day INTEGER,
        category_hierarchy TEXT, recount_since TEXT) WITHOUT ROWID""",
    """CREATE TABLE graph_category (
        category_id TEXT PRIMARY KEY,
        name TEXT, name_rank INTEGER, name_day INTEGER,
        hierarchy TEXT, hierarchy_rank INTEGER, hierarchy_day INTEGER,
        recount_since TEXT) WITHOUT ROWID""",
    """CREATE TABLE graph_retailer (
        name TEXT PRIMARY KEY, channel TEXT, channel_rank INTEGER, channel_day INTEGER) WITHOUT ROWID""",
    """CREATE TABLE graph_purchased (
        user_id TEXT NOT NULL, product_id TEXT NOT NULL, receipt_ids TEXT, timestamps TEXT, times INTEGER,
        first INTEGER, last INTEGER, avg_interval_days REAL, repurchase_likelihood REAL,
        PRIMARY KEY (user_id, product_id)) WITHOUT ROWID""",
    """CREATE TABLE graph_shops_at (
        user_id TEXT NOT NULL, retailer TEXT NOT NULL, receipt_ids TEXT, frequency INTEGER,
        PRIMARY KEY (user_id, retailer)) WITHOUT ROWID""",
    """CREATE TABLE graph_shops_in (
        user_id TEXT NOT NULL, category_id TEXT NOT NULL, purchase_count INTEGER,
        PRIMARY KEY (user_id, category_id)) WITHOUT ROWID""",
)

_RECOUNT_INDEXES: Final = (
    "CREATE INDEX graph_purchasers ON graph_purchased (product_id)",
    "CREATE INDEX graph_products_by_category ON graph_product (category_id, product_id) WHERE category_id IS NOT NULL",
    "CREATE INDEX graph_marked_products ON graph_product (recount_since) WHERE recount_since IS NOT NULL",
    "CREATE INDEX graph_marked_categories ON graph_category (recount_since) WHERE recount_since IS NOT NULL",
)

_FOLDED_PURCHASERS: Final = (
    "DROP INDEX graph_purchasers",
    """CREATE TABLE graph_purchaser (
        product_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (product_id, user_id)) WITHOUT ROWID""",
    "CREATE TABLE graph_new_purchases (number INTEGER PRIMARY KEY, user_id TEXT NOT NULL, product_ids TEXT NOT NULL)",
    "CREATE TABLE graph_gone_product (product_id TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TRIGGER graph_product_gone AFTER DELETE ON graph_product BEGIN
        INSERT OR IGNORE INTO graph_gone_product VALUES (old.product_id); END""",
    "INSERT INTO graph_purchaser SELECT product_id, user_id FROM graph_purchased ORDER BY product_id, user_id",
    """INSERT OR IGNORE INTO graph_gone_product SELECT DISTINCT product_id FROM graph_purchaser
        WHERE product_id NOT IN (SELECT product_id FROM graph_product)""",
)

_IDENTITY: Final = (
    """CREATE TABLE IF NOT EXISTS graph_identifier (
        type TEXT NOT NULL, value TEXT NOT NULL, blocked TEXT, PRIMARY KEY (type, value)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS graph_has_identifier (
        user_id TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL,
        first_seen_at INTEGER, last_seen_at INTEGER, sources TEXT,
        PRIMARY KEY (user_id, type, value)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS graph_identified ON graph_has_identifier (type, value)",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_TABLES, _RECOUNT_INDEXES, _FOLDED_PURCHASERS, _IDENTITY)
"""Statements that lead from each version to the next: the first makes version 1 of an empty graph."""
