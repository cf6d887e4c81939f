"""A disk that is full in the middle of a load, and has room again later. It is a small file system in memory."""

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg

from tests.integration.story import until
from tests.servers.downloads import Unavailable
from tests.servers.postgres import PostgresServer
from tests.torture.process import Load, Loads, ended_at_last, loads_of, until_counted
from tests.torture.stage import Stage
from tests.torture.verdict import Seen, judge, often

FULL = "is full"
LEFT_BYTES = (0, 8_192, 65_536, 400_000)
"""How much room is left: none, or enough for some pages or some transactions more."""


class SmallDisk:
    """A file system of its own, filled and freed by a file of ballast."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, left: int) -> None:
        """Takes all but so many bytes away. Whoever writes meanwhile may take some of them: then there is another try,
        since either all that is asked for is taken or nothing."""
        with self._ballast.open("ab") as file:
            while (room := self._room()) > left:
                with suppress(OSError):
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), room - left)

    def _room(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def free(self) -> None:
        """Gives back what was taken."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts it. Raises Unavailable where this machine does not let us."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Unavailable("a small disk: `mount` is not installed") from None
    if done.returncode != 0:
        raise Unavailable(f"a small disk: this user may not mount one: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def sqlite_full(stage: Stage, chance: random.Random) -> Seen:
    """The disk of the SQLite files; also a process that is killed and one that is started while it is full."""
    with small_disk(stage.logs / "disk", 96) as disk:
        stage = stage.elsewhere(disk.folder)
        with loads_of(stage) as loads:
            load = loads.start()
            for _ in range(stage.world.size.repeats):
                load = _filled(stage, loads, load, disk, chance)
            load.until_it_works()
            until_counted(stage, load)
            told = load.told.count(FULL)
            disk.fill(0)
            load.until_said(FULL, told + 1)
            load.kill()
            # What the killed process leaves to SQLite's tidying may give just enough room to take the job.
            started = loads.start()
            started.until_said(FULL)
            disk.free()
            turned_away = started.ended().code == 3
            end = loads.finish() if turned_away else ended_at_last(stage, started)
            assert end.code == 0, end.err
            job = judge(stage, loads)
            _assert_sound(disk.folder / "retrograph.db")
            return Seen(
                injected=f"full {often(stage.world.size.repeats + 1)}, with up to 400 kB left; one process killed and "
                "one started meanwhile",
                seen=f"the same process said so, waited and went on ({job['run']} runs); the one that was started "
                f"{'ended with exit code 3' if turned_away else 'took the job and waited'}; both files sound",
            )


def _filled(stage: Stage, loads: Loads, load: Load, disk: SmallDisk, chance: random.Random) -> Load:
    load.until_it_works()
    until_counted(stage, load, chance.randrange(1, 20))
    told = load.told.count(FULL)
    disk.fill(chance.choice(LEFT_BYTES))
    load.until_said(FULL, told + 1)
    time.sleep(chance.uniform(0, 2 * stage.lease_seconds))
    disk.free()
    until_counted(stage, load)
    return load


def _assert_sound(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


class CrampedPostgres(PostgresServer):
    """A PostgreSQL whose data lie on a small disk."""

    def __init__(self, disk: SmallDisk) -> None:
        super().__init__(durable=True)
        self._disk = disk

    @property
    def _data(self) -> Path:
        return self._disk.folder / "data"

    def prepare(self) -> None:
        if account := self.account():
            for folder in (self._disk.folder, *self._disk.folder.parents[:2]):
                folder.chmod(0o755)  # it runs as another user, who must be able to get there
            os.chown(self._disk.folder, account.user, account.group)
        super().prepare()

    def needs_room(self) -> None:
        """Makes it need a new segment of its log with the next write."""
        with suppress(psycopg.Error), psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_switch_wal()")


def postgres_full(stage: Stage, chance: random.Random) -> Seen:
    """The disk of the job store's server, which may crash for it and is started again."""
    crashes = 0
    with small_disk(stage.logs / "disk", 160) as disk, CrampedPostgres(disk) as server:
        stage = replace(stage, servers=replace(stage.servers, postgres=server))
        stage = stage.elsewhere(store=server.create_database())
        with loads_of(stage) as loads:
            load = loads.start()
            for _ in range(stage.world.size.repeats):
                load.until_it_works()
                until_counted(stage, load, chance.randrange(1, 60))
                disk.fill(0)
                server.needs_room()
                time.sleep(chance.uniform(1, 2 * stage.lease_seconds))
                disk.free()
                crashes += not server.running
                until(lambda: server.start().ping(), "it has recovered and answers")
                until_counted(stage, load)
            ended = ended_at_last(stage, load)
            assert ended.code == 0, ended.err
            judge(stage, loads)
            return Seen(
                injected=f"full {often(stage.world.size.repeats)}, when the server needed room for its log",
                seen=f"the server crashed {often(crashes)} and was started again; the same process waited and went on",
            )
