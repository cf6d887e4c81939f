"""Redis: what the cache's client speaks to, as the system has it installed; installed where this is root on Debian.

Valkey speaks the same protocol, and its own server is no package of Debian yet.
"""

import os
import shutil
import socket
from pathlib import Path
from typing import Final

from tests.servers import downloads
from tests.servers.downloads import Unavailable
from tests.servers.server import HOST, Server

NAMES: Final = ("valkey-server", "redis-server")


class RedisServer(Server):
    """One server that keeps everything in memory: whatever ends it also empties it."""

    @property
    def title(self) -> str:
        return "Redis"

    @property
    def url(self) -> str:
        return f"valkey://{HOST}:{self.port}/0"

    def obtain(self) -> None:
        _binary()

    def prepare(self) -> None:
        """It keeps nothing on the disk."""

    def command(self) -> list[str]:
        kept_nowhere = ["--save", "", "--appendonly", "no"]
        return [str(_binary()), "--port", str(self.port), "--bind", HOST, *kept_nowhere]

    def ping(self) -> bool:
        try:
            return self.tell("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def flush(self) -> None:
        """Forgets everything."""
        self.tell("FLUSHALL")

    def tell(self, command: str) -> bytes:
        """One command, as it is written on a terminal, and the beginning of its answer."""
        with socket.create_connection((HOST, self.port), timeout=2) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(4096)


def _binary() -> Path:
    return _installed() or _newly_installed()


def _installed() -> Path | None:
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def _newly_installed() -> Path:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"Redis: none of {', '.join(NAMES)} is installed")
    quietly = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "redis-server"]
    try:
        downloads.run("Redis", install, quietly)
    except Unavailable:  # the list of packages may be old, or missing
        downloads.run("Redis", ["apt-get", "update", "--quiet"], quietly)
        downloads.run("Redis", install, quietly)
    found = _installed()
    if found is None:
        raise Unavailable("Redis: it was installed and is not there")
    return found
