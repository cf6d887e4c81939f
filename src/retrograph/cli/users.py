"""Which users a backfill loads: one of several ways to say it, or a job that knows them already."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from retrograph.cli.remaining import key_of
from retrograph.errors import NotFound, UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.wiring.choosing import Continued
    from retrograph.wiring.purchases import UserSource

GRAPH_SOURCES = ("neo4j", "graph")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What the command line says about users."""

    inline: tuple[str, ...] = ()
    file: str | None = None
    s3_uri: str | None = None
    source: str | None = None
    resume_from: Path | None = None

    def check(self) -> None:
        """Raises UsageError where it says several things."""
        said = {
            "--user-id": self.inline,
            "--user-file": self.file,
            "--s3-uri": self.s3_uri,
            "--source": self.source,
            "--resume-from": self.resume_from,
        }
        given = [name for name, value in said.items() if value is not None and value != ()]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} are given together: choose one of them")
        if self.source is not None and self.source not in GRAPH_SOURCES:
            raise UsageError(f"--source is {self.source!r}: it can only be neo4j, which stands for the graph's users")


async def read_users(chosen: Chosen) -> "UserSource | None":
    """Reads and checks the ids; `None` where none were named. Raises UsageError, DependencyDown."""
    chosen.check()
    from retrograph.wiring import purchases

    if chosen.inline:
        return await purchases.users_inline(chosen.inline)
    if chosen.file is not None:
        return await purchases.users_in_file(chosen.file)
    if chosen.s3_uri is not None:
        return await purchases.users_in_s3(chosen.s3_uri)
    return purchases.GraphUsers() if chosen.source else None


async def resumed(
    settings: "Settings",
    chosen: Chosen,
    key: str | None,
    users: "UserSource | None",
    *,
    reset: bool,
    dry_run: bool,
) -> "Continued":
    """The key and the users to start with: a job that is named alone goes on with the users it has frozen, and after a
    dry run the real job begins with the users and the window that were tried."""
    from retrograph.wiring.choosing import Continued, continued
    from retrograph.wiring.purchases import FrozenUsers, users_in_file
    from retrograph.wiring.service import open_service

    if users is not None:
        return Continued(key=key, source=users, window={})
    named = key or (key_in(chosen.resume_from) if chosen.resume_from else None)
    if named is None or reset:
        raise UsageError("say which users to load: --user-id, --user-file, --s3-uri or --source neo4j")
    try:
        async with open_service(settings) as service:
            known = await continued(service, named, dry_run=dry_run)
            frozen = known.source
            if not isinstance(frozen, FrozenUsers) or frozen.ids is None or not known.window:
                return known
            ids = [user_id async for user_id in frozen.ids]
    except NotFound:
        if key is not None or chosen.resume_from is None or key_of(chosen.resume_from) is None:
            raise
        return Continued(key=None, source=await users_in_file(str(chosen.resume_from)), window={})
    return replace(known, source=replace(frozen, ids=_each(ids)))


async def _each(ids: list[str]) -> AsyncIterator[str]:
    for user_id in ids:
        yield user_id


def key_in(file: Path) -> str:
    """The key of the job that an earlier `--json` printed into a file, or that has left a file of ids not sent."""
    if (left := key_of(file)) is not None:
        if not file.exists():
            raise UsageError(f"--resume-from names {file}, which does not exist")
        return left
    try:
        document = json.loads(file.read_text("utf-8"))
        key = document["key"]
    except OSError as error:
        raise UsageError(f"--resume-from names {file}, which cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file} is no job: it must be what `backfill --json` or `jobs show --json` printed"
        ) from error
    if not isinstance(key, str):
        raise UsageError(f"{file} is no job: its key is not text")
    return key
