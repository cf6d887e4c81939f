"""The graph's page: one user as picture and tables, counts and digest where they are asked for."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from retrograph.clock import SystemClock
from retrograph.facts import Facts, Identifier, IdentityFacts, Sighting, UserFacts
from retrograph.graph.identity_writer import IdentityWriter
from retrograph.graph.writer import GraphWriter
from retrograph.jobs.work import unconditionally
from retrograph.web.console import graph_page
from retrograph.web.console.picture import picture
from tests.unit.web.console.pages import Pages, opened

HOSTILE = '<img src=x onerror="alert(1)">'
EMAIL, OFFICE = Identifier("email", "home@example.com"), Identifier("ip", "198.51.100.7")


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    async with opened(tmp_path) as found:
        graph, clock = found.graph.graph, SystemClock()
        bought = {HOSTILE: {"r1": 1_500_000_000_000}, "bread": {"r1": 1_500_000_000_000, "r2": 1_500_086_400_000}}
        async with GraphWriter(graph, clock) as writer:
            facts = UserFacts(user_id="ann", purchases=bought, visits={"Corner & Co": frozenset({"r1"})})
            await writer.join(Facts(user=facts), unconditionally)
        known = [_known("ann", EMAIL, OFFICE), _known("bob", EMAIL)]
        known += [_known(f"user-{number}", OFFICE) for number in range(30)]
        await IdentityWriter(graph, clock).join(known, unconditionally)
        yield found


def _known(user: str, *identifiers: Identifier) -> IdentityFacts:
    seen = Sighting(first_seen_at=1_500_000_000_000, last_seen_at=1_500_000_000_000, sources=frozenset({"table"}))
    return IdentityFacts(user_id=user, sightings=dict.fromkeys(identifiers, seen))


async def test_a_user_is_a_picture_with_the_tables_beside_it(pages: Pages) -> None:
    page = await pages.text("/graph?user=ann")
    assert '<svg class="picture"' in page
    assert ">bread</text>" in page
    assert '<text class="note"' in page
    assert 'id="purchases-0"' in page
    assert "Corner &amp; Co" in page
    assert "shared by more than 20 users" in page


async def test_linked_users_lead_to_their_own_picture(pages: Pages) -> None:
    page = await pages.text("/graph?user=ann")
    assert page.count('href="/graph?user=bob"') == 3, "in the picture, in the narrow one, and in the table"
    assert "home@example.com" in page
    assert "user-7" not in page, "an identifier that too many share links nobody"


async def test_text_from_outside_stays_text(pages: Pages) -> None:
    page = await pages.text("/graph?user=ann")
    assert "<img src=x" not in page
    assert " style=" not in page


@pytest.mark.parametrize(("user", "status"), [("nobody", 404), ("x" * 300, 400), ("a\0b", 400)])
async def test_who_is_not_there_is_said_not_to_be(pages: Pages, user: str, status: int) -> None:
    answer = await pages.client.get("/graph", params={"user": user})
    assert answer.status_code == status
    assert "No such user here" in answer.text


async def test_counts_and_digest_come_when_they_are_asked_for(pages: Pages) -> None:
    part = await pages.text("/graph/counts?clusters=1", **{"HX-Request": "true"})
    assert "<html" not in part
    assert "Clusters of linked users</dt><dd>1</dd>" in part
    whole = await pages.text("/graph/digest?only=purchases")
    assert "<html" in whole
    assert (await pages.graph.digest(only="purchases")).digest in whole


def document(products: int) -> Mapping[str, Any]:
    edge: dict[str, Any] = {"name": None, "receipt_ids": [], "first": None, "last": None}
    return {
        "user": {"user_id": "ann"},
        "purchases": [{**edge, "product_id": f"p{number}", "times": number % 90} for number in range(products)],
        "retailers": [],
        "categories": [],
        "identity": {"identifiers": [], "linked_users": []},
    }


def test_thousands_of_products_are_a_few_of_the_most_frequent_and_a_count() -> None:
    drawn = picture(graph_page.around(document(4_000)))
    notes = [node.note for node in drawn.nodes if node.kind == "product"]
    assert notes == ["89×"] * 11
    assert [node.label for node in drawn.nodes if node.kind == "more"] == ["and 3,989 more"]
    table = graph_page.table(document(4_000)["purchases"])
    assert (len(table.rows), table.left_out) == (500, 3_500)
    rows = {f"#purchases-{number}" for number in range(500)} | {"#purchases"}
    assert {node.href for node in drawn.nodes if node.href} <= rows, "each leads to a row that is there"
