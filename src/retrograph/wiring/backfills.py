"""Backfills of purchases as the admin endpoints know them: one at a time, each under a key of its own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from retrograph.config import Settings
from retrograph.errors import JobRefused, NotFound, UsageError
from retrograph.jobs import parameters
from retrograph.jobs.fleet import Fleet
from retrograph.jobs.job import Job
from retrograph.jobs.keys import checked_key
from retrograph.jobs.queries import JobQuery
from retrograph.jobs.requests import StartAnswer, StartRequest
from retrograph.jobs.state import JobState, NotPossible
from retrograph.service import Service
from retrograph.wiring.choosing import Chosen, source_of

KIND: Final = "purchases"
_WILL_RUN: Final = frozenset({JobState.PENDING, JobState.PAUSED, JobState.INTERRUPTED})
"""Nobody runs such a job now, but it goes on by itself, or has yet to begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A backfill that somebody wants. `parameters` are raw, as `jobs.parameters` reads them."""

    chosen: Chosen
    parameters: Mapping[str, Any]
    job_key: str | None = None
    who: str


class Backfills:
    """The verbs of the admin endpoints. Two wishes of one moment are taken one after the other."""

    def __init__(self, service: Service, fleet: Fleet, settings: Settings) -> None:
        self._service = service
        self._fleet = fleet
        self._settings = settings
        self._starting = asyncio.Lock()

    async def start(self, wish: Wish) -> StartAnswer:
        """Starts a backfill in the background; it is in the store when this returns.

        Raises UsageError naming what is wrong with the wish, TooLarge, NotFound and NotPermitted for an object that
        cannot be read, and JobRefused naming the backfill that runs.
        """
        if not wish.chosen.names():
            raise UsageError("say which users to load: user_ids, s3_uri or source", field="user_ids")
        asked = parameters.read(wish.parameters)
        key = f"backfill-{uuid4()}" if wish.job_key is None else _checked(wish.job_key)
        source = await source_of(
            self._service, self._settings, KIND, wish.chosen, wish.job_key, reset=asked.reset_cursor
        )
        request = StartRequest(kind=KIND, source=source, parameters=wish.parameters, key=key, who=wish.who)
        async with self._starting:
            running = await self._running()
            if running is not None:
                raise JobRefused("other-job-running", _busy(running))
            answer = await self._fleet.start(request)
        if answer.started:
            return answer
        raise JobRefused(answer.reason or "running", answer.message or f"job {answer.job.key} was not started")

    async def current(self) -> Job:
        """The backfill that runs, else the latest one. Raises NotFound where there has been none."""
        job = await self._running() or await self._latest()
        if job is None:
            raise NotFound("there has been no backfill yet")
        return job

    async def cancel(self, who: str, name: str | None = None) -> Job:
        """Asks that job, by its id or key, or else the one that runs or will go on by itself, to end for good.

        Raises NotFound, and NotPossible where nothing can be cancelled.
        """
        job = await (self._running_or_waiting() if name is None else self._service.show(name))
        if job is None:
            raise NotPossible("no backfill is running: there is nothing to cancel")
        if job.state is JobState.CANCELED:
            raise NotPossible(f"job {job.key} is canceled already: there is nothing to cancel")
        return await self._service.cancel(job.job_id, who)

    async def last_error(self, job: Job) -> str | None:
        """What went wrong last: what ended the run, else the latest failure of an item."""
        if job.message is not None:
            return job.message
        failure = (await self._service.glances([job], 0))[job.job_id].failure
        return None if failure is None else f"{failure.item}: {failure.message}"

    async def _running(self) -> Job | None:
        return next((job for job in await self._service.held() if job.kind == KIND), None)

    async def _running_or_waiting(self) -> Job | None:
        # A dry run, and what needs attention, waits for a person and not for the watchdog.
        waiting = JobQuery(kind=KIND, states=_WILL_RUN, dry_run=False, needs_attention=False, limit=1)
        return await self._running() or await self._first(waiting)

    async def _latest(self) -> Job | None:
        return await self._first(JobQuery(kind=KIND, limit=1))

    async def _first(self, query: JobQuery) -> Job | None:
        page = await self._service.list(query)
        return page.jobs[0] if page.jobs else None


def _checked(key: str) -> str:
    try:
        return checked_key(key)
    except UsageError as error:
        error.field = "job_key"
        raise


def _busy(job: Job) -> str:
    return f"job {job.key} ({job.job_id}) is {job.state.value}, and only one backfill runs at a time: wait or cancel it"
