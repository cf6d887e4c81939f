"""What browser tests look at: the real server over real jobs, a users table and a sandbox that can misbehave."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.integration.command_line import CommandLine, sandbox
from tests.integration.server_process import ServerProcess, in_directory, job_of, served
from tests.integration.story import History
from tests.servers.server import HOST, free_port
from tests.servers.versitygw import REGION, VersitygwServer

USERS = 4_000
FLAGS = """flags:
  consumer_graph_ingestion:
    segments:
      - {name: Internal Users, internalUsers: true}
      - {name: Team Users, allowedIDs: "hh-0001, hh-0002"}
      - {name: AI Assistant Beta Users, allowedS3IDs: beta.csv, rollout: 50}
      - {name: Everybody, rollout: 0}
internal_users: {suffixes: ["@example.com"]}
"""
READER = "archive-reader"
"""The credentials that open the gateway's buckets."""
SLOW_READER = "slow-archive-reader"
"""The same, through a port where a test may put a proxy."""
WINDOW = {"as_of": "2018-01-02", "lookback_days": 365}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A server with everything behind it."""

    server: ServerProcess
    history: History
    token: str
    files: Path
    """The folder below which the server may read event files."""
    gateway: VersitygwServer
    """S3, with the buckets that the named credentials open."""
    slow_port: int

    @property
    def url(self) -> str:
        return self.server.url

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """Asks the API."""
        with self.server.client(self.token) as client:
            answer = client.request(method, f"/api/v1{path}", json=document)
        assert answer.status_code in (200, 202), answer.text
        return answer.json()

    def start(self, key: str, kind: str = "identity", **parameters: Any) -> Any:
        """Starts a job as a program would."""
        answer = self.ask("POST", "/jobs", {"kind": kind, "key": key, **parameters})
        assert answer["started"], answer
        return answer["job"]

    def purchases(self, key: str, users: int = 40, **parameters: Any) -> Any:
        """Starts a load of the sample's first users."""
        ids = list(self.history.some[:users])
        return self.start(key, "purchases", user_ids=ids, **{**WINDOW, **parameters})

    def job(self, key: str) -> Any:
        with self.server.client(self.token) as client:
            return job_of(client, key)

    def log(self, key: str) -> str:
        """What was done to a job, as one text."""
        return self.server.cli.run("jobs", "log", key, "--json").out

    def link(self) -> str:
        """Another link that signs a browser in once."""
        made = self.server.cli.run("tokens", "link", "--address", self.url)
        assert made.code == 0, made.err
        return made.out.strip()


@contextmanager
def stage(directory: Path, gateway: VersitygwServer) -> Iterator[Stage]:
    """Everything, until the block ends."""
    slow_port = free_port()
    with sandbox(directory, "--write-ids", "ids.txt") as url:
        ids = tuple((directory / "ids.txt").read_text().split())
        history = History(url=url, ids=ids, some=ids)
        (directory / "flags.yaml").write_text(FLAGS)
        (directory / "beta.csv").write_text("user_id\n" + "\n".join(ids[5:40]) + "\n")
        flags = {"flags_file": "flags.yaml", "flags_bucket": ".", "detector_every_seconds": "0"}
        (files := directory / "archive").mkdir()
        settings = {**flags, "files_root": str(files), "credentials": _credentials(gateway, slow_port)}
        cli = mapped(in_directory(directory, upstream=url, jobs_lease_seconds="5", **settings))
        with served(cli) as server:
            token = server.token()
            yield Stage(server=server, history=history, token=token, files=files, gateway=gateway, slow_port=slow_port)


def _credentials(gateway: VersitygwServer, slow_port: int) -> str:
    keys = {"access_key_id": gateway.access_key, "secret_access_key": gateway.secret_key, "region": REGION}
    endpoints = {READER: gateway.endpoint, SLOW_READER: f"http://{HOST}:{slow_port}"}
    return json.dumps({name: {**keys, "endpoint": endpoint} for name, endpoint in endpoints.items()})


def mapped(cli: CommandLine) -> CommandLine:
    """The same settings, and those of a users table that is made for them."""
    made = cli.run("sandbox", "users", "--to", "sqlite:///users.db", "--count", str(USERS), "--seed", "2", "--json")
    assert made.code == 0, made.err
    settings = {name.removeprefix("RETROGRAPH_").lower(): text for name, text in made.json["settings"].items()}
    return cli.with_settings(**settings)


def listed(client: httpx2.Client) -> Any:
    """The jobs that the API lists."""
    return client.get("/api/v1/jobs").json()["items"]
