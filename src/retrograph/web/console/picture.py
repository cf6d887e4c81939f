"""One user's neighbourhood as a picture: where each node and edge lies, so that no label covers another.

Nodes stand in columns, one to a row, so there is nothing to untangle; what does not fit is one more node that says how
many there are, and the tables beside the picture list them.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["user", "product", "retailer", "category", "identifier", "generic", "linked", "more"]

EDGE: Final = 4
"""Room for strokes at the sides."""

ROW: Final = 32
BOX: Final = 24
HEADING: Final = 34
GAP: Final = 26
"""Between two groups of one side."""

LARGEST: Final = 10.0
SMALLEST: Final = 3.0
"""Radii of the dots that stand for purchases."""

WIDEST: Final = 5.0
LETTER: Final = 7.2
"""The mean width of a letter at the picture's size of type."""

_USER_LEFT, _USER_WIDTH = 520, 150
_LINKED = (0, 180)
_NEAR_LEFT = (236, 190)
_RIGHT = (790, 390)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something that the user is connected with. `size` is how often; `row` names its row in the tables."""

    id: str
    label: str
    size: int = 1
    note: str = ""
    row: str
    href: str | None = None
    """Where it leads, if not to its row."""
    generic: bool = False
    through: str | None = None
    """For linked users: the identifier of this user that the path begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Things of one sort, the most important first. `total` counts those, too, that are not given."""

    title: str
    things: Sequence[Thing]
    total: int
    row: str
    """The table that lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box with text. `dot` is a circle's radius before the text, 0 for none; `full` is the text that was cut."""

    kind: Kind
    x: float
    y: float
    width: float
    height: float
    label: str
    note: str
    full: str
    href: str | None
    dot: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A curve between two nodes; `path` is the `d` of a path, `width` its stroke."""

    kind: Kind
    path: str
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The title of a group."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All of it, in a box of `width` by `height` that begins at `left`: sides where nothing stands take no room."""

    left: float
    width: float
    height: int
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    headings: Sequence[Heading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What lies around a user."""

    user_id: str
    products: Group
    retailers: Group
    categories: Group
    identifiers: Group
    linked: Group


def picture(around: Around) -> Picture:
    """The user in the middle; shops and identifiers on the left, purchases and categories on the right."""
    drawing = _Drawing()
    right, left = (around.products, around.categories), (around.identifiers, around.retailers)
    far = (around.linked,)
    height = max(_height(right), _height(left), _height(far), 160.0)
    top = (height - max(_height(left), _height(far))) / 2
    drawing.side(zip(right, ("product", "category"), strict=True), _RIGHT, "right", (height - _height(right)) / 2)
    drawing.side(zip(left, ("identifier", "retailer"), strict=True), _NEAR_LEFT, "left", top)
    if around.linked.total:
        drawing.linked(around.linked, top)
    return drawing.finished(around.user_id, height)


def _height(groups: Sequence[Group]) -> float:
    """How high groups are below each other."""
    drawn = [group for group in groups if group.total]
    rows = sum(len(group.things) + (group.total > len(group.things)) for group in drawn)
    return len(drawn) * HEADING + rows * ROW + max(0, len(drawn) - 1) * GAP


def cut(text: str, width: float) -> str:
    """As much of a text as fits into so many units, with an ellipsis where it was cut."""
    room = width / LETTER
    if _length(text) <= room:
        return text
    kept = ""
    used = 1.0
    for letter in text:
        used += _width(letter)
        if used > room:
            break
        kept += letter
    return kept.rstrip() + "…"


def _length(text: str) -> float:
    return sum(_width(letter) for letter in text)


def _width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in ("W", "F"):
        return 1.9
    return 1.3 if letter.isupper() or letter in "mwMW@%" else 1.0


@dataclass(frozen=True, slots=True)
class _Spoke:
    """An edge to the user that waits until it is known where the user stands."""

    kind: Kind
    x: float
    y: float
    width: float
    side: Literal["left", "right"]


class _Drawing:
    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._edges: list[Edge] = []
        self._headings: list[Heading] = []
        self._spokes: list[_Spoke] = []
        self._places: dict[str, tuple[float, float]] = {}

    def side(
        self,
        groups: Iterable[tuple[Group, Kind]],
        column: tuple[float, float],
        side: Literal["left", "right"],
        y: float,
    ) -> None:
        """Draws groups below each other, from that height on."""
        for group, kind in groups:
            if group.total:
                y = self._group(group, kind, column, side, y) + GAP

    def linked(self, group: Group, y: float) -> None:
        """Linked users stand behind the identifiers that lead to them."""
        left, width = _LINKED
        y = self._heading(group.title, left, y)
        for thing in group.things:
            self._box("linked", thing, left, y, width)
            start = self._places.get(thing.through or "")
            if start is not None:
                self._curve("linked", left + width, y + BOX / 2, start[0], start[1], 1.5)
            y += ROW
        self._rest(group, left, y, width)

    def finished(self, user_id: str, height: float) -> Picture:
        y = height / 2
        spread = 14.0
        for spoke in self._spokes:
            end = _USER_LEFT if spoke.side == "left" else _USER_LEFT + _USER_WIDTH
            inner = y + max(-spread, min(spread, (spoke.y - y) / 12))
            if spoke.side == "left":
                self._curve(spoke.kind, spoke.x, spoke.y, end, inner, spoke.width)
            else:
                self._curve(spoke.kind, end, inner, spoke.x, spoke.y, spoke.width)
        label = cut(user_id, _USER_WIDTH - 24)
        self._nodes.append(
            Node(
                kind="user", x=_USER_LEFT, y=y - 20, width=_USER_WIDTH, height=40, label=label, note="", full=user_id,
                href=None,
            )
        )  # fmt: skip
        left = min(node.x for node in self._nodes)
        right = max(node.x + node.width for node in self._nodes)
        return Picture(
            left=left - EDGE,
            width=right - left + 2 * EDGE,
            height=int(height) + 4,
            nodes=self._nodes,
            edges=self._edges,
            headings=self._headings,
        )

    def _group(
        self, group: Group, kind: Kind, column: tuple[float, float], side: Literal["left", "right"], y: float
    ) -> float:
        left, width = column
        y = self._heading(group.title, left, y)
        most = max((thing.size for thing in group.things), default=1) or 1
        for thing in group.things:
            shown: Kind = "generic" if thing.generic else kind
            dot = max(SMALLEST, LARGEST * sqrt(max(0, thing.size) / most)) if kind == "product" else 0.0
            self._box(shown, thing, left, y, width, dot)
            middle = y + BOX / 2
            thick = 1.0 + (WIDEST - 1.0) * max(0, thing.size) / most if kind != "identifier" else 1.5
            edge_x = left + width if side == "left" else left
            self._spokes.append(_Spoke(shown, edge_x, middle, round(thick, 2), side))
            if kind == "identifier":
                self._places[thing.id] = (left, middle)
            y += ROW
        return self._rest(group, left, y, width)

    def _heading(self, title: str, x: float, y: float) -> float:
        self._headings.append(Heading(x=x, y=y + 16, text=title))
        return y + HEADING

    def _box(self, kind: Kind, thing: Thing, x: float, y: float, width: float, dot: float = 0.0) -> None:
        taken = (2 * LARGEST + 14 if dot else 10) + (10 + LETTER * _length(thing.note) if thing.note else 10)
        self._nodes.append(
            Node(
                kind=kind,
                x=x,
                y=y,
                width=width,
                height=BOX,
                label=cut(thing.label, width - taken),
                note=thing.note,
                full=f"{thing.label} {thing.note}".strip(),
                href=thing.href or f"#{thing.row}",
                dot=round(dot, 1),
            )
        )

    def _rest(self, group: Group, x: float, y: float, width: float) -> float:
        more = group.total - len(group.things)
        if more <= 0:
            return y
        label = f"and {more:,} more"
        self._nodes.append(
            Node(kind="more", x=x, y=y, width=width, height=BOX, label=label, note="", full=label, href=f"#{group.row}")
        )
        return y + ROW

    def _curve(self, kind: Kind, x: float, y: float, to_x: float, to_y: float, width: float) -> None:
        bend = (to_x - x) / 2
        path = f"M{x:g},{y:.1f} C{x + bend:g},{y:.1f} {to_x - bend:g},{to_y:.1f} {to_x:g},{to_y:.1f}"
        self._edges.append(Edge(kind=kind, path=path, width=width))
