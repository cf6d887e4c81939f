"""What the stories have in common: a place to run commands in, the sandbox's own routes, and a look into the stores.

A story is told as its reader would live it: processes of the real command, a sandbox over HTTP, files and servers.
Only what no command shows (the very row of a run) is read from the store's tables.
"""

import json
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psycopg

from tests.integration.command_line import PATIENCE_SECONDS, CommandLine, Ended
from tests.servers.neo4j import Neo4jServer

WINDOW = ("--as-of", "2018-01-02", "--lookback-days", "365")
FAST = ("--rate-limit", "10000", "--concurrency", "16")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A sandbox that runs, and who lives in it."""

    url: str
    ids: tuple[str, ...]
    """Every user of the sample."""
    some: tuple[str, ...]
    """A part of them that small stories load."""

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """Asks one of the sandbox's own routes."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/sandbox/{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def misbehave(self, service: str = "all", **faults: object) -> None:
        """Replaces the faults of a service; without any it behaves again."""
        self.ask("PUT", "faults", {"service": service, **faults})

    def order(self, order_id: str, status: str) -> None:
        """Changes the status of a shop order."""
        assert self.ask("PUT", f"orders/{order_id}/status", {"status": status})["status"] == status


class Place:
    """A directory in which commands run against a sandbox, a graph and a store of jobs."""

    def __init__(self, directory: Path, history: History, **settings: str) -> None:
        self.directory = directory
        self.cli = CommandLine(directory, upstream=history.url, **settings)
        self._store = settings.get("store", "sqlite:///retrograph.db")

    def backfill(self, ids: Iterable[str], *options: str, key: str = "story") -> list[str]:
        """The arguments that load these users; the same users make the same file."""
        (self.directory / f"{key}.txt").write_text("\n".join(ids))
        return ["backfill", "purchases", "--user-file", f"{key}.txt", "--key", key, *WINDOW, *options, "--json"]

    def load(self, ids: Iterable[str], *options: str, key: str = "story", code: int = 0) -> Any:
        """Loads these users to the end, and answers the job."""
        return ended(self.cli.run(*self.backfill(ids, *(options or FAST), key=key)), code)

    def digest(self, *options: str) -> Any:
        """The digest and its facts; nothing may await a recount."""
        found = ended(self.cli.run("graph", "digest", "--json", *options))
        assert found.pop("recount_pending") == 0
        return found

    def job(self, key: str = "story") -> Any:
        return ended(self.cli.run("jobs", "show", key, "--json"))

    def log(self, key: str = "story") -> list[dict[str, str]]:
        found: list[dict[str, str]] = ended(self.cli.run("jobs", "log", key, "--json"))
        return found

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Reads the store's tables; none, where there is no table yet."""
        if self._store.startswith("postgresql"):
            with psycopg.connect(self._store, row_factory=psycopg.rows.dict_row) as connection:
                return connection.execute(query.encode()).fetchall()
        file = self.directory / self._store.removeprefix("sqlite:///")
        if not file.exists():
            return []
        with closing(sqlite3.connect(file, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def row(self, columns: str = "*") -> dict[str, Any] | None:
        """The row of the only job here, once there is one."""
        try:
            found = self.rows(f"SELECT {columns} FROM jobs")
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            return None
        assert len(found) < 2
        return found[0] if found else None

    def scanned(self) -> int:
        """How many users the last checkpoint counts."""
        row = self.row("processed + failed + skipped AS scanned")
        return row["scanned"] if row else 0


class NewPlace(Protocol):
    """Makes a place with an empty graph, against the shared sandbox or another one."""

    def __call__(self, name: str, told_by: History = ..., /) -> Place: ...


def ended(command: Ended, code: int = 0) -> Any:
    """The document of a command that has ended with this code."""
    assert command.code == code, f"exit code {command.code}\n{command.err}\n{command.out}"
    return command.json


def in_neo4j(server: Neo4jServer) -> dict[str, str]:
    """The settings that lead into a Neo4j server."""
    return {"graph": server.uri, "neo4j_user": server.user, "neo4j_password": server.password}


def until(condition: Callable[[], T], why: str, seconds: float = 120) -> T:
    """Waits until something is so, and answers what it found."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{why}: not within {seconds:g} s")


def until_counted(process: "subprocess.Popen[str]", place: Place, users: int) -> None:
    """Waits until a checkpoint of a load that goes on counts so many users."""
    until(lambda: process.poll() is not None or place.scanned() >= users, f"{users} users are counted")
    assert process.poll() is None, outcome(process).err


def until_told(process: "subprocess.Popen[str]", words: str) -> str:
    """Reads a command's messages up to the line that holds these words."""
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if words in line:
            return told
    raise AssertionError(f"{words!r} was never said, only:\n{told}")


def outcome(process: "subprocess.Popen[str]") -> Ended:
    """How a command ended whose messages are read only now."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in err, err
    return Ended(code=process.returncode, out=out, err=err)
