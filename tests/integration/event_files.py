"""What the stories about event files have in common: files, the command that loads them, and what came of them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.integration.command_line import CommandLine, Ended


def receipt(number: int, user: str = "u1", **more: object) -> bytes:
    """A receipt as a line of a file."""
    event = {
        "event_type": "receipt_processed",
        "event_id": f"e{number}",
        "occurred_at": "2018-01-01T10:00:00Z",
        "user_id": user,
        "receipt_id": f"r{number}",
        "purchased_at": f"2017-{1 + number % 12:02d}-01T00:00:00Z",
        "retailer": {"name": "shop"},
        "items": [{"product_id": f"p{number % 7}"}],
    }
    return json.dumps({**event, **more}).encode() + b"\n"


def digest(cli: CommandLine) -> Any:
    return cli.run("graph", "digest", "--only", "purchases", "--json").json


def row(directory: Path, query: str) -> Any:
    """One row of the store; `None` while there is none."""
    file = directory / "retrograph.db"
    if not file.exists():
        return None
    with closing(sqlite3.connect(file, timeout=30)) as database:
        database.row_factory = sqlite3.Row
        try:
            return database.execute(query).fetchone()
        except sqlite3.OperationalError:
            return None


def ended_objects(directory: Path) -> int:
    found = row(directory, "SELECT processed + failed AS ended FROM object_walks")
    return found["ended"] if found else 0


def load(cli: CommandLine, uri: str, *more: str) -> Ended:
    return cli.run("backfill", "events", "--uri", uri, *more, "--json")


def failures(cli: CommandLine, key: str) -> dict[str, str]:
    return {one["item"]: one["message"] for one in cli.run("jobs", "failures", key, "--json").json}
