"""What every route works with: opened once for the process, and handed to the application when it is made."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.enrolment.detector import Detector
from retrograph.enrolment.enrol import Enrolments
from retrograph.graph.reading import GraphReader
from retrograph.jobs.fleet import Fleet
from retrograph.jobs.news import News
from retrograph.service import Service
from retrograph.telemetry.metrics import Metrics
from retrograph.web.auth.entry import Entry
from retrograph.wiring.backfills import Backfills
from retrograph.wiring.flags import OpenedGate
from retrograph.wiring.live_board import LiveBoard
from retrograph.wiring.pings import Pings
from retrograph.wiring.served import Served


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """The parts of this process that answers are made of."""

    settings: Settings
    clock: Clock
    service: Service
    fleet: Fleet
    """Starts and retries: what it starts runs in the background of this process."""
    backfills: Backfills
    """The same, one at a time, as the admin endpoints want it."""
    news: News
    graph: GraphReader
    pings: Pings
    metrics: Metrics
    entry: Entry
    """Who may enter, and by which ways."""
    enrolments: Enrolments
    gate: OpenedGate
    detector: Detector | None
    board: LiveBoard | None = None
    """How the live consumers stand."""
    window_ends: str | None = None
    """The end of the window that start forms propose: that of the sample, where this process serves it."""


def context_of(served: Served, entry: Entry, *, window_ends: str | None = None) -> WebContext:
    """The context of a process that serves."""
    return WebContext(
        settings=served.settings,
        clock=served.clock,
        service=served.service,
        fleet=served.fleet,
        backfills=Backfills(served.service, served.fleet, served.settings),
        news=served.news,
        graph=served.graph,
        pings=served.pings,
        metrics=served.metrics,
        entry=entry,
        window_ends=window_ends,
        enrolments=served.enrolments,
        gate=served.gate,
        detector=served.detector,
        board=served.board,
    )


def context(request: Request) -> WebContext:
    """The context of the application that a request came to."""
    found: WebContext = request.app.state.context
    return found


Context = Annotated[WebContext, Depends(context)]
"""The type of a route's parameter that wants it."""
