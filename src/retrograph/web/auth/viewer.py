"""Whoever sent a request, once it is known who."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Way: TypeAlias = Literal["oidc", "proxy", "token", "link"]

BY_BROWSER: Final[frozenset[Way]] = frozenset({"oidc", "proxy", "link"})
"""Ways that a browser takes by itself with every request, whichever page made it send one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A person, or a program with a person's rights."""

    email: str
    """The verified address; for a one-time link, the account of the machine that printed it."""
    way: Way
    admin: bool
    token: str | None = None
    """The name of the token that was shown."""

    @property
    def who(self) -> str:
        """The name in a job's log, which says when it was a program."""
        return self.email if self.token is None else f"{self.email} (token {self.token})"

    def __str__(self) -> str:
        return self.who
