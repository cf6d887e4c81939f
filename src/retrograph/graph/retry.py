"""Repeating whole transactions: safe, because a join is idempotent."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

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
    does, because then something about this transaction itself keeps failing.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type((TransientGraphError, StaleKnowledge)),
        wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
        stop=stop_after_attempt(TRIES),
        sleep=clock.sleep,
        before_sleep=_told,
        reraise=True,
    )
    try:
        async for attempt in attempts:
            with attempt:
                return await action()
    except (TransientGraphError, StaleKnowledge) as error:
        if isinstance(error, TransientGraphError) and error.outage:
            raise DependencyDown(DEPENDENCY, str(error)) from error
        await graph.ping()
        raise GraphDataError(f"it failed {TRIES} times: {error}") from error
    raise AssertionError("unreachable: the last attempt returns or raises")


def _told(state: RetryCallState) -> None:
    reason = str(state.outcome.exception()) if state.outcome is not None else ""
    _log.debug("graph-transaction-repeated", tries=state.attempt_number, reason=reason)
