"""A job's key: checked where one is given, derived where none is, so that the same command finds the same job."""

import re
from typing import Final

from retrograph.clock import from_millis
from retrograph.errors import UsageError

_KEY: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}")
"""Not `.` nor `..`, which no address can name."""
DRY_RUN_SUFFIX: Final = ":dry-run"


def checked_key(key: str) -> str:
    """Raises UsageError where the key breaks the rule."""
    if not _KEY.fullmatch(key):
        raise UsageError(
            f"a job's key has 1-128 of the characters A-Z a-z 0-9 . _ : -, which {key[:150]!r} has not", field="key"
        )
    return key


def is_key(text: str) -> bool:
    """Whether a job can have it for its key, or for its id."""
    return _KEY.fullmatch(text) is not None


def derived_key(
    kind: str, digest: str, *, as_of: int | None, lookback_days: int | None, fixed: str | None = None
) -> str:
    """The key of a start without one: the kind, the digest of its source, and the window where one was given."""
    if fixed is not None:
        return fixed
    parts = [kind, digest.removeprefix("sha256:")[:16]]
    if as_of is not None:
        parts.append(f"{from_millis(as_of):%Y%m%dT%H%M%S}" + (f".{as_of % 1000:03d}" if as_of % 1000 else ""))
    if lookback_days is not None:
        parts.append(f"{lookback_days}d")
    return checked_key("-".join(parts))


def dry_key(key: str) -> str:
    """Where a dry run without a key is kept."""
    return f"{key}{DRY_RUN_SUFFIX}"
