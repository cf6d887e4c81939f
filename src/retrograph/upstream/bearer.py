"""The bearer token of a service: given as a value, or in a file that something else rotates."""

from pathlib import Path
from typing import Final

from retrograph.clock import Clock
from retrograph.errors import ConfigurationError

LOOK_AGAIN_SECONDS: Final = 1.0
"""How often at most the file's time is looked at: a request should not cost a system call."""


class Bearer:
    """Gives the `Authorization` header, or `None` where no token is configured."""

    def __init__(self, *, token: str | None, file: Path | None, setting: str, clock: Clock) -> None:
        self._header = None if token is None else f"Bearer {token.strip()}"
        self._file = None if token is not None else file
        self._setting = setting
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._look_at = float("-inf")

    def header(self) -> str | None:
        """The present header. Raises ConfigurationError where the file cannot be read or is empty."""
        if self._file is not None and self._clock.monotonic() >= self._look_at:
            self._refresh(self._file)
        return self._header

    def renewed_since(self, sent: str | None) -> bool:
        """Whether the file holds another token than the one that was sent: it was rotated in between."""
        if self._file is None:
            return False
        self._refresh(self._file)
        return self._header != sent

    def _refresh(self, file: Path) -> None:
        self._look_at = self._clock.monotonic() + LOOK_AGAIN_SECONDS
        try:
            status = file.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            if version != self._seen:
                self._header = f"Bearer {self._token_in(file)}"
                self._seen = version
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self._setting}: the token file {file} cannot be read ({error})") from error

    def _token_in(self, file: Path) -> str:
        token = file.read_text(encoding="utf-8").strip()
        if not token or not token.isprintable():
            raise ConfigurationError(f"{self._setting}: the token file {file} holds no token")
        return token
