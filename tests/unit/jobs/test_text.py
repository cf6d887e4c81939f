"""What failures have in common: what belongs to one item only is left out of their messages."""

import pytest

from retrograph.jobs.text import WORD_LENGTH, cause


@pytest.mark.parametrize(
    ("message", "common"),
    [
        ("orders: /user/hh-1/x?at=17 was answered with 410 (X-Request-Id 0e88)", "orders: … was answered with 410"),
        (
            "products: failed 5 times, at last: status 503 (X-Request-Id 1)",
            "products: failed 5 times, at last: status 503",
        ),
        ("no such user hh-0212 here", "no such user … here"),
        ("order 6f1c2b0a-90ab-4cde-8f01-23456789abcd is odd - at `$.a[17]`", "order … is odd - at `$.a[…]`"),
        ("it is larger than 33554432 bytes", "it is larger than … bytes"),
        ("plain", "plain"),
    ],
)
def test_what_belongs_to_one_item_is_left_out(message: str, common: str) -> None:
    assert cause(message, "hh-0212") == common


def test_a_short_id_is_part_of_any_word() -> None:
    assert cause("status 410", "4") == "status 410"


def test_it_is_never_long() -> None:
    assert len(cause("x " * 5_000, "item")) == WORD_LENGTH
