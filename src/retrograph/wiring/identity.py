"""The kind `identity`: every user of a users table, joined into the identity graph."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import msgspec

from retrograph.clock import Clock, SystemClock
from retrograph.config import Settings
from retrograph.errors import ConfigurationError, UsageError
from retrograph.facts import InvalidId, clean_id
from retrograph.graph.identity_writer import BATCH_USERS, IdentityWriter
from retrograph.graph.store import GraphStore
from retrograph.jobs.job import Job, Json
from retrograph.jobs.kind import Resolved
from retrograph.jobs.work import Load, Source
from retrograph.sources.users_mapping import UsersMapping, read_places
from retrograph.sources.users_table import UsersTable
from retrograph.sources.users_walk import UsersWalk, present_bound

if TYPE_CHECKING:
    from retrograph.loading.identifiers import HashKey, Identifiers
    from retrograph.loading.identity import Desk
    from retrograph.loading.identity_events import JudgedEvents


_NORMALISED_BY: Final = 1
"""Raised where the same value would be stored differently: it is part of a job's source."""


def check_extra() -> None:
    """Raises UsageError unless the libraries that judge identifiers are installed."""
    if find_spec("phonenumbers") is None or find_spec("email_validator") is None:
        raise UsageError("identities need an optional dependency: pip install 'retrograph[identity]'")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredUsers:
    """The users table of the settings: there is no other source."""


class Identity:
    """See `jobs.kind.Kind`. `graph` is `None` for dry runs."""

    name = "identity"
    calls_services = False
    fixed_key = "identity"
    grows = True

    def __init__(self, settings: Settings, graph: GraphStore | None, clock: Clock) -> None:
        self._settings = settings
        self._graph = graph
        self._clock = clock
        self._writer = IdentityWriter(graph, clock) if graph is not None else None
        self._opened: UsersTable | None = None
        self._desks: dict[str, Desk] = {}

    async def resolve(self, source: object) -> Resolved:
        if not isinstance(source, ConfiguredUsers):
            raise UsageError("a backfill of identities takes no user ids: it walks the table of RETROGRAPH_USERS_URL")
        check_extra()
        table = self._table
        identifiers_of(self._settings)
        await table.shape()
        mapping = table.mapping
        where: dict[str, Json] = {
            "table": f"{table.where}#{mapping.table}",
            "walk_by": "created_at" if table.by_time else "user_id",
            "identifiers": places_of(mapping),
        }
        words = [_NORMALISED_BY, where, mapping.user_id, mapping.created_at, mapping.places, self._treatment()]
        digest = hashlib.sha256(msgspec.json.encode(words)).hexdigest()
        return Resolved(source=where, digest=f"sha256:{digest}", bound=await present_bound(table))

    def _treatment(self) -> list[str | None]:
        """What decides how a value is stored: resumed with another, one value would be two identifiers."""
        key, region = _key(self._settings), self._settings.identifiers.phone_region
        return [key.key_id if key else None, key.fingerprint if key else None, region]

    async def open_source(self, job: Job, frozen: Source) -> Source:
        from retrograph.loading.identity import IdentitySource

        del frozen
        dry = job.spec.dry_run
        walk = await self._walk(job)
        return IdentitySource(
            walk,
            None if dry else self._desk(job),
            lanes=1 if self._writer is None else self._writer.lanes,
            group=_group(job.parameters.rate_limit),
            after=job.cursor,
            already=job.counts.scanned,
        )

    async def open_load(self, job: Job) -> Load:
        from retrograph.loading.identity import IdentityHooks, IdentityLoad

        if self._writer is None or self._graph is None:
            raise RuntimeError("this needs a graph, and none was opened")
        hooks = IdentityHooks(ping_graph=self._graph.ping, ping_table=self._table.ping)
        self._desks.pop(job.job_id, None)
        walk = await self._walk(job)
        return IdentityLoad(self._desk(job), walk, identifiers_of(self._settings), self._writer, hooks, self._clock)

    def _desk(self, job: Job) -> "Desk":
        """Shared by the source and the load of one run."""
        from retrograph.loading.identity import Desk

        return self._desks.setdefault(job.job_id, Desk())

    async def _walk(self, job: Job) -> UsersWalk:
        if job.spec.bound is None:
            raise UsageError(f"job {job.key} has no upper bound: start it over with reset_cursor")
        return UsersWalk(self._table, await self._table.shape(), job.spec.bound)

    @property
    def _table(self) -> UsersTable:
        if self._opened is None:
            self._opened = users_table(self._settings)
        return self._opened

    def judged_events(self) -> "tuple[JudgedEvents, IdentityWriter]":
        """How events about identities are judged and written. Raises UsageError without the libraries."""
        from retrograph.loading.identity_events import JudgedEvents

        check_extra()
        if self._writer is None:
            raise RuntimeError("this needs a graph, and none was opened")
        return JudgedEvents(identifiers_of(self._settings)), self._writer

    async def ping_table(self) -> None:
        """Raises DependencyDown unless the users table's database answers."""
        await self._table.ping()

    async def close(self) -> None:
        """Gives back the table's connection."""
        if self._opened is not None:
            await self._opened.close()


def places_of(mapping: UsersMapping) -> dict[str, Json]:
    """Where each type of identifier is read from; several places as they are written, one after another."""
    types = dict.fromkeys(place.type for place in mapping.places)
    return {type_: " ".join(place.text for place in mapping.places if place.type == type_) for type_ in types}


def identifiers_of(settings: Settings) -> "Identifiers":
    """How values are judged and stored, whoever brings them. Raises ConfigurationError."""
    from retrograph.loading.blocking import read_block_list
    from retrograph.loading.identifiers import Identifiers

    given = settings.identifiers
    return Identifiers(read_block_list(given.block_list), key=_key(settings), region=given.phone_region)


def _key(settings: Settings) -> "HashKey | None":
    from retrograph.loading.identifiers import HashKey

    given = settings.identifiers
    if given.secret is None:
        return None
    return HashKey(key_id=given.hmac_key_id, secret=given.secret.get_secret_value().encode())


def _group(rate: float | None) -> int:
    """Users who share a transaction: no more than a second's worth where there is a rate limit."""
    return BATCH_USERS if rate is None else max(1, min(BATCH_USERS, int(rate)))


async def check_users(settings: Settings) -> None:
    """Finds what is wrong with the mapping or the block list, before anything else is opened. Raises UsageError."""
    kind = Identity(settings, None, SystemClock())
    try:
        await kind.resolve(ConfiguredUsers())
    finally:
        await kind.close()


def users_table(settings: Settings) -> UsersTable:
    """The configured table, not yet connected. Raises ConfigurationError."""
    users = settings.users
    if users.url is None:
        raise ConfigurationError("RETROGRAPH_USERS_URL is not set: it names the database of the users table")
    given = {"email": users.email, "phone": users.phone, "device": users.device, "ip": users.ip}
    mapping = UsersMapping(
        table=users.table,
        user_id=users.user_id,
        created_at=users.created_at,
        places=read_places({**given, "payment": users.payment}),
    )
    return UsersTable(users.url.get_secret_value(), mapping, by_time=users.walk_by == "created_at")


async def user_ids_of_table(settings: Settings) -> AsyncIterator[str]:
    """Every user of the configured table whose id keeps the rule for ids. Raises ConfigurationError, DependencyDown."""
    table = users_table(settings)
    try:
        walk = UsersWalk(table, await table.shape(), await present_bound(table))
        async for page in walk.pages(None):
            for row in page:
                try:
                    yield clean_id(row.key)
                except InvalidId:
                    continue
    finally:
        await table.close()
