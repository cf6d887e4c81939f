"""A job's log tells when a service slowed it down, and when that was over; each once."""

from retrograph.errors import DependencyDown
from retrograph.jobs.pressure import Pressure
from retrograph.jobs.slowing import RECOVERED, SLOWED, Slowing

SLOW = Pressure(pace=5.0, full=10.0, service="shop-orders")
FULL = Pressure(pace=10.0, full=10.0, service="shop-orders")


async def test_only_changes_are_noted() -> None:
    noted: list[tuple[str, str]] = []

    async def note(what: str, why: str) -> None:
        noted.append((what, why))

    slowing = Slowing(note)
    for pressure in (None, FULL, Pressure(), SLOW, SLOW, Pressure(pace=2.5, full=10.0, service="products"), FULL, None):
        await slowing.look(pressure)
    assert noted == [
        (SLOWED, "the shop order service pushed back: 5 instead of 10 a second"),
        (RECOVERED, "the shop order service: at full pace again"),
    ]
    await slowing.look(SLOW)
    assert [what for what, _ in noted] == [SLOWED, RECOVERED, SLOWED]


async def test_a_store_that_is_down_loses_a_line_and_nothing_else() -> None:
    async def note(what: str, why: str) -> None:
        raise DependencyDown("store", f"no answer to {what} {why}")

    await Slowing(note).look(SLOW)
