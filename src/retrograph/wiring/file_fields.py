"""What a start of kind `events` is asked, each defined once: the form, the command line and the API are made of this.

It imports nothing heavy, because the command line reads it before it knows what it will do.
"""

from collections.abc import Mapping
from typing import Final

from retrograph.jobs.definitions import Definition

_ALL: Final = (
    Definition(
        name="uri",
        label="Where the files lie",
        summary="Where they lie: `s3://bucket/prefix` or `file:///folder`",
        help="A bucket and a prefix, s3://bucket/prefix; or file:///folder, below the folder that the server may read.",
        default_text="s3://bucket/prefix",
    ),
    Definition(
        name="credentials",
        label="Credentials",
        summary="The configured credentials that enter the bucket",
        help="By which of the configured credentials the bucket is entered. None: what this machine has by itself.",
        default_text="what this machine has by itself",
    ),
    Definition(
        name="pattern",
        label="Pattern",
        summary="Only keys or names like this one: `*.json.gz`. Default: all",
        help="Only objects whose key or name is like this one, such as *.json.gz; * stands for anything.",
        default_text="*",
    ),
    Definition(
        name="events",
        label="Events",
        summary="receipts, factoids, identity or auto (each by its own fields)",
        help="What the files hold. Auto looks at the fields of each event.",
        default="auto",
        choices={
            "auto": "each by its own fields",
            "receipts": "processed receipts",
            "factoids": "shop orders, as they happened",
            "identity": "sign-ups and logins",
        },
    ),
    Definition(
        name="since",
        label="Modified since",
        summary="Only objects that were last modified then or later",
        help="Only objects that were last modified then or later: a date or an instant; without an offset it is UTC.",
        unit="UTC",
        default_text="ever",
        instant=True,
    ),
    Definition(
        name="until",
        label="Modified before",
        summary="Only objects that were modified before",
        help="Only objects that were last modified before: a date or an instant; without an offset it is UTC.",
        unit="UTC",
        default_text="now",
        instant=True,
    ),
    Definition(
        name="mapping",
        label="Columns of tables",
        summary="What a table calls a column of ours; repeat it for more",
        help="For CSV and Parquet: what the file calls our columns, as ours=theirs, separated by commas.",
        default_text="user_id=member, product_id=sku",
    ),
    Definition(
        name="again",
        label="Read unchanged objects again",
        summary="Also what an earlier job has ingested; the graph stays the same",
        help="Also reads what an earlier job has ingested. The graph stays the same, because a join changes nothing "
        "that is there already.",
        default=False,
    ),
    Definition(
        name="gate",
        label="Only users whom the gate admits",
        summary="Only events of users whom the gate admits. Default: those of everybody",
        help="Events of other users are left out, and counted apart. Without it the events of everybody are read.",
        default=False,
    ),
)

FILE_FIELDS: Final[Mapping[str, Definition]] = {definition.name: definition for definition in _ALL}
"""By name, in the order in which people decide about them."""
