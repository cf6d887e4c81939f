"""One process of `retrograph backfill purchases`, as a user starts it; what it says is kept in a file."""

import itertools
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.integration.command_line import COMMAND, Ended
from tests.integration.story import until
from tests.torture.stage import Stage

PATIENCE_SECONDS = 300.0
WAITING = "waiting to see whether that process lives"
_numbers = itertools.count(1)


class Load:
    """A load that goes on, until it ends or is killed."""

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        number = next(_numbers)
        self._out = folder / f"load-{number}.out"
        self._err = folder / f"load-{number}.err"
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

    def until_said(self, words: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Waits until it has said these words; it may not end before."""
        until(lambda: words in self.told or not self.lives, f"{words!r} is said; so far:\n{self.told}", seconds)
        assert words in self.told, f"it ended without {words!r}:\n{self.told}"

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

    def start(self, rate: float | None = None, batch: int = 10, concurrency: int = 8, **environment: str) -> Load:
        """One more process; `environment` is added to its own."""
        stage = self._stage
        pace = f"{rate or stage.world.size.rate:g}"
        options = ("--rate-limit", pace, "--batch-size", str(batch), "--concurrency", str(concurrency))
        command = stage.place.backfill(stage.world.ids, *options)
        load = Load(command, stage.place.directory, {**stage.place.cli.environment(), **environment})
        self.started.append(load)
        return load

    def finish(self) -> Ended:
        """Loads the rest, as fast as it goes, and answers how that ended."""
        return self.start(rate=10_000, batch=100, concurrency=16).ended()

    def said(self, words: str) -> int:
        """How often any of them has said these words."""
        return sum(load.told.count(words) for load in self.started)


@contextmanager
def loads_of(stage: Stage) -> Iterator[Loads]:
    """Nothing that is started within the block outlives it."""
    loads = Loads(stage)
    try:
        yield loads
    finally:
        for load in loads.started:
            load.close()
