"""The Purchase History service against the receipts file."""

from datetime import datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrograph.sandbox import SAMPLE, SandboxOptions
from retrograph.sandbox.answers import Question
from retrograph.sandbox.data import load
from retrograph.sandbox.histories import decode
from retrograph.sandbox.population import Population
from retrograph.sandbox.services import purchase_history
from tests.unit.sandbox.asking import EVERYTHING, asking, sql

RECEIPTS_OF = """
SELECT receipt_id, strftime(min(purchased_at), '%Y-%m-%dT%H:%M:%SZ'), min(retailer), min(retailer_channel),
       list({'product_id': r.product_id, 'quantity': quantity, 'amount': amount, 'description': p.name,
             'category': c.name} ORDER BY r.product_id)
FROM receipts r LEFT JOIN products p USING (product_id) LEFT JOIN categories c USING (category_id)
WHERE user_id = ? GROUP BY receipt_id ORDER BY min(purchased_at) DESC, receipt_id DESC"""

THE_BUSIEST = sql("SELECT user_id FROM receipts GROUP BY 1 ORDER BY count(DISTINCT receipt_id) DESC, 1 LIMIT 3")
WITH_UNKNOWN_PRODUCTS = sql("SELECT user_id FROM receipts ANTI JOIN products USING (product_id) ORDER BY 1 LIMIT 2")


@pytest.mark.parametrize("user_id", ["hh-0001", *(row[0] for row in THE_BUSIEST + WITH_UNKNOWN_PRODUCTS)])
async def test_a_history_is_what_the_file_holds_newest_first(user_id: str) -> None:
    expected = [
        {
            "receipt_id": receipt_id,
            "purchased_at": purchased_at,
            "retailer": {"name": retailer, "channel": channel},
            "items": items,
        }
        for receipt_id, purchased_at, retailer, channel, items in sql(RECEIPTS_OF, user_id)
    ]
    async with asking() as asker:
        reply = await asker.purchases(user_id, **EVERYTHING, limit=500)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json == {"purchases": expected, "next_cursor": None}


async def test_every_user_of_the_file_has_all_receipts_and_lines() -> None:
    expected = sql("SELECT user_id, count(DISTINCT receipt_id), count(*) FROM receipts GROUP BY 1 ORDER BY 1")
    found = []
    async with asking() as asker:
        for user_id, _, _ in expected:
            receipts = (await asker.purchases(user_id, limit=500)).json["purchases"]
            found.append((user_id, len(receipts), sum(len(receipt["items"]) for receipt in receipts)))
    assert found == expected


async def test_the_window_takes_its_beginning_in_and_leaves_its_end_out() -> None:
    times = [row[0] for row in sql("SELECT DISTINCT purchased_at FROM receipts WHERE user_id = 'hh-0001' ORDER BY 1")]
    since, until = times[3], times[-3]
    expected = sql(
        "SELECT receipt_id FROM receipts WHERE user_id = 'hh-0001' AND purchased_at >= ? AND purchased_at < ? "
        "GROUP BY receipt_id ORDER BY max(purchased_at) DESC",
        since,
        until,
    )
    async with asking() as asker:
        found = await asker.history("hh-0001", since=_text(since), until=_text(until))
        later = await asker.history("hh-0001", since=_text(since + timedelta(milliseconds=1)), until=_text(until))
    assert [(receipt["receipt_id"],) for receipt in found] == expected
    assert [(receipt["receipt_id"],) for receipt in later] == expected[:-1]


async def test_an_instant_may_have_another_zone() -> None:
    async with asking() as asker:
        plain = await asker.history("hh-0001", since="2017-06-01T00:00:00Z")
        offset = await asker.history("hh-0001", since="2017-06-01T02:00:00+02:00")
        assert plain == offset
        assert plain != await asker.history("hh-0001", since="2017-05-01T00:00:00Z")


async def test_an_empty_window_is_an_empty_page() -> None:
    async with asking() as asker:
        reply = await asker.purchases("hh-0001", since="2017-05-01T00:00:00Z", until="2017-04-01T00:00:00Z")
    assert (reply.status, reply.json) == (200, {"purchases": [], "next_cursor": None})


async def test_a_user_nobody_knows_is_not_found() -> None:
    async with asking() as asker:
        assert (await asker.purchases("hh-0000")).status == 404


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2017-01-01"}, "since"),
        ({"until": "2017-01-01T00:00:00"}, "until"),
        ({"cursor": "abc"}, "cursor"),
        ({"cursor": "ü"}, "cursor"),
        ({"cursor": ""}, "cursor"),
    ],
)
async def test_a_query_that_breaks_the_contract_is_refused_by_name(query: dict[str, str | int], named: str) -> None:
    async with asking() as asker:
        reply = await asker.purchases("hh-0001", **query)
    assert reply.status == 400
    assert reply.json["error"].startswith(named)


async def test_a_page_holds_200_receipts_unless_told_otherwise() -> None:
    async with asking(SandboxOptions(paged_users=1)) as asker:
        assert len((await asker.purchases("paged-0000001")).json["purchases"]) == 200
        assert len((await asker.purchases("paged-0000001", limit=500)).json["purchases"]) == 500
        assert len((await asker.purchases("paged-0000001", limit=1)).json["purchases"]) == 1


async def test_a_cursor_is_of_no_use_for_another_user() -> None:
    async with asking() as asker:
        cursor = (await asker.purchases("hh-0001", limit=2)).json["next_cursor"]
        assert (await asker.purchases("hh-0001", limit=2, cursor=cursor)).status == 200
        assert (await asker.purchases("hh-0002", limit=2, cursor=cursor)).status == 400


POPULATION = Population(load(SAMPLE), SandboxOptions(paged_users=1, paged_receipts=700))
USERS = st.sampled_from([*(row[0] for row in THE_BUSIEST), "hh-0001", "paged-0000001"])
INSTANTS = st.none() | st.datetimes(datetime(2016, 12, 1), datetime(2018, 2, 1))  # noqa: DTZ001


@settings(deadline=None)
@given(user_id=USERS, since=INSTANTS, until=INSTANTS, limit=st.integers(1, 500))
def test_pages_put_together_are_the_whole(
    user_id: str, since: datetime | None, until: datetime | None, limit: int
) -> None:
    window = {name: _text(moment) for name, moment in (("since", since), ("until", until)) if moment is not None}
    whole = _pages(user_id, {})
    expected = [
        receipt
        for receipt in chain.from_iterable(whole)
        if (since is None or _moment(receipt) >= since) and (until is None or _moment(receipt) < until)
    ]
    pages = _pages(user_id, {**window, "limit": str(limit)})
    assert list(chain.from_iterable(pages)) == expected
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages[-1]) > 0 or not expected
    assert [_moment(receipt) for receipt in expected] == sorted(map(_moment, expected), reverse=True)


def _pages(user_id: str, query: dict[str, str]) -> list[list[dict[str, str]]]:
    pages, more = [], dict(query)
    while True:
        page = decode(purchase_history.purchases(POPULATION, Question(key=user_id, query=more)).body)
        pages.append(page["purchases"])
        if page["next_cursor"] is None:
            return pages
        more["cursor"] = page["next_cursor"]


def _moment(receipt: dict[str, str]) -> datetime:
    return datetime.fromisoformat(receipt["purchased_at"]).replace(tzinfo=None)


def _text(moment: datetime) -> str:
    return moment.isoformat() + "Z"
