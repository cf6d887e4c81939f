"""Instants as the contracts write them: RFC 3339 in UTC outside, integer milliseconds inside."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_text(millis: int) -> str:
    """The instant with a `Z`; a fraction only where there is one."""
    moment = _EPOCH + timedelta(milliseconds=millis)
    return moment.isoformat(timespec="milliseconds" if millis % 1000 else "seconds")[:-6] + "Z"


def to_millis(text: str) -> int:
    """Reads an RFC 3339 instant, rounding fractions of a millisecond up.

    Rounding up keeps both ends of a half-open window right for instants that are whole milliseconds.
    Raises `ValueError` for anything else, a time without its zone included.
    """
    if "T" not in text.upper():
        raise ValueError("an instant needs a date and a time")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return -((_EPOCH - moment) // _MILLISECOND)
