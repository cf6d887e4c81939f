"""The constraints and indexes of a Neo4j graph, as migrations that lead from each version to the next."""

from typing import Final

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE CONSTRAINT retrograph_user IF NOT EXISTS FOR (n:User) REQUIRE n.user_id IS UNIQUE",
        "CREATE CONSTRAINT retrograph_product IF NOT EXISTS FOR (n:Product) REQUIRE n.product_id IS UNIQUE",
        "CREATE CONSTRAINT retrograph_category IF NOT EXISTS FOR (n:Category) REQUIRE n.category_id IS UNIQUE",
        "CREATE CONSTRAINT retrograph_retailer IF NOT EXISTS FOR (n:Retailer) REQUIRE n.name IS UNIQUE",
    ),
    (
        "CREATE INDEX retrograph_products_by_category IF NOT EXISTS FOR (n:Product) ON (n.category_id, n.product_id)",
        "CREATE INDEX retrograph_marked_products IF NOT EXISTS FOR (n:Product) ON (n.recount_since)",
        "CREATE INDEX retrograph_marked_categories IF NOT EXISTS FOR (n:Category) ON (n.recount_since)",
    ),
    (),
    ("CREATE CONSTRAINT retrograph_identifier IF NOT EXISTS FOR (n:Identifier) REQUIRE (n.type, n.value) IS UNIQUE",),
)
"""The first makes version 1 of an empty graph. The third changes only embedded graphs: here edges know both ends."""

META_CONSTRAINTS: Final = (
    "CREATE CONSTRAINT retrograph_meta IF NOT EXISTS FOR (n:RetrographMeta) REQUIRE n.name IS UNIQUE",
    "CREATE CONSTRAINT retrograph_note IF NOT EXISTS FOR (n:RetrographNote) REQUIRE n.name IS UNIQUE",
)
"""What the meta node itself needs, so that two processes that open an empty graph agree on its id."""

AWAIT_INDEXES: Final = "CALL db.awaitIndexes(300)"
