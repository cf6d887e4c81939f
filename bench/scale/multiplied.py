"""`python -m bench.scale.multiplied GRAPH TIMES`: gives every user of an embedded graph so many likenesses.

A large graph in the time it takes to write its rows: each likeness holds the same edges under another id, which is what
the join would have made of it; `graph copy` of such a graph goes through the join and ends with the same digest.
"""

import sqlite3
import sys
from contextlib import closing

TABLES = {
    "graph_user": "first_seen_at, retracted_receipt_ids, last_updated_at, loaded_at, loaded_by",
    "graph_purchased": (
        "product_id, receipt_ids, timestamps, times, first, last, avg_interval_days, repurchase_likelihood"
    ),
    "graph_shops_at": "retailer, receipt_ids, frequency",
    "graph_shops_in": "category_id, purchase_count",
}


def main(file: str, times: int) -> None:
    """Adds the likenesses, a transaction for each."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        users = "user_id NOT LIKE '%~%'"
        for number in range(2, times + 1):
            connection.execute("BEGIN IMMEDIATE")
            for table, columns in TABLES.items():
                connection.execute(
                    f"INSERT INTO {table} (user_id, {columns}) "
                    f"SELECT user_id || '~{number}', {columns} FROM {table} WHERE {users}"
                )
            connection.execute(
                "INSERT INTO graph_new_purchases (user_id, product_ids) "
                f"SELECT user_id || '~{number}', product_ids FROM graph_new_purchases WHERE {users}"
            )
            connection.execute("COMMIT")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
