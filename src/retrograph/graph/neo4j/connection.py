"""The driver, its sessions, and the translation of its errors: nothing else in Retrograph names the vendor."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import neo4j
from neo4j import AsyncDriver, AsyncGraphDatabase, AsyncResult, AsyncSession
from neo4j.auth_management import AsyncAuthManagers, ExpiringAuth
from neo4j.exceptions import (
    AuthConfigurationError,
    AuthError,
    ClientError,
    ConfigurationError,
    ConstraintError,
    DriverError,
    Forbidden,
    IncompleteCommit,
    Neo4jError,
)

from retrograph import errors
from retrograph.graph.store import DEPENDENCY, GraphDataError, TransientGraphError

CONNECTION_TIMEOUT_SECONDS: Final = 5.0
TOKEN_LIFETIME_SECONDS: Final = 60.0
"""How long a token that was read from a file is used before the file is read again."""


_ENDED: Final = (
    ".TransactionTimedOut",
    ".TransactionTimedOutClientConfiguration",
    ".LockClientStopped",
    ".Transaction.Terminated",
)
"""The server or its operator ended the transaction, also where it waited for a lock: no data is to blame. The driver
counts these among the errors that repeating does not help."""
_MADE_MEANWHILE: Final = ".Schema.EquivalentSchemaRuleAlreadyExists"
"""Another process makes the same constraint or index now, which IF NOT EXISTS does not see: soon it is there."""
_OUTAGES: Final = (".DatabaseUnavailable", ".NotALeader", ".ForbiddenOnReadOnlyDatabase", ".TransactionStartFailed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """How to sign in: user and password, or a bearer token; a file of either is read again when it may have changed."""

    user: str | None = None
    password: str | None = None
    password_file: Path | None = None
    token: str | None = None
    token_file: Path | None = None

    def __repr__(self) -> str:
        return "Credentials(…)"


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ConfigurationError(f"the credentials file {path} cannot be read: {error}") from error


def _auth(credentials: Credentials) -> Any:
    if credentials.token_file is not None:
        return AsyncAuthManagers.bearer(_token_reader(credentials.token_file))
    if credentials.token is not None:
        return neo4j.bearer_auth(credentials.token)
    if credentials.user is None:
        return None
    if credentials.password_file is not None:
        return neo4j.basic_auth(credentials.user, _first_line(credentials.password_file))
    return neo4j.basic_auth(credentials.user, credentials.password or "")


def _token_reader(path: Path) -> Callable[[], Awaitable[ExpiringAuth]]:
    async def read() -> ExpiringAuth:
        return ExpiringAuth(neo4j.bearer_auth(await asyncio.to_thread(_first_line, path))).expires_in(
            TOKEN_LIFETIME_SECONDS
        )

    return read


def translate(error: Exception, url: str) -> errors.RetrographError:
    """What an error of the driver or the server means to the product."""
    if isinstance(error, AuthError | AuthConfigurationError):
        return errors.ConfigurationError(
            f"the graph at {url} refused the credentials: check the Neo4j user and password"
        )
    if isinstance(error, Neo4jError) and (error.code or "").endswith(".AuthenticationRateLimit"):
        return errors.ConfigurationError(
            f"the graph at {url} takes no sign-ins for a moment, after several with wrong credentials: check them"
        )
    if isinstance(error, Forbidden):
        return errors.ConfigurationError(f"the graph at {url} does not permit this: {_message(error)}")
    if isinstance(error, ConstraintError):
        return TransientGraphError(f"another transaction made the same node: {_message(error)}")
    if isinstance(error, Neo4jError):
        return _translate_server_error(error, url)
    if isinstance(error, ConfigurationError):
        return errors.ConfigurationError(f"the graph's URL {url} is not usable: {error}")
    if isinstance(error, IncompleteCommit):
        return TransientGraphError(
            f"the connection to the graph at {url} broke during a commit: whether it committed is not known",
            outage=True,
        )
    if isinstance(error, DriverError | OSError):
        reason = " ".join(str(error).split())
        return TransientGraphError(f"the connection to the graph at {url} failed: {reason}", outage=True)
    return GraphDataError(f"a value does not fit the graph: {error}")


def _translate_server_error(error: Neo4jError, url: str) -> errors.RetrographError:
    code = error.code or ""
    if code.endswith(_OUTAGES):
        return TransientGraphError(f"the graph at {url} takes no writes now: {_message(error)}", outage=True)
    if error.is_retryable() or code.endswith((*_ENDED, _MADE_MEANWHILE)):
        return TransientGraphError(_message(error))
    if ".Database.DatabaseNotFound" in code:
        return errors.ConfigurationError(f"the graph at {url} has no such database: {_message(error)}")
    if isinstance(error, ClientError):
        return GraphDataError(_message(error))
    return TransientGraphError(_message(error))


def _message(error: Neo4jError) -> str:
    return (error.message or error.code or type(error).__name__).splitlines()[0][:300]


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turns the driver's errors into ours."""
    try:
        yield
    except (Neo4jError, DriverError, OSError, OverflowError, UnicodeError) as error:
        raise translate(error, url) from error


class Connection:
    """A pool of connections to one database of a server or cluster.

    Every session is a writing one: with a routing scheme it reaches the leader, so that what one transaction
    committed the next one sees.
    """

    def __init__(self, url: str, credentials: Credentials, database: str | None) -> None:
        self.url = urlsplit(url)._replace(query="", fragment="").geturl()
        """As people may see it."""
        self._address = url
        self._credentials = credentials
        self._database = database
        self._driver: AsyncDriver | None = None

    async def open(self) -> None:
        """Connects and signs in. Raises DependencyDown if nothing answers, ConfigurationError if it refuses."""
        with translated(self.url):
            self._driver = AsyncGraphDatabase.driver(
                self._address,
                auth=_auth(self._credentials),
                connection_timeout=CONNECTION_TIMEOUT_SECONDS,
                connection_acquisition_timeout=30.0,
                max_transaction_retry_time=0.0,
                keep_alive=True,
                notifications_min_severity="OFF",
                user_agent="retrograph",
            )
        await self.ping()

    async def ping(self) -> None:
        """Raises DependencyDown unless the server answers."""
        try:
            async with asyncio.timeout(CONNECTION_TIMEOUT_SECONDS * 2):
                await self.rows("RETURN 1")
        except (TransientGraphError, TimeoutError) as error:
            raise errors.DependencyDown(DEPENDENCY, f"the graph at {self.url} does not answer: {error}") from error

    async def close(self) -> None:
        """Closes the pool."""
        if self._driver is not None:
            await self._driver.close()
            self._driver = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session, with the driver's errors translated."""
        if self._driver is None:  # a server opens it as soon as it is there
            raise errors.DependencyDown(DEPENDENCY, f"the graph at {self.url} did not answer yet")
        with translated(self.url):
            async with self._driver.session(
                database=self._database, default_access_mode=neo4j.WRITE_ACCESS, fetch_size=1000
            ) as session:
                yield session

    async def rows(self, statement: str, **parameters: Any) -> list[list[Any]]:
        """All rows of one statement, in a transaction of its own."""
        async with self.session() as session:
            result = await session.run(cast("Any", statement), parameters)
            return [list(record.values()) async for record in result]

    async def listed(self, statement: str, **parameters: Any) -> list[Any]:
        """The rows of a statement that collects them, in a transaction of its own."""
        async with self.session() as session:
            return await listed(await session.run(cast("Any", statement), parameters))


async def listed(result: AsyncResult) -> list[Any]:
    """The lists that a query's few records hold, as one list of rows."""
    return [row async for record in result for row in record[0]]
