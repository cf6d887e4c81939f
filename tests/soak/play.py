"""One round: a job sends its users through the queue while events come in, and somebody is enrolled."""

import json
import subprocess
import threading
from typing import Any

from tests.integration.event_stream import Event
from tests.integration.story import outcome, until
from tests.soak.casts import Cast, Script
from tests.soak.company import Company
from tests.soak.stage import WINDOW

PIECES = 40
"""In so many pieces the events come in."""
ENDED = frozenset({0, 1})
PATIENCE_SECONDS = 240.0
MOST_RETRIES = 5


class Round:
    """What is under way while faults are injected."""

    def __init__(self, company: Company, cast: Cast, told: Script, seconds: float) -> None:
        self.company = company
        self.stage = company.stage
        self.cast = cast
        self.told = told
        self._seconds = seconds
        self._tasks = [threading.Thread(target=self._kept, args=(work,), daemon=True) for work in self._works()]
        self._errors: list[BaseException] = []
        self._given_up = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self.job: Any = None
        self.published = 0

    @property
    def key(self) -> str:
        return self.cast.name

    @property
    def under_way(self) -> bool:
        """Whether there is something to disturb."""
        self.check()
        return any(task.is_alive() for task in self._tasks)

    def begin(self) -> "Round":
        for task in self._tasks:
            task.start()
        return self

    def publish(self, events: tuple[Event, ...]) -> None:
        """Returns when Kafka has them."""
        self.stage.stream.publish(events)
        self.published += len(events)

    def finish(self) -> None:
        """Sees everything to its end, after the last fault."""
        for task in self._tasks:
            task.join(PATIENCE_SECONDS)
            assert not task.is_alive(), f"{self.key} does not come to its end"
        self.check()
        self.job = self._retried()
        self.company.until_settled()
        self.publish(self.told.after)
        until(lambda: self.stage.stream.left() == 0, "every event is done with", PATIENCE_SECONDS)

    def check(self) -> None:
        """Raises what has gone wrong with what is under way."""
        if self._errors:
            raise self._errors[0]

    def give_up(self) -> None:
        """Lets the threads end early, and with them the job's command."""
        self._given_up.set()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _works(self) -> tuple[Any, ...]:
        return (self._come_in, self._load, self._enrol)

    def _kept(self, work: Any) -> None:
        try:
            work()
        except BaseException as error:
            self._errors.append(error)

    def _come_in(self) -> None:
        events = (*self.told.during, *self.told.refused)
        size = -(-len(events) // PIECES)
        for start in range(0, len(events), size):
            self.publish(events[start : start + size])
            if self._given_up.wait(self._seconds / PIECES):
                return

    def _enrol(self) -> None:
        self._given_up.wait(self._seconds / 3)
        self.company.enrol(self.cast.late)

    def _load(self) -> None:
        """The command is repeated until the job has ended, as a supervisor does."""
        rate = len(self.cast.sent) / self._seconds
        queue = ("--executor", "queue", "--rate-limit", f"{rate:.2f}", "--batch-size", "2")
        command = self.stage.place.backfill(self.cast.sent, *WINDOW, *queue, key=self.key)
        while not self._given_up.wait(0.5):
            with self.stage.cli.running(*command) as self._process:
                done = outcome(self._process)
            self.company.commands.append(done.err)
            if done.code in ENDED:
                return
            assert done.code in (3, 4), done

    def _retried(self) -> Any:
        """The job, when nothing of it has failed any more."""
        for _ in range(MOST_RETRIES):
            job = self.company.job(self.key)
            if not job["failed"]:
                return job
            self.stage.cli.run("jobs", "retry", self.key, "--rate-limit", "100", "--json")
        raise AssertionError(self.stage.cli.run("jobs", "failures", self.key, "--json").out)


def as_lines(events: tuple[Event, ...]) -> str:
    """Events as an event file holds them."""
    return "".join(json.dumps(json.loads(value)) + "\n" for _, _, value in events)
