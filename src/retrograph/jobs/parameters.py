"""What a run may be asked for: ranges, defaults, and the sentences about what was out of range."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from retrograph.clock import to_millis
from retrograph.errors import UsageError
from retrograph.facts import EARLIEST_INSTANT, UNKNOWN_TIME
from retrograph.jobs.definitions import (
    BEGINNINGS_ONLY,
    CHOICES,
    FLAGS,
    NAMES,
    RANGES,
    SERVICE_RATE,
)
from retrograph.jobs.job import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Parameters as they were asked for, in range; what was not given is missing or `None`."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    """Those that a resume may change."""
    as_of: int | None = None
    lookback_days: int | None = None
    reset_cursor: bool = False
    dry_run: bool = False
    queue: str | None = None
    """The queue that a command names."""
    clamped: tuple[str, ...] = ()

    def over(self, saved: Parameters) -> Parameters:
        """What a run works with: what was asked for now, else what the job had. The mode is that of one start."""
        return replace(saved, **{"mode": "full", **self.changes})


def defaults(*, calls_services: bool) -> Parameters:
    """What a new job has where nothing is asked for."""
    return Parameters(rate_limit=SERVICE_RATE if calls_services else None)


def read(raw: Mapping[str, object], *, from_text: bool = False) -> Asked:
    """Checks and clamps. `None` counts as not given; `from_text` also takes numbers and flags written as text.

    Raises UsageError naming the parameter that is unknown, not a number, no choice or no instant.
    """
    given = {name: value for name, value in raw.items() if value is not None}
    for name in given:
        if name not in NAMES:
            raise UsageError(f"{name} is not a parameter; known are {', '.join(NAMES)}", field=name)
    clamped: list[str] = []
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name in RANGES:
            found[name] = _clamp(name, _number(name, value, from_text), clamped)
        elif name in FLAGS:
            found[name] = _flag(name, value, from_text)
        elif name in CHOICES:
            found[name] = _choice(name, value)
        else:
            found[name] = read_instant(value, name)
    return Asked(
        changes={name: value for name, value in found.items() if name not in BEGINNINGS_ONLY},
        as_of=found.get("as_of"),
        lookback_days=found.get("lookback_days"),
        reset_cursor=found.get("reset_cursor", False),
        dry_run=found.get("dry_run", False),
        clamped=tuple(clamped),
    )


def read_instant(value: object, name: str = "as_of") -> int:
    """An instant or a date (midnight UTC) as milliseconds; without an offset it is UTC."""
    instant = value if isinstance(value, datetime | date) else _parse(value, name)
    if not isinstance(instant, datetime):
        instant = datetime(instant.year, instant.month, instant.day, tzinfo=UTC)
    try:
        millis = to_millis(instant)
    except OverflowError:
        millis = 0
    if not EARLIEST_INSTANT <= millis < UNKNOWN_TIME:
        raise UsageError(f"{name} must lie between 2000-01-01 and 9999-12-30, not {_shown(value)}", field=name)
    return millis


def _parse(value: object, name: str) -> date:
    problem = UsageError(
        f"{name} must be an instant (2018-01-02T00:00:00Z) or a date (2018-01-02), not {_shown(value)}", field=name
    )
    if not isinstance(value, str):
        raise problem
    text = value.strip()
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise problem from None


def _number(name: str, value: object, from_text: bool) -> float:
    number: object = value
    if from_text and isinstance(value, str):
        try:
            number = int(value) if RANGES[name].whole else float(value)
        except ValueError:
            number = _float_or_text(value)
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or (isinstance(number, float) and math.isnan(number))
    ):
        raise UsageError(f"{name} must be a number, not {_shown(value)}", field=name)
    if RANGES[name].whole and isinstance(number, float) and not number.is_integer() and math.isfinite(number):
        raise UsageError(f"{name} must be a whole number, not {_shown(value)}", field=name)
    return number


def _float_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _clamp(name: str, number: float, clamped: list[str]) -> float:
    bounds = RANGES[name]
    kept = min(max(number, bounds.low), bounds.high)
    if kept != number:
        clamped.append(f"{name} was {_short(number)}; it is {_short(kept)} now, its range is {bounds.text()}")
    return int(kept) if bounds.whole else float(kept)


def _short(number: float) -> str:
    text = f"{number:g}" if isinstance(number, float) else f"{number:d}"
    return text if len(text) <= 24 else f"{text[:21]}..."


def _flag(name: str, value: object, from_text: bool) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if from_text and isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    raise UsageError(f"{name} must be true or false, not {_shown(value)}", field=name)


def _choice(name: str, value: object) -> str:
    if isinstance(value, str) and value in CHOICES[name]:
        return value
    raise UsageError(f"{name} must be one of {', '.join(CHOICES[name])}, not {_shown(value)}", field=name)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
