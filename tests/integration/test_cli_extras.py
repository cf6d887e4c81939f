"""With the packages of some extras alone, every command works or names the extra that it wants."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.unit.test_requirements import BASE, pins

_ONLY: Final = """
import sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions

allowed, command = set(sys.argv[1].split(",")), sys.argv[2:]
missing = {name for name, owners in packages_distributions().items()
           if not {owner.lower().replace("_", "-") for owner in owners} & allowed}

class Few(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in missing else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Few
from retrograph.cli.main import main
sys.argv = ["retrograph", *command]
main()
"""


def _told(folder: Path, command: Sequence[str]) -> tuple[int, str]:
    packages = ",".join((*pins("base.txt"), *pins("build.txt"), "retrograph"))
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "RETROGRAPH_UPSTREAM": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", _ONLY, packages, *command],
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_base_is_small() -> None:
    assert not {re.split(r"[>=<\[]", need)[0].lower() for need in BASE} & {"pyyaml", "fastapi", "obstore", "neo4j"}


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (("doctor",), 3, "graph"),
        (("backfill", "purchases", "--user-id", "ann", "--dry-run"), 0, "1 skipped"),
        (("backfill", "events", "--uri", "file:///tmp", "--events", "auto"), 2, "retrograph[identity]"),
        (("backfill", "identity", "--dry-run"), 2, "retrograph[identity]"),
        (("serve",), 2, "retrograph[server]"),
        (("live",), 2, "retrograph[kafka]"),
        (("worker",), 2, "no queue is configured"),
        (("flags", "check", "ann"), 2, "RETROGRAPH_FLAGS_FILE is not set"),
        (("detect",), 2, "RETROGRAPH_FLAGS_FILE is not set"),
        (("jobs", "list"), 0, ""),
        (("graph", "stats"), 2, "there is no graph"),
    ],
)
def test_with_the_base_alone_a_command_works_or_names_what_it_wants(
    tmp_path: Path, command: tuple[str, ...], code: int, says: str
) -> None:
    found, told = _told(tmp_path, command)
    assert "should not have happened" not in told
    assert "ModuleNotFoundError" not in told
    assert (found, says in told) == (code, True), told
