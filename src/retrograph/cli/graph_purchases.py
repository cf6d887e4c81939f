"""What `retrograph graph show` says of a user's purchases."""

from collections.abc import Mapping
from typing import Any

from retrograph.cli.output import print_table


def print_purchases(document: Mapping[str, Any]) -> None:
    """The purchases, retailers and categories for people; nothing of those of which there are none."""
    from retrograph.cli.rendering import purchase_rows

    if document["purchases"]:
        columns = ("product", "times", "first", "last", "days between", "again", "receipts")
        print_table(columns, purchase_rows(document), right=("times", "days between", "again"))
    if document["retailers"]:
        retailers = ((edge["name"], edge["frequency"]) for edge in document["retailers"])
        print_table(("retailer", "receipts"), retailers, right=("receipts",))
    if document["categories"]:
        categories = ((edge["name"] or edge["category_id"], edge["purchase_count"]) for edge in document["categories"])
        print_table(("category", "purchases"), categories, right=("purchases",))
