"""One process of `retrograph backfill purchases`, as a user starts it; what it says is kept in a file."""

import itertools
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.integration.command_line import COMMAND, Ended
from tests.integration.story import WINDOW, until
from tests.torture.stage import Stage

PATIENCE_SECONDS = 300.0
LOOK_SECONDS = 0.1
"""A look at the store is a connection of its own: not more of them than a load can bear."""
WAITING = "waiting to see whether that process lives"
_numbers = itertools.count(1)


class Load:
    """A load that goes on, until it ends or is killed."""

    def __init__(self, command: list[str], folder: Path, logs: Path, environment: Mapping[str, str]) -> None:
        number = next(_numbers)
        self._out = logs / f"load-{number}.out"
        self._err = logs / f"load-{number}.err"
        self.began = time.time()
        self.killed_at: float | None = None
        with self._out.open("w") as out, self._err.open("w") as err:
            self._process = subprocess.Popen(
                [*COMMAND, *command], cwd=folder, env=environment, stdout=out, stderr=err, stdin=subprocess.DEVNULL
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    @property
    def told(self) -> str:
        """Everything that it has said so far."""
        return self._err.read_text(errors="replace")

    @property
    def works(self) -> bool:
        """Whether it has taken the lease."""
        return "items at" in self.told

    def until_it_works(self) -> None:
        """Waits until it has taken the lease."""
        self.until_it_works_or_ends()
        assert self.lives, f"it ended with {self._process.poll()}: {self.told}"

    def until_it_works_or_ends(self) -> None:
        """Waits until it has taken the lease, or has given up."""
        until(lambda: self.works or not self.lives, "it takes the lease")

    def until_said(self, words: str, times: int = 1) -> None:
        """Waits until it has said these words so often; it may not end before."""
        until(lambda: self.told.count(words) >= times or not self.lives, f"{words!r} is said", PATIENCE_SECONDS)
        assert self.told.count(words) >= times, f"it ended without {words!r}:\n{self.told}"

    def kill(self) -> None:
        """As `kill -9` does."""
        self._process.kill()
        self._process.wait()
        self.killed_at = time.time()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self, patience: float = PATIENCE_SECONDS) -> Ended:
        """How it ended, within a patient while."""
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.told[-4000:]}") from None
        assert "Traceback" not in self.told, self.told
        return Ended(code=code, out=self._out.read_text(), err=self.told)

    def close(self) -> None:
        """Ends what is left of it."""
        if self.lives:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait()


class Loads:
    """Starts processes that load the same key, and ends what is left of them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.started: list[Load] = []
        self._users = stage.logs / "users.txt"
        self._users.write_text("\n".join(stage.world.ids))

    def start(
        self,
        rate: float | None = None,
        batch: int = 10,
        concurrency: int = 8,
        environment: Mapping[str, str] | None = None,
    ) -> Load:
        """One more process; `environment` is added to its own."""
        stage = self._stage
        pace = f"{rate or stage.world.size.rate:g}"
        options = ("--rate-limit", pace, "--batch-size", str(batch), "--concurrency", str(concurrency))
        users = ("--user-file", str(self._users), "--key", "story")
        command = ["backfill", "purchases", *users, *WINDOW, *options, "--json"]
        load = Load(
            command, stage.place.directory, stage.logs, {**stage.place.cli.environment(), **(environment or {})}
        )
        self.started.append(load)
        return load

    def finish(self) -> Ended:
        """Loads the rest, as fast as it goes, and answers how that ended."""
        return ended_at_last(self._stage, self.start(rate=10_000, batch=100, concurrency=16))

    def said(self, words: str) -> int:
        """How often any of them has said these words."""
        return sum(load.told.count(words) for load in self.started)


def until_counted(stage: Stage, load: Load, more: int = 1) -> None:
    """Waits until checkpoints count so many users more than now, or the load is at its end."""
    wanted = min(stage.place.scanned() + more, len(stage.world.ids))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while stage.place.scanned() < wanted and load.lives:
        assert time.monotonic() < deadline, f"no further users are counted:\n{load.told[-4000:]}"
        time.sleep(LOOK_SECONDS)


def ended_at_last(stage: Stage, load: Load) -> Ended:
    """How a load ended that had many users left: it has time for as long as it gets on."""
    while load.lives and stage.place.scanned() < len(stage.world.ids):
        until_counted(stage, load, 100)
    return load.ended()


@contextmanager
def loads_of(stage: Stage) -> Iterator[Loads]:
    """Nothing that is started within the block outlives it."""
    loads = Loads(stage)
    try:
        yield loads
    finally:
        for load in loads.started:
            load.close()
