"""The simulation is able to fail: a law without one of its rules is caught."""

from pathlib import Path

import pytest

from tests.simulation.mutants import FAILED, MUTANTS, Mutant, hunt
from tests.simulation.test_seeds import SEEDS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_without(mutant: Mutant, tmp_path: Path) -> None:
    ended = hunt(mutant, tmp_path, seeds=SEEDS)

    assert ended.returncode == FAILED, ended.stdout + ended.stderr
