"""The cache on a Valkey or Redis server. The client's errors are translated here, and nowhere else."""

import asyncio
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, cast

import valkey.asyncio as client
from valkey.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, ValkeyError

from retrograph.cache.cache import DEPENDENCY
from retrograph.config.values import redacted
from retrograph.errors import ConfigurationError, DependencyDown

ANSWER_SECONDS: Final = 3.0
"""What takes longer is away: nothing that is kept here is worth more waiting."""
_AT_ONCE: Final = 1_000
_SCHEMES: Final = {"redis": "valkey", "rediss": "valkeys"}
"""Names that the same protocol has elsewhere."""


class ValkeyCache:
    """`Cache` over a server."""

    def __init__(self, url: str) -> None:
        self.where = redacted(url)
        """Its address without secrets, for messages."""
        scheme, separator, rest = url.partition("://")
        self._client: Any = client.Valkey.from_url(
            f"{_SCHEMES.get(scheme, scheme)}{separator}{rest}",
            decode_responses=True,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            client_name="retrograph",
        )

    async def get(self, keys: Collection[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for some in _slices(keys):
            values = await self._asked(self._client.mget(some))
            found.update((key, value) for key, value in zip(some, values, strict=True) if value is not None)
        return found

    async def put(self, values: Mapping[str, str], *, lifetime_seconds: int | None = None) -> None:
        for some in _slices(values):
            with self._translated():
                async with asyncio.timeout(ANSWER_SECONDS), self._client.pipeline(transaction=False) as pipeline:
                    for key in some:
                        pipeline.set(key, values[key], ex=lifetime_seconds)
                    await pipeline.execute()

    async def put_new(self, key: str, value: str, *, lifetime_seconds: int | None = None) -> bool:
        return bool(await self._asked(self._client.set(key, value, ex=lifetime_seconds, nx=True)))

    async def forget(self, keys: Collection[str]) -> int:
        return sum([int(await self._asked(self._client.delete(*some))) for some in _slices(keys)])

    async def add_members(self, name: str, members: Collection[str]) -> None:
        for some in _slices(members):
            await self._asked(self._client.sadd(name, *some))

    async def remove_members(self, name: str, members: Collection[str]) -> None:
        for some in _slices(members):
            await self._asked(self._client.srem(name, *some))

    async def members_among(self, name: str, members: Collection[str]) -> frozenset[str]:
        found: set[str] = set()
        for some in _slices(members):
            there = await self._asked(self._client.smismember(name, some))
            found.update(member for member, is_there in zip(some, there, strict=True) if is_there)
        return frozenset(found)

    async def ping(self) -> None:
        await self._asked(self._client.ping())

    async def close(self) -> None:
        try:
            await self._client.aclose()
        except (ValkeyError, OSError):
            return  # it is gone, and so are its connections

    async def _asked(self, call: Any) -> Any:
        with self._translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                return await cast(Awaitable[Any], call)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
            raise ConfigurationError(f"the cache at {self.where} does not let us in: {error}") from error
        except (ValkeyError, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise DependencyDown(DEPENDENCY, f"the cache at {self.where} does not answer: {why}") from error


def _slices(texts: Collection[str]) -> Iterator[Sequence[str]]:
    left = iter(texts)
    while some := list(islice(left, _AT_ONCE)):
        yield some
