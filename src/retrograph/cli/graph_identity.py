"""What `retrograph graph stats` and `show` say of the identity graph."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retrograph.cli.output import print_line, print_table, say

if TYPE_CHECKING:
    pass


def print_identity(document: Mapping[str, Any]) -> None:
    """The same for people; nothing for a user who is known by nothing."""
    from retrograph.cli.identity_rendering import SHOWN_LINKED, identifier_rows, linked_rows

    if not document["identifiers"]:
        return
    columns = ("identifier", "value", "first seen", "last seen", "users", "generic")
    print_table(columns, identifier_rows(document), right=("users",))
    linked = document["linked_users"]
    if linked:
        print_table(("linked user", "by"), linked_rows(document))
    if len(linked) > SHOWN_LINKED:
        least = "" if document["complete"] else ", at least"
        say(f"and {len(linked) - SHOWN_LINKED:,} more linked users{least}: --json")
    print_line(f"cluster  {document['cluster'] or 'larger than what was walked'}")
