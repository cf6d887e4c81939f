"""What errors of the users table's database mean to a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from retrograph.errors import ConfigurationError, DependencyDown, RetrographError

DEPENDENCY: Final = "users-table"
"""Its name among the dependencies."""

_REFUSALS: Final = {
    "28": "refuses the user or the password",
    "3D": "has no such database",
    "42501": "does not let this user read it",
    "42P01": "has no such table any more",
    "42703": "has no such column any more",
}
_WORDS: Final = ("password authentication failed", "no password supplied", "does not exist", "pg_hba.conf")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns every error of the database into one of ours; `where` is its address without secrets."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _translate(error, where) from error
    except exc.TimeoutError as error:
        raise DependencyDown(DEPENDENCY, f"the users table at {where} is too busy") from error
    except exc.SQLAlchemyError as error:
        raise RetrographError(f"the users table at {where} cannot be read: {_first_line(error)}") from error
    except OSError as error:
        raise DependencyDown(DEPENDENCY, f"the users table at {where} cannot be reached: {error}") from error


def _translate(error: exc.DBAPIError, where: str) -> RetrographError:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    words = _first_line(error.orig)
    for prefix, what in _REFUSALS.items():
        if state.startswith(prefix):
            return ConfigurationError(f"the database of the users table at {where} {what}: {words}")
    if not state and "FATAL" in words and any(word in words for word in _WORDS):
        return ConfigurationError(f"the database of the users table at {where} lets nobody in: {words}")
    if error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError):
        return DependencyDown(DEPENDENCY, f"the users table at {where} does not answer: {words}")
    return RetrographError(f"the users table at {where} cannot be read: {words}")


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
