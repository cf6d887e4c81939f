"""The same neighbourhood for a narrow screen: the user on top, what surrounds them below, along one line."""

from typing import Final

from retrograph.web.console.picture import (
    BOX,
    EDGE,
    HEADING,
    LETTER,
    ROW,
    WIDEST,
    Around,
    Edge,
    Group,
    Heading,
    Kind,
    Node,
    Picture,
    Thing,
    cut,
)

_WIDTH: Final = 330
_USER_HEIGHT: Final = 36
_RAIL: Final = 18
_INDENT: Final = 44
_PADDING: Final = 10


def tall_picture(around: Around) -> Picture:
    """The user, then the groups that are not empty, each thing one row."""
    drawing = _Ladder(around.user_id)
    drawing.group(around.identifiers, "identifier")
    drawing.group(around.linked, "linked")
    drawing.group(around.products, "product")
    drawing.group(around.categories, "category")
    drawing.group(around.retailers, "retailer")
    return drawing.finished()


class _Ladder:
    def __init__(self, user_id: str) -> None:
        label = cut(user_id, _WIDTH - 3 * _PADDING)
        self._nodes = [
            Node(
                kind="user", x=0, y=0, width=_WIDTH, height=_USER_HEIGHT, label=label, note="", full=user_id, href=None
            )
        ]
        self._edges: list[Edge] = []
        self._headings: list[Heading] = []
        self._y: float = _USER_HEIGHT + _PADDING

    def group(self, group: Group, kind: Kind) -> None:
        """Its title and its things, and how many more there are."""
        if not group.total:
            return
        self._headings.append(Heading(x=_INDENT, y=self._y + 16, text=group.title))
        self._y += HEADING - 6
        most = max((thing.size for thing in group.things), default=1) or 1
        for thing in group.things:
            shown: Kind = "generic" if thing.generic else kind
            self._row(shown, thing, 1.0 + (WIDEST - 1.0) * max(0, thing.size) / most if kind == "product" else 1.5)
        if (more := group.total - len(group.things)) > 0:
            label = f"and {more:,} more"
            self._box(Thing(id=label, label=label, row=group.row), "more")
        self._y += _PADDING

    def finished(self) -> Picture:
        """All of it, with the line that everything hangs on."""
        last = max((node.y + BOX / 2 for node in self._nodes[1:] if node.kind != "more"), default=None)
        rail = [] if last is None else [Edge(kind="category", path=f"M{_RAIL},{_USER_HEIGHT} V{last:g}", width=1.5)]
        return Picture(
            left=-EDGE,
            width=_WIDTH + 2 * EDGE,
            height=int(self._y),
            nodes=self._nodes,
            edges=[*rail, *self._edges],
            headings=self._headings,
        )

    def _row(self, kind: Kind, thing: Thing, thick: float) -> None:
        middle = self._y + BOX / 2
        self._edges.append(Edge(kind=kind, path=f"M{_RAIL},{middle:g} H{_INDENT}", width=round(thick, 2)))
        self._box(thing, kind)

    def _box(self, thing: Thing, kind: Kind) -> None:
        width = _WIDTH - _INDENT
        taken = 2 * _PADDING + (_PADDING + LETTER * len(thing.note) if thing.note else 0)
        self._nodes.append(
            Node(
                kind=kind,
                x=_INDENT,
                y=self._y,
                width=width,
                height=BOX,
                label=cut(thing.label, width - taken),
                note=thing.note,
                full=f"{thing.label} {thing.note}".strip(),
                href=thing.href or f"#{thing.row}",
            )
        )
        self._y += ROW
