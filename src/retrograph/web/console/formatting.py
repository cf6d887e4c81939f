"""The one formatter of the console: numbers, durations, rates, instants and text from outside, as people read them."""

from datetime import UTC, datetime
from typing import Final

from retrograph.clock import from_millis
from retrograph.jobs.wording import lasted, pace

NOTHING: Final = "–"
"""What stands where there is no value; a zero is shown as one."""

_INVISIBLE: Final = frozenset(
    sign
    for first, last in (
        *((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E)),
        *((0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB)),
    )
    for sign in range(first, last + 1)
)
"""Controls, marks of direction, and what has no width."""


def number(value: int | float | None) -> str:
    """`34,412`; with a fraction below ten only: `9.6`."""
    if value is None:
        return NOTHING
    if isinstance(value, float) and not value.is_integer() and abs(value) < 1_000:
        return f"{value:,.1f}"
    return f"{value:,.0f}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 item`, `2,377 items`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """`45 s`, `15 min`, `1 h 10 min`, `3 d 4 h`: in the words of the sentences about jobs."""
    if seconds is None:
        return NOTHING
    return lasted(seconds)


def ago(millis: int, now: int) -> str:
    """`now`, `12 s ago`, `52 min ago`, `3 h ago`, `yesterday`, `5 days ago`; `in 4 min` for what is to come."""
    seconds = (now - millis) / 1000
    if abs(seconds) < 2:
        return "now"
    count, unit = _rough(abs(seconds))
    if unit == "day":
        if count == 1:
            return "yesterday" if seconds > 0 else "tomorrow"
        unit = "days"
    return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"


def _rough(seconds: float) -> tuple[int, str]:
    for unit, size, below in (("s", 1, 60), ("min", 60, 3_600), ("h", 3_600, 86_400)):
        if seconds < below:
            return int(seconds // size), unit
    return int(seconds // 86_400), "day"


def rate(per_second: float | None) -> str:
    """`9.6/s`."""
    return NOTHING if per_second is None else f"{pace(per_second)}/s"


def utc(millis: int | None) -> str:
    """`2026-11-20 12:39:02 UTC`."""
    return NOTHING if millis is None else from_millis(millis).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine(millis: int) -> str:
    """The `datetime` attribute of a `<time>`."""
    return from_millis(millis).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(instant: datetime) -> str:
    """`20 Nov 2026`, in UTC."""
    moment = instant.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y}"


def capitalised(sentence: str) -> str:
    """With a capital, unless it begins with something that was quoted: a file's name or an address stays as it is."""
    first = sentence.partition(" ")[0]
    return sentence[:1].upper() + sentence[1:] if first.replace("'", "").isalpha() else sentence


def shown(text: str | None) -> str:
    """Text from outside with what nobody could see written out: a right-to-left override becomes `⟨U+202E⟩`.

    Escaping is the template's; this keeps an id from reading as another one.
    """
    if not text:
        return ""
    return "".join(f"⟨U+{ord(sign):04X}⟩" if ord(sign) in _INVISIBLE and sign != "\n" else sign for sign in text)
