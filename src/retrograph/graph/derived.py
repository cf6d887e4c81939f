"""What follows from the facts on an edge: its order, its ends, its interval, its likelihood. Pure.

No count, interval or likelihood depends on the clock of the writer.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from retrograph.clock import MILLIS_PER_DAY
from retrograph.facts import UNKNOWN_TIME, TextField
from retrograph.graph.model import PurchaseRow

# A named tuple's own constructor is Python, and half of making a row.
_purchase_row = partial(tuple.__new__, PurchaseRow)


def purchase_row(product_id: str, times: Mapping[str, int]) -> PurchaseRow:
    """An edge's lists and derived values from its facts; unknown times are last and not counted by any instant."""
    if len(times) == 1:
        ((receipt_id, at),) = times.items()
        known = at if at != UNKNOWN_TIME else None
        return _purchase_row((product_id, [receipt_id], [at], known, known, 0.0))
    ordered = sorted((at, receipt_id) for receipt_id, at in times.items())
    timestamps = [at for at, _ in ordered]
    first, last, average = derive(timestamps)
    return _purchase_row((product_id, [receipt_id for _, receipt_id in ordered], timestamps, first, last, average))


def derive(timestamps: Sequence[int]) -> tuple[int | None, int | None, float]:
    """First, last and average interval in days of ordered timestamps, by those that are known."""
    known = len(timestamps)
    while known and timestamps[known - 1] == UNKNOWN_TIME:
        known -= 1
    if not known:
        return None, None, 0.0
    first, last = timestamps[0], timestamps[known - 1]
    return first, last, (last - first) / (known - 1) / MILLIS_PER_DAY if known > 1 else 0.0


def likelihood(times: int) -> float:
    """The share of purchases that another one followed."""
    return (times - 1.0) / times


def is_sound(receipt_ids: Sequence[str], timestamps: Sequence[int], stored: Sequence[Any]) -> bool:
    """Whether [times, first, last, average, likelihood], as an edge stores them, agree with its lists."""
    times = len(receipt_ids)
    if times == len(timestamps) == 1:
        known = timestamps[0] if timestamps[0] != UNKNOWN_TIME else None
        return bool(stored[0] == 1 and stored[1] == stored[2] == known and stored[3] == stored[4] == 0.0)
    return (
        times > 0 and stored[0] == times and tuple(stored[1:4]) == derive(timestamps) and stored[4] == likelihood(times)
    )


def text_field(value: str | None, rank: int | None, day: int | None) -> TextField | None:
    """A descriptive field as stored; one that another writer left without rank and day counts as the oldest."""
    return TextField(rank or 0, day or 0, value) if value else None
