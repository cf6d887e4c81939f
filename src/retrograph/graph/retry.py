"""Repeating whole transactions: safe, because a join is idempotent."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from retrograph.clock import Clock
from retrograph.errors import DependencyDown
from retrograph.graph.store import DEPENDENCY, GraphDataError, GraphStore, StaleKnowledge, TransientGraphError

TRIES: Final = 10
FIRST_WAIT_SECONDS: Final = 0.02
LONGEST_WAIT_SECONDS: Final = 3.0

Result = TypeVar("Result")

_log = structlog.get_logger()


async def repeated(graph: GraphStore, clock: Clock, action: Callable[[], Awaitable[Result]]) -> Result:
    """Runs a whole transaction until it commits, with short jittered waits between the tries.

    After the last try: DependencyDown if the graph takes no writes, or does not answer at all; GraphDataError if it
    does, because then something about this transaction itself keeps failing. Tries that an outage ended are counted
    apart from those that the graph answered: a graph that comes and goes is never charged to a user's data.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type((TransientGraphError, StaleKnowledge)),
        wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
        stop=_Tries().enough,
        sleep=clock.sleep,
        before_sleep=_told,
        reraise=True,
    )
    try:
        async for attempt in attempts:
            with attempt:
                return await action()
    except (TransientGraphError, StaleKnowledge) as error:
        if _is_outage(error):
            raise DependencyDown(DEPENDENCY, str(error)) from error
        await graph.ping()
        raise GraphDataError(f"it failed {TRIES} times: {error}") from error
    raise AssertionError("unreachable: the last attempt returns or raises")


class _Tries:
    """How many of them an outage ended, and how many the graph answered."""

    def __init__(self) -> None:
        self._outages = 0
        self._answered = 0

    def enough(self, state: RetryCallState) -> bool:
        """Counts the try that has just failed."""
        if _is_outage(state.outcome.exception() if state.outcome is not None else None):
            self._outages += 1
        else:
            self._answered += 1
        return max(self._outages, self._answered) >= TRIES


def _is_outage(error: BaseException | None) -> bool:
    return isinstance(error, TransientGraphError) and error.outage


def _told(state: RetryCallState) -> None:
    reason = str(state.outcome.exception()) if state.outcome is not None else ""
    _log.debug("graph-transaction-repeated", tries=state.attempt_number, reason=reason)
