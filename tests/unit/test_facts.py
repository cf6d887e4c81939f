"""The rules for ids, instants and texts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.facts import EARLIEST_INSTANT, InvalidId, InvalidInstant, clean_id, clean_instant, clean_text


@given(st.text(max_size=300))
def test_an_id_is_clean_or_refused(raw: str) -> None:
    try:
        cleaned = clean_id(raw)
    except InvalidId:
        return
    assert cleaned == clean_id(cleaned) == cleaned.strip()
    assert 1 <= len(cleaned) <= 256
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(character) == "Cc" for character in cleaned)


@pytest.mark.parametrize(
    ("raw", "cleaned"), [("  a b ", "a b"), ("\u00a0x", "x"), ("e\u0301", "\u00e9"), ("AbC", "AbC")]
)
def test_ids_are_trimmed_and_composed_and_keep_their_case(raw: str, cleaned: str) -> None:
    assert clean_id(raw) == cleaned


@pytest.mark.parametrize("raw", ["", "   ", "a\x00b", "a\tb", "a\x7fb", "x" * 257, "\ud800"])
def test_ids_that_break_the_rule_are_refused(raw: str) -> None:
    with pytest.raises(InvalidId):
        clean_id(raw)


def test_the_longest_id_is_accepted() -> None:
    assert clean_id("x" * 256) == "x" * 256


def test_absurd_instants_are_refused() -> None:
    assert clean_instant(EARLIEST_INSTANT, EARLIEST_INSTANT) == EARLIEST_INSTANT
    with pytest.raises(InvalidInstant):
        clean_instant(EARLIEST_INSTANT - 1, EARLIEST_INSTANT)
    with pytest.raises(InvalidInstant):
        clean_instant(EARLIEST_INSTANT + 2, EARLIEST_INSTANT + 1)


@given(st.text(max_size=1200))
def test_texts_are_clean(raw: str) -> None:
    cleaned = clean_text(raw)
    if cleaned is not None:
        assert cleaned == clean_text(cleaned)
        assert 0 < len(cleaned) <= 1000
        cleaned.encode()


def test_an_empty_text_is_no_fact() -> None:
    assert clean_text(None) is clean_text("") is clean_text(" \n ") is None
