"""The pinned requirements are those of pyproject.toml: what is declared and not locked would not be installed."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BASE: list[str] = PROJECT["project"]["dependencies"]
EXTRAS: list[str] = [need for extra in PROJECT["project"]["optional-dependencies"].values() for need in extra]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
DECLARED = {
    "base.txt": BASE,
    "all.txt": BASE + EXTRAS,
    "build.txt": GROUPS["build"] + PROJECT["build-system"]["requires"],
    "dev.txt": BASE + EXTRAS + GROUPS["dev"] + GROUPS["build"],
    "postgres-server.txt": GROUPS["postgres-server"],
}


def pins(file: str) -> dict[str, Version]:
    text = (ROOT / "requirements" / file).read_text()
    return {
        name: Version(version) for name, version in re.findall(r"^([a-z0-9._-]+)(?:\[.*?\])?==([^ ;\\]+)", text, re.M)
    }


@pytest.mark.parametrize("file", DECLARED)
def test_what_is_declared_is_pinned(file: str) -> None:
    pinned = pins(file)
    needs = [Requirement(text) for text in DECLARED[file] if not text.startswith("retrograph[")]
    unmet = [str(need) for need in needs if need.name not in pinned or pinned[need.name] not in need.specifier]
    assert unmet == [], "run `make lock`"


@pytest.mark.parametrize("file", ["base.txt", "all.txt", "build.txt"])
def test_a_package_has_one_version_everywhere(file: str) -> None:
    assert pins(file).items() <= pins("dev.txt").items()


@pytest.mark.parametrize("file", DECLARED)
def test_a_file_names_no_place_that_packages_come_from(file: str) -> None:
    text = (ROOT / "requirements" / file).read_text()
    assert not re.search(r"://|--index-url|--find-links", text)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= len(pins(file))
