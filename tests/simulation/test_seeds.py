"""Every world of the first seeds comes to rest as the law says."""

import subprocess
import sys

import pytest

from tests.simulation.__main__ import fixed

SEEDS = 2_000


@pytest.mark.timeout(600)
def test_whatever_happens_the_world_comes_to_rest_as_the_facts_say() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", str(SEEDS)]
    ended = subprocess.run(command, env=fixed(), capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{SEEDS} worlds" in ended.stdout
