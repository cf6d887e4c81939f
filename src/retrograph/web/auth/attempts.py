"""How often one address may try to sign in."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class Attempts:
    """Counts attempts within the last minute, by who sends them, in this process."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def wait_seconds(self, sender: str) -> int:
        """Counts one attempt. 0: it may be made; else after how many seconds the next one may."""
        if self._window.hit(self._limit, sender):
            return 0
        # The library keeps the machine's time by itself.
        return max(1, math.ceil(self._window.get_window_stats(self._limit, sender).reset_time - time.time()))
