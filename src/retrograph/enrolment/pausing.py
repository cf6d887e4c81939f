"""A pause that can be cut short."""

import asyncio

from retrograph.clock import Clock


async def woken(event: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Waits that long, or until the event is set, and clears it."""
    waiting = asyncio.ensure_future(event.wait())
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        sleeping.cancel()
    event.clear()
