"""Everybody who works on a stage: a server, workers, consumers, and one command for each round's job."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx2

from tests.integration.server_process import ADMIN
from tests.integration.story import ended, until
from tests.servers.server import HOST, free_port
from tests.soak.actors import Actor
from tests.soak.stage import Stage, load_known_user

WORKERS = CONSUMERS = 2
PATIENCE_SECONDS = 180.0


@dataclass(slots=True, kw_only=True)
class Company:
    """The processes of an installation."""

    stage: Stage
    server: Actor
    url: str
    token: str = ""
    workers: list[Actor] = field(default_factory=list)
    consumers: list[Actor] = field(default_factory=list)
    others: list[Actor] = field(default_factory=list)
    """Those who come and go."""
    commands: list[str] = field(default_factory=list)
    """What the commands of jobs have said."""
    _hired: int = 0

    @property
    def everybody(self) -> list[Actor]:
        return [self.server, *self.workers, *self.consumers, *self.others]

    @property
    def surprises(self) -> list[str]:
        """Processes that ended by themselves."""
        return [surprise for actor in self.everybody for surprise in actor.surprises]

    def said(self, words: str) -> int:
        """How often any of them has said this."""
        return sum(told.count(words) for told in (*(actor.told for actor in self.everybody), *self.commands))

    def hire(self, name: str, *command: str, ready: str) -> Actor:
        """Somebody who comes for a while: `retire` ends that."""
        self._hired += 1
        self.others.append(self._actor(f"{name}-{self._hired}", *command, ready=ready))
        return self.others[-1]

    def _actor(self, name: str, *command: str, ready: str) -> Actor:
        return Actor(name, self.stage.cli, self.stage.folder / "logs", *command, ready=ready).start()

    def start_consumers(self) -> None:
        """They know everybody who is enrolled by then."""
        for _ in range(CONSUMERS):
            self._hired += 1
            self.consumers.append(self._actor(f"consumer-{self._hired}", "live", ready="consuming "))

    def dismiss_consumers(self) -> None:
        """They end in good order; `start_consumers` brings others."""
        for consumer in self.consumers:
            consumer.retire()
        self.others += self.consumers
        self.consumers.clear()

    def enrol(self, users: Sequence[str]) -> None:
        """Asks until the server has taken each of them."""
        for user in users:
            until(partial(self._enrolled, user), f"{user} is enrolled", PATIENCE_SECONDS)

    def until_settled(self) -> None:
        """Waits for the second loads of all who were enrolled: by then every consumer has looked at the gate again."""
        until(self._settled, "second loads", PATIENCE_SECONDS)

    def job(self, key: str) -> Any:
        """The job as the server shows it."""
        return until(lambda: self.ask("GET", f"/api/v1/jobs/{key}"), f"the server shows {key}", PATIENCE_SECONDS)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the server answers; `None` where it has no answer now, or nothing to show."""
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            answer = httpx2.request(method, f"{self.url}{path}", headers=headers, json=body, timeout=10)
        except httpx2.TransportError:
            return None
        return answer.json() if answer.status_code < 400 else None

    def _enrolled(self, user: str) -> bool:
        return self.ask("POST", "/consumer-graph-worker/enroll", {"user_id": user}) is not None

    def _settled(self) -> bool:
        """What no job owns and was given up, an operator sends again."""
        if self.stage.queues.dead():
            self.stage.cli.run("queue", "dead-letters", "replay")
        [row] = self.stage.place.rows("SELECT count(*) AS waiting FROM enrolments WHERE settled_at IS NULL")
        return row["waiting"] == 0 and self.stage.queues.left() == 0


@contextmanager
def at_work(stage: Stage, enrolled: Sequence[str]) -> Iterator[Company]:
    """Everybody begins, in the order in which a new installation does; users are enrolled before the first event."""
    logs = stage.folder / "logs"
    port = free_port()
    url = f"http://{HOST}:{port}"
    server = Actor("server", stage.cli, logs, "serve", "--port", str(port), ready=url).start()
    company = Company(stage=stage, server=server, url=url)
    try:
        server.until_ready()
        company.token = _token(stage)
        load_known_user(stage, stage.place)
        for number in range(1, WORKERS + 1):
            worker = Actor(f"worker-{number}", stage.cli, logs, "worker", ready="taking users from")
            company.workers.append(worker.start())
        company.start_consumers()
        for actor in (*company.workers, *company.consumers):
            actor.until_ready()
        company.enrol(enrolled)
        company.until_settled()
        yield company
        for actor in (*company.consumers, *company.workers, server):
            actor.retire()
        assert not company.surprises, company.surprises
    finally:
        for actor in company.everybody:
            actor.close()


def _token(stage: Stage) -> str:
    made = stage.cli.run("tokens", "create", "--email", ADMIN, "--name", "soak", "--json")
    return str(ended(made)["token"])
