"""A job that runs in this process: what it will do is said before, how it goes meanwhile, what came of it after."""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from retrograph.cli.display import Display
from retrograph.cli.exit_codes import ExitCode, of_job
from retrograph.cli.job_rendering import ending
from retrograph.cli.output import print_json, say, warn
from retrograph.cli.signals import Signals
from retrograph.service import Service, StartAnswer, job_as_json


def who() -> str:
    """The person at this command line, for the job's log."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


async def follow(service: Service, answer: StartAnswer, display: Display, *, once: bool, as_json: bool) -> ExitCode:
    """Runs what `start` or `retry` answered to its end, and returns the exit code."""
    for sentence in answer.clamped:
        warn(sentence)
    if not answer.started:
        return _not_started(answer, as_json)
    with listening(service) as signals, display:
        # Between here and the start of the run nothing is awaited, so that no Ctrl-C finds nothing to stop.
        if answer.forecast:
            say(answer.forecast)
        job = await service.run(answer, display, once=once)
    for sentence in ending(job, answer.job):
        say(sentence)
    if as_json:
        print_json(job_as_json(job))
    return of_job(job, interrupted=signals.interrupted)


@contextmanager
def listening(service: Service) -> Iterator[Signals]:
    """Within the block, Ctrl-C stops what the service runs here, and SIGTERM pauses it."""
    signals = Signals(stop=partial(service.stop_here, who(), "Ctrl-C"), pause=service.pause_here)
    with signals.listening():
        yield signals


def _not_started(answer: StartAnswer, as_json: bool) -> ExitCode:
    """It runs elsewhere, or there is nothing left to do."""
    warn(answer.message or f"{answer.job.key} was not started: {answer.reason}")
    if as_json:
        print_json(job_as_json(answer.job))
    return of_job(answer.job) if answer.reason == "complete" else ExitCode.HELD
