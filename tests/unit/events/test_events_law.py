"""Whatever is sent: an event is decoded, skipped or undecodable, and what it says keeps the rules."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from retrograph.clock import MILLIS_PER_DAY
from retrograph.errors import UndecodableEvent
from retrograph.events import factoids, identity, receipts
from retrograph.events.event import Skipped
from retrograph.facts import EARLIEST_INSTANT, clean_id
from tests.unit.events.documents import RECORDED_AT, login, order, receipt

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
decoders = st.sampled_from([receipts.decode, factoids.decode, identity.decode])


@given(decoders, st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_decoded_skipped_or_undecodable(decode: Any, payload: bytes) -> None:
    try:
        decode(payload, recorded_at=RECORDED_AT)
    except UndecodableEvent as error:
        assert str(error)


@given(decoders, st.sampled_from([receipt(), order(), login()]), st.data())
def test_an_event_with_one_field_changed_keeps_the_rules(decode: Any, document: dict[str, Any], data: Any) -> None:
    name = data.draw(st.sampled_from(sorted(document)))
    text = json.dumps({**document, name: data.draw(values)})
    try:
        event = decode(text.encode(), recorded_at=RECORDED_AT)
    except UndecodableEvent:
        return
    if isinstance(event, Skipped | identity.IdentityEvent):
        return
    facts, refused = event.told()
    assert facts is not None or refused
    if facts is not None:
        user = facts.user
        assert user.user_id == clean_id(user.user_id)
        ids = {*user.purchases, *user.visits, *user.retracted, *facts.shared.categories}
        assert ids == {clean_id(one) for one in ids}
        assert set(user.purchases) == set(facts.shared.products)
        instants = [at for times in user.purchases.values() for at in times.values()]
        assert all(EARLIEST_INSTANT <= at <= RECORDED_AT + MILLIS_PER_DAY for at in instants)


lines = st.lists(
    st.fixed_dictionaries(
        {"product_id": st.sampled_from("abc")},
        optional={
            "description": st.sampled_from(["x", "y", "", None]),
            "category_id": st.sampled_from(["1", "2", None]),
            "category_hierarchy": st.sampled_from([["0", "1"], ["0", "2"], [], None]),
        },
    ),
    max_size=5,
)


@given(lines, st.randoms())
def test_the_order_of_lines_leaves_no_trace(items: list[dict[str, Any]], random: Any) -> None:
    mixed = list(items)
    random.shuffle(mixed)
    told = [
        receipts.decode(json.dumps(receipt(items=given)).encode(), recorded_at=RECORDED_AT) for given in (items, mixed)
    ]
    first, second = (event.told() for event in told if not isinstance(event, Skipped))
    assert first.facts == second.facts
