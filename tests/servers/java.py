"""Finds a Java of the version that a server needs, and resolves servers that are published as Maven artifacts."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from tests.servers import downloads
from tests.servers.downloads import Unavailable

FAMILIAR_FOLDERS = ("/usr/lib/jvm", "/opt/java", "/Library/Java/JavaVirtualMachines", "~/.sdkman/candidates/java")
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"


def find_java(title: str, oldest: int, newest: int | None = None) -> str:
    """The `java` of the lowest version that fits (both ends count), from JAVA_HOME, PATH and the usual folders."""
    found = {home: _version(home) for home in _homes()}
    fitting = {home: version for home, version in found.items() if oldest <= version <= (newest or version)}
    if not fitting:
        wanted = f"{oldest} or newer" if newest is None else f"{oldest} to {newest}"
        seen = ", ".join(str(version) for version in sorted(set(found.values()) - {0})) or "none"
        raise Unavailable(f"{title}: it needs Java {wanted}, and this machine has: {seen}")
    return str(min(fitting, key=lambda home: fitting[home]) / "bin" / "java")


def copy_artifacts(title: str, artifacts: list[str], target: Path, *, without: str | None = None) -> None:
    """Downloads `group:artifact:version`s with all that they depend on into a folder of jars, checksums verified.

    `without`: a `group:artifact` that they name and that cannot be had.
    """
    maven = downloads.tool(title, "mvn")
    with tempfile.TemporaryDirectory() as work:
        pom = Path(work) / "pom.xml"
        pom.write_text(_pom(artifacts, without))
        options = ["-B", "-q", "--strict-checksums", "-f", str(pom)]
        goal = [f"{DEPENDENCY_PLUGIN}:copy-dependencies", f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
        downloads.run(title, [maven, *options, *goal])


def _pom(artifacts: list[str], without: str | None) -> str:
    excluded = ""
    if without is not None:
        group, artifact = without.split(":")
        excluded = (
            f"<exclusions><exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            "</exclusion></exclusions>"
        )
    dependencies = "".join(
        f"<dependency><groupId>{escape(group)}</groupId><artifactId>{escape(artifact)}</artifactId>"
        f"<version>{escape(version)}</version>{excluded}</dependency>"
        for group, artifact, version in (name.split(":") for name in artifacts)
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>retrograph.tests</groupId><artifactId>server</artifactId>"
        f"<version>1</version><packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>"
    )


def _homes() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    for folder in FAMILIAR_FOLDERS:
        for home_folder in sorted(Path(folder).expanduser().glob("*")):
            yield home_folder / "Contents" / "Home" if (home_folder / "Contents").is_dir() else home_folder


def _version(home: Path) -> int:
    """The major version of the Java in this folder, 0 if there is none."""
    if not (home / "bin" / "java").exists():
        return 0
    release = home / "release"
    words = release.read_text(errors="replace") if release.exists() else _says(home / "bin" / "java")
    found = re.search(r'(?:JAVA_VERSION=|version )"(\d+)', words)
    return int(found[1]) if found else 0


def _says(java: Path) -> str:
    return subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False, timeout=30).stderr
