"""Loads of opened gates that have failed are tried again, by themselves, with a wait that doubles.

Nobody looks at a job for one user: a gate that stays open over a load that failed would be a gap that nobody sees. An
operator may retry at any time; what has failed too often waits for one.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from typing import Final, Protocol

import structlog

from retrograph.clock import Clock, to_millis
from retrograph.errors import RetrographError
from retrograph.jobs.job import Failure, Job
from retrograph.jobs.queries import FailureQuery, JobPage, JobQuery, Selection
from retrograph.jobs.requests import StartAnswer
from retrograph.jobs.state import JobState

LOOK_SECONDS: Final = 15.0
"""Or the first wait, where that is shorter."""
LONGEST_WAIT_MS: Final = 3_600_000
MOST_ATTEMPTS: Final = 24
JOBS_AT_ONCE: Final = 200
FAILURES_LOOKED_AT: Final = 500
WHO: Final = "retrograph"

_log = structlog.get_logger()


class Verbs(Protocol):
    """What it needs of the service."""

    async def list(self, query: JobQuery) -> JobPage: ...

    async def failures_page(self, key: str, query: FailureQuery) -> tuple[Sequence[Failure], int | None]: ...


class Retries(Protocol):
    """Whoever runs jobs in the background: see `jobs.fleet.Fleet`."""

    async def retry(self, key: str, selection: Selection, who: str) -> StartAnswer: ...


def retry_at(failures: Sequence[Failure], first_wait_ms: int) -> int | None:
    """When these are due, in milliseconds: after the first wait, twice as long after each further attempt, an hour at
    most; `None` where each has had all its attempts, or there are none."""
    waits = [
        one.last_at + min(LONGEST_WAIT_MS, first_wait_ms << min(one.attempts - 1, 30))
        for one in failures
        if one.attempts < MOST_ATTEMPTS
    ]
    return min(waits, default=None)


class Insisting:
    """Looks after the jobs of some kinds; one `watch` in each server."""

    def __init__(
        self, verbs: Verbs, retries: Retries, clock: Clock, kinds: Collection[str], *, first_wait_seconds: float
    ) -> None:
        self._verbs = verbs
        self._retries = retries
        self._clock = clock
        self._kinds = sorted(kinds)
        self._first_wait_ms = int(first_wait_seconds * 1000)

    async def watch(self) -> None:
        """Looks again and again, until cancelled."""
        told = ""
        while True:
            try:
                await self.look()
                told = ""
            except RetrographError as error:
                if str(error) != told:
                    _log.warning("failed-loads-wait", reason=str(error))
                told = str(error)
            await self._clock.sleep(min(LOOK_SECONDS, self._first_wait_ms / 1000))

    async def look(self) -> None:
        """Begins the retries that are due. Raises DependencyDown."""
        for kind in self._kinds:
            async for job in self._failed(kind):
                await self._retry(job)

    async def _failed(self, kind: str) -> AsyncIterator[Job]:
        """Those that have ended with failures: the list begins with them."""
        query = JobQuery(kind=kind, states=frozenset({JobState.SUCCEEDED}), sort="-failed", limit=JOBS_AT_ONCE)
        while True:
            page = await self._verbs.list(query)
            for job in page.jobs:
                if not job.counts.failed:
                    return
                yield job
            if page.next is None:
                return
            query = replace(query, after=page.next)

    async def _retry(self, job: Job) -> None:
        # Those that failed first are waited for longest: later ones of the same job are retried with them.
        query = FailureQuery(resolved=False, limit=FAILURES_LOOKED_AT)
        failures, _ = await self._verbs.failures_page(job.job_id, query)
        due = retry_at(failures, self._first_wait_ms)
        if due is None or due > to_millis(self._clock.now()):
            return
        try:
            answer = await self._retries.retry(job.job_id, Selection(), WHO)
        except RetrographError as error:  # another server was quicker, or whatever is wrong with this one job
            _log.debug("failed-load-not-retried", batch=job.key, reason=str(error))
            return
        _log.info("failed-loads-retried", batch=job.key, users=job.counts.failed, started=answer.started)
