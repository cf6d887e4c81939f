"""The two cookies: the session's, and the one that ties a sign-in to the browser that began it.

Both are out of scripts' reach and do not travel with other sites' requests. Over HTTPS their `__Host-` prefix keeps
other hosts of the domain from setting them; on loopback, where all ports share one jar, their name holds the port.
"""

from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from retrograph.config.entry import is_loopback
from retrograph.web.auth.site import name_of

Purpose = Literal["session", "sign-in"]

SECRET_LENGTH: Final = 43


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie, as this request's browser keeps it."""

    name: str
    secure: bool

    def of(self, request: Request) -> str | None:
        """Its value, if it has the form of a secret of ours."""
        value = request.cookies.get(self.name)
        return value if value is not None and len(value) == SECRET_LENGTH else None

    def set(self, response: Response, secret: str, seconds: int) -> None:
        """Gives it to the browser."""
        response.set_cookie(
            self.name, secret, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def clear(self, response: Response) -> None:
        """Takes it from the browser."""
        response.delete_cookie(self.name, path="/", secure=self.secure, httponly=True, samesite="lax")


def cookie(purpose: Purpose, request: Request) -> Cookie:
    """The cookie for a purpose: insecure only where the browser itself calls the server by a name of loopback."""
    host = request.headers.get("host", "")
    if not is_loopback(name_of(host)):
        return Cookie(name=f"__Host-retrograph-{purpose}", secure=True)
    _, _, port = host.rpartition(":")
    return Cookie(name=f"retrograph-{purpose}-{port if port.isdigit() else 80}", secure=False)
