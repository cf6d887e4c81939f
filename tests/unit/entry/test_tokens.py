"""What an operator may say about a token."""

import pytest

from retrograph.entry.tokens import lifetime_ms
from retrograph.errors import UsageError


@pytest.mark.parametrize(
    ("text", "millis"),
    [("30m", 1_800_000), ("12h", 43_200_000), ("90d", 7_776_000_000), ("never", None)],
)
def test_a_lifetime_is_a_number_and_a_unit(text: str, millis: int | None) -> None:
    assert lifetime_ms(text) == millis


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1", "1w", "1.5h", "999999d", "1d ", "Never"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="90d or never"):
        lifetime_ms(text)
