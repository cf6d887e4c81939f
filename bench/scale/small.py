"""A data folder for the sandbox in which every user has bought little: with it a million users are three million
purchases, not fifty, and can be loaded within the hour."""

from pathlib import Path
from typing import Final

import duckdb

from retrograph.sandbox import SAMPLE

LINES: Final = 3
"""Lines of receipts that each user of the folder keeps at most, and one shop order of three."""


def write(folder: Path) -> None:
    """Cuts the sample down into a folder of the same four files."""
    folder.mkdir(parents=True, exist_ok=True)
    receipts = f"""SELECT * EXCLUDE place FROM (
        SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY purchased_at DESC, receipt_id, product_id) AS place
        FROM '{SAMPLE}/receipts.parquet') WHERE place <= {LINES}"""
    orders = f"""SELECT * EXCLUDE place FROM (
        SELECT *, dense_rank() OVER (PARTITION BY user_id ORDER BY ordered_at DESC, button_order_id) AS place
        FROM '{SAMPLE}/shop_orders.parquet') WHERE place <= 1 AND hash(user_id) % 3 = 0"""
    with duckdb.connect() as connection:
        for name, query in (("receipts", receipts), ("shop_orders", orders)):
            connection.execute(f"COPY ({query}) TO '{folder / name}.parquet'")
        for name in ("products", "categories"):
            (folder / f"{name}.parquet").write_bytes((SAMPLE / f"{name}.parquet").read_bytes())
