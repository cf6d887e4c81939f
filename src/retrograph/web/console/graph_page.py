"""What the graph's page shows of one user: the tables, and what of them goes into the picture. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from retrograph.web.console.formatting import plural, shown
from retrograph.web.console.picture import Around, Group, Thing

IN_PICTURE: Final[Mapping[str, int]] = {
    "purchases": 12,
    "retailers": 6,
    "categories": 7,
    "identifiers": 9,
    "linked": 12,
}
"""How many of each are drawn: more would be a wall, and the tables list them."""

IN_TABLE: Final = 500
"""How many rows a table has at most; `graph show USER --json` prints all."""

_WHY: Final[Mapping[str, str]] = {"over-limit": "shared by more than {limit} users"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Some of the rows, and how many there are in all."""

    rows: Sequence[Any]
    total: int

    @property
    def left_out(self) -> int:
        """How many rows are not shown."""
        return self.total - len(self.rows)


def table(rows: Sequence[Any]) -> Table:
    """The first rows of many."""
    return Table(rows=rows[:IN_TABLE], total=len(rows))


def user_address(user_id: str) -> str:
    """Where a user's neighbourhood is shown."""
    return "/graph?" + urlencode({"user": user_id})


def around(document: Mapping[str, Any]) -> Around:
    """What lies around a user, out of the document of `graph show`: of each sort the most important."""
    identity = document["identity"]
    by_times = sorted(document["purchases"], key=lambda edge: (-(edge["times"] or 0), edge["product_id"]))
    rows = {edge["product_id"]: number for number, edge in enumerate(document["purchases"])}
    return Around(
        user_id=shown(document["user"]["user_id"]),
        products=_group("Purchases", "purchases", by_times, lambda edge: _product(edge, rows[edge["product_id"]])),
        retailers=_numbered("Shops", "retailers", document["retailers"], _retailer),
        categories=_numbered("Categories", "categories", document["categories"], _category),
        identifiers=_numbered("Identifiers", "identifiers", identity["identifiers"], _identifier),
        linked=_numbered("Linked users", "linked", identity["linked_users"], _linked),
    )


def _group(title: str, name: str, edges: Sequence[Any], thing: Any) -> Group:
    most = IN_PICTURE[name]
    things = edges if len(edges) <= most else edges[: most - 1]
    return Group(title=title, things=[thing(edge) for edge in things], total=len(edges), row=name)


def _numbered(title: str, name: str, edges: Sequence[Any], thing: Any) -> Group:
    most = IN_PICTURE[name]
    some = edges if len(edges) <= most else edges[: most - 1]
    things = [thing(edge, number) for number, edge in enumerate(some)]
    return Group(title=title, things=things, total=len(edges), row=name)


def _product(edge: Mapping[str, Any], row: int) -> Thing:
    return Thing(
        id=edge["product_id"],
        label=shown(edge["name"] or edge["product_id"]),
        size=edge["times"] or 0,
        note=f"{edge['times'] or 0:,}×",
        row=f"purchases-{row}" if row < IN_TABLE else "purchases",
    )


def _retailer(edge: Mapping[str, Any], row: int) -> Thing:
    frequency = edge["frequency"] or 0
    return Thing(
        id=edge["name"], label=shown(edge["name"]), size=frequency, note=f"{frequency:,}×", row=f"retailers-{row}"
    )


def _category(edge: Mapping[str, Any], row: int) -> Thing:
    count = edge["purchase_count"] or 0
    label = shown(edge["name"] or edge["category_id"])
    return Thing(id=edge["category_id"], label=label, size=count, note=f"{count:,}×", row=f"categories-{row}")


def identifier_name(step: Mapping[str, Any]) -> str:
    """Its type and its value."""
    return f"{step['type']} {step['value']}"


def why_generic(held: Mapping[str, Any]) -> str:
    """Why an identifier links nobody, in words; empty where it links."""
    generic = held["generic"]
    return "" if generic is None else _WHY.get(generic, f"blocked: {generic}").format(limit=held["limit"])


def _identifier(held: Mapping[str, Any], row: int) -> Thing:
    note = "generic" if held["generic"] is not None else plural(held["users"], "user") if held["users"] > 1 else ""
    return Thing(
        id=identifier_name(held),
        label=shown(identifier_name(held)),
        note=note,
        row=f"identifiers-{row}",
        generic=held["generic"] is not None,
    )


def _linked(linked: Mapping[str, Any], row: int) -> Thing:
    steps = linked["path"]
    through = next((identifier_name(step) for step in steps if "type" in step), None)
    hops = sum("type" in step for step in steps)
    return Thing(
        id=linked["user_id"],
        label=shown(linked["user_id"]),
        note="" if hops == 1 else f"{hops} steps",
        row=f"linked-{row}",
        href=user_address(linked["user_id"]),
        through=through,
    )


def counts(document: Mapping[str, Any]) -> Sequence[tuple[str, Sequence[tuple[str, int]]]]:
    """The counts of `graph stats` in groups, for lists of definitions."""
    identity = document["identity"]
    known = ("identifiers", "has_identifier", "clusters", "linked_users", "largest_cluster")
    titles = {
        "identifiers": "Identifiers",
        "has_identifier": "Edges to them",
        "clusters": "Clusters of linked users",
        "linked_users": "Users in clusters",
        "largest_cluster": "Users in the largest",
    }
    return [
        ("Nodes", list(document["nodes"].items())),
        ("Relationships", list(document["relationships"].items())),
        ("Totals", [(name.replace("_", " "), count) for name, count in document["totals"].items()]),
        ("Identity", [(titles[name], identity[name]) for name in known if name in identity]),
    ]
