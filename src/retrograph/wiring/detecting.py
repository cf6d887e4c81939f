"""The detector for one look from a command line: what it asks for is loaded before the command ends, or sent away."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from retrograph.config import Settings
from retrograph.enrolment.detector import Detector
from retrograph.enrolment.requests import Reason
from retrograph.errors import ConfigurationError
from retrograph.jobs.job import Job
from retrograph.service import Service, StartAnswer, StartRequest
from retrograph.wiring.enrolments import build_detector, open_kept
from retrograph.wiring.flags import asked_flags, watched_flags
from retrograph.wiring.requests import JobRequests
from retrograph.wiring.service import open_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Detecting:
    """The detector, and the jobs that were run for it."""

    detector: Detector
    service: Service
    ran: list[Job] = field(default_factory=list)


@asynccontextmanager
async def open_detecting(settings: Settings, *, migrate: bool = False) -> AsyncIterator[Detecting]:
    """Opens all that a look and its loads need. Raises ConfigurationError, DependencyDown, MissingExtra."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, starts=True, graph=True, migrate=migrate))
        kept = await stack.enter_async_context(open_kept(settings, parts.clock))
        watched = await stack.enter_async_context(watched_flags(settings, parts.clock)) if settings.flags.file else None
        asked = asked_flags(settings, watched)
        if asked is None:
            raise ConfigurationError(
                "RETROGRAPH_FLAGS_FILE is not set: name the file of flags, a path or s3://bucket/key"
            )
        ran: list[Job] = []

        async def run(request: StartRequest) -> StartAnswer:
            answer = await parts.service.start(request)
            if answer.started:
                ran.append(await parts.service.run(answer))
            return answer

        sent: tuple[Reason, ...] = ("newly_enabled",) if settings.queue.url else ()
        requests = JobRequests(run, lookback_days=settings.enrolment.lookback_days, sent=sent)
        detector = build_detector(settings, kept, requests, asked, watched, parts.graph_id)
        yield Detecting(detector=detector, service=parts.service, ran=ran)
