"""A user's neighbourhood as a picture: nothing covers anything, however much there is."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrograph.web.console.picture import LETTER, Around, Group, Node, Thing, cut, picture
from retrograph.web.console.picture_tall import tall_picture


def group(title: str, shown: int, total: int | None = None, **values: object) -> Group:
    things = [
        Thing(id=f"{title}-{number}", label=f"{title} {number}", row=f"{title}-{number}", **values)  # type: ignore[arg-type]
        for number in range(shown)
    ]
    return Group(title=title, things=things, total=shown if total is None else total, row=title)


def around(products: int = 3, retailers: int = 2, categories: int = 2, identifiers: int = 2, linked: int = 1) -> Around:
    return Around(
        user_id="hh-0212",
        products=group("product", products),
        retailers=group("retailer", retailers),
        categories=group("category", categories),
        identifiers=group("identifier", identifiers),
        linked=group("linked", linked, through="identifier-0"),
    )


def overlap(one: Node, other: Node) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    below = one.y + one.height <= other.y or other.y + other.height <= one.y
    return not (beside or below)


sizes = st.integers(0, 14)


@settings(deadline=None, max_examples=60)
@given(st.tuples(sizes, sizes, sizes, sizes, sizes))
def test_no_box_covers_another_and_all_lie_inside(counts: tuple[int, int, int, int, int]) -> None:
    drawn = picture(around(*counts))
    assert not any(overlap(one, other) for one, other in combinations(drawn.nodes, 2))
    for node in drawn.nodes:
        assert drawn.left <= node.x <= node.x + node.width <= drawn.left + drawn.width
        assert 0 <= node.y <= node.y + node.height <= drawn.height


def test_every_node_but_the_user_leads_somewhere() -> None:
    drawn = picture(around())
    assert {node.href for node in drawn.nodes if node.kind == "user"} == {None}
    assert all(node.href for node in drawn.nodes if node.kind != "user")
    assert len(drawn.edges) == 3 + 2 + 2 + 2 + 1


def test_what_does_not_fit_is_counted() -> None:
    drawn = picture(replace(around(), products=group("product", 3, total=4_000)))
    (more,) = [node for node in drawn.nodes if node.kind == "more"]
    assert (more.label, more.href) == ("and 3,997 more", "#product")


def test_dots_grow_with_the_square_root_of_purchases() -> None:
    products = Group(
        title="Purchases",
        things=[Thing(id=str(size), label="x", size=size, row="r") for size in (100, 25, 1)],
        total=3,
        row="r",
    )
    drawn = picture(replace(around(), products=products))
    assert [node.dot for node in drawn.nodes if node.kind == "product"] == [10.0, 5.0, 3.0]


def test_a_user_of_whom_nothing_is_known_stands_alone() -> None:
    drawn = picture(around(0, 0, 0, 0, 0))
    assert [node.label for node in drawn.nodes] == ["hh-0212"]
    assert (drawn.edges, drawn.headings) == ([], [])


@pytest.mark.parametrize("text", ["x" * 300, "漢" * 300, "W" * 300, "é" * 200])
def test_a_label_ends_where_its_box_does(text: str) -> None:
    shown = cut(text, 140)
    assert shown.endswith("…")
    assert len(shown) <= 140 / LETTER + 1


def test_a_label_that_fits_is_whole() -> None:
    assert cut("bread", 140) == "bread"


@settings(max_examples=50, deadline=None)
@given(sizes, sizes, sizes)
def test_on_a_narrow_screen_nothing_covers_anything_and_nothing_is_left_out(
    products: int, identifiers: int, linked: int
) -> None:
    made = around(products, 2, 0, identifiers, linked)
    found = tall_picture(made)
    assert not [pair for pair in combinations(found.nodes, 2) if overlap(*pair)]
    assert len(found.nodes) == 1 + products + 2 + identifiers + linked
    assert {heading.text for heading in found.headings} == {
        group.title for group in (made.products, made.retailers, made.identifiers, made.linked) if group.total
    }
    assert all(node.x + node.width <= found.left + found.width for node in found.nodes)
    assert found.nodes[-1].y + found.nodes[-1].height <= found.height


def test_on_a_narrow_screen_it_is_said_how_many_more_there_are() -> None:
    many = replace(around(), products=group("product", 3, 12))
    assert "and 9 more" in [node.label for node in tall_picture(many).nodes]
