"""Asks everything that is configured whether it is there: what `doctor` prints."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from retrograph.clock import SystemClock
from retrograph.config import Settings
from retrograph.config.settings import SERVICES
from retrograph.errors import ConfigurationError, DependencyDown, NotFound, RetrographError
from retrograph.flags.gate import INGESTION
from retrograph.live.cluster import Topic
from retrograph.store.schema import open_database
from retrograph.wiring.caches import open_cache
from retrograph.wiring.flags import open_flags
from retrograph.wiring.graphs import open_graph
from retrograph.wiring.live_board import LiveBoard
from retrograph.wiring.queues import look_at_queue
from retrograph.wiring.upstream import Client, clients_of, look_at, probing

State: TypeAlias = Literal["up", "down", "wrong", "not there yet", "not set"]

_ADVICE = {
    "graph": "start it, or set RETROGRAPH_GRAPH to where it is",
    "store": "start it, or set RETROGRAPH_STORE to where it is",
    "queue": "see that the queue service is there, or set SQS_QUEUE_URL to where it is",
    "enrollment-queue": "see that the queue service is there, or set ENROLLMENT_QUEUE_URL to where it is",
    "cache": "start it, or set RETROGRAPH_CACHE to where it is",
    "flags": "see that it can be read, or set RETROGRAPH_FLAGS_FILE to where it is",
    "users-table": "start its database, or set RETROGRAPH_USERS_URL to where it is",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One dependency: its name, where it should be, how it is, and what to do where it is not up."""

    name: str
    where: str
    state: State
    message: str | None = None


_NO_TABLE = Finding(
    name="users-table",
    where="–",
    state="not set",
    message="RETROGRAPH_USERS_URL is not set: `backfill identity` walks that table",
)


async def diagnose(settings: Settings) -> list[Finding]:
    """Asks them all at once; the order is always the same."""
    checks = [
        _finding("graph", str(settings.graph), lambda: _graph(settings)),
        _finding("store", str(settings.store), lambda: _store(settings)),
    ]
    if settings.users.url is not None:
        checks.append(_finding("users-table", str(settings.users.url), lambda: _users_table(settings)))
    if settings.cache.scheme != "sqlite":
        checks.append(_finding("cache", str(settings.cache), lambda: _cache(settings)))
    if settings.flags.file is not None:
        checks.append(_finding("flags", settings.flags.file, lambda: _flags(settings)))
    for name, url in {"queue": settings.queue.url, "enrollment-queue": settings.queue.enrollment_url}.items():
        if url is not None:
            checks.append(_finding(name, url, partial(look_at_queue, url)))
    checks += [
        _finding(f"kafka-{topic.form}", f"{topic.cluster.brokers} {topic.name}", partial(_kafka, topic))
        for topic in LiveBoard(settings, SystemClock(), {}).topics
    ]
    found = [*await asyncio.gather(*checks), *await _services(settings)]
    return found if settings.users.url is not None else [*found, _NO_TABLE]


def nothing_to_load_from(settings: Settings) -> bool:
    """Whether no service and no table is configured: no backfill could begin."""
    return settings.users.url is None and not any(settings.endpoint(name) for name in SERVICES)


async def _finding(name: str, where: str, check: Callable[[], Awaitable[None]]) -> Finding:
    try:
        await check()
    except NotFound:
        return Finding(name=name, where=where, state="not there yet", message="the first load makes it")
    except DependencyDown as error:
        advice = _ADVICE.get(name, f"start it, or correct its URL ({where})")
        return Finding(name=name, where=where, state="down", message=f"{error}; {advice}")
    except RetrographError as error:
        return Finding(name=name, where=where, state="wrong", message=str(error))
    return Finding(name=name, where=where, state="up")


async def _kafka(topic: Topic) -> None:
    from retrograph.live.kafka.groups import KafkaGroups

    try:
        await KafkaGroups().look(topic)
    except NotFound as error:
        raise ConfigurationError(f"{error}: make it, or correct its name") from error


async def _graph(settings: Settings) -> None:
    async with open_graph(settings, create=False) as graph:
        await graph.ping()


async def _store(settings: Settings) -> None:
    if settings.store.scheme == "sqlite" and not settings.store.path.exists():
        raise NotFound("there is no store yet")
    database = await open_database(settings.store.get_secret_value())
    await database.close()


async def _cache(settings: Settings) -> None:
    async with open_cache(settings, SystemClock()) as cache:
        await cache.ping()


async def _flags(settings: Settings) -> None:
    try:
        flags = await open_flags(settings)
        flags.flag(INGESTION)
    except NotFound as error:
        raise ConfigurationError(str(error)) from error


async def _users_table(settings: Settings) -> None:
    from retrograph.wiring.identity import check_users

    await check_users(settings)


async def _services(settings: Settings) -> list[Finding]:
    try:
        async with probing(settings) as services:
            asked = {client.service.name: client for client in clients_of(services)}
            return list(await asyncio.gather(*(_service(settings, name, asked) for name in SERVICES)))
    except ConfigurationError as error:
        some = any(settings.endpoint(name) for name in SERVICES)
        state: State = "wrong" if some else "not set"
        return [Finding(name="services", where="–", state=state, message=f"{error}; `backfill purchases` asks them")]


async def _service(settings: Settings, name: str, clients: dict[str, Client]) -> Finding:
    endpoint = settings.endpoint(name)
    if endpoint is None:
        return Finding(name=name.replace("_", "-"), where="–", state="not set")
    return await _finding(endpoint.service, endpoint.url, lambda: look_at(clients[endpoint.service]))
