"""The allow-list of admins: exact addresses, from the settings or from a file that is read at each question.

Reading a small file takes some microseconds, and no clock or cache can then keep somebody in who was taken out.
"""

from pathlib import Path
from typing import Protocol

import structlog

from retrograph.config.entry import addresses_in, names_a_file


class AllowList(Protocol):
    """Says who is an admin at this moment."""

    def holds(self, email: str) -> bool:
        """Whether the address is on it, letter by letter."""
        ...


class FixedAllowList:
    """Addresses that stay as they are while the process lives."""

    def __init__(self, addresses: frozenset[str]) -> None:
        self._addresses = addresses

    def holds(self, email: str) -> bool:
        return email in self._addresses


class FileAllowList:
    """Addresses in a file. A file that cannot be read holds nobody."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._readable = True

    def holds(self, email: str) -> bool:
        return email in self._addresses()

    def _addresses(self) -> frozenset[str]:
        try:
            found = frozenset(addresses_in(self._file.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            self._complain(error)
            return frozenset()
        self._readable = True
        return found

    def _complain(self, error: Exception) -> None:
        """Once, until it could be read again."""
        if self._readable:
            self._readable = False
            structlog.get_logger().error("allow-list cannot be read", file=str(self._file), error=str(error))


def allow_list(admins: str | None) -> AllowList:
    """The list that `RETROGRAPH_ADMINS` describes; without it nobody is an admin."""
    if admins is None:
        return FixedAllowList(frozenset())
    return FileAllowList(Path(admins)) if names_a_file(admins) else FixedAllowList(frozenset(addresses_in(admins)))
