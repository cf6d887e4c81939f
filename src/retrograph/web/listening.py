"""Listens and answers until it is told to end: uvicorn, with its signals, its logs and its header left out."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from retrograph.errors import ConfigurationError

DRAIN_SECONDS = 5
"""How long requests under way may still take; an event stream ends at once."""


class Listener(uvicorn.Server):
    """A server whose end is decided by whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listener(app: ASGIApp) -> Listener:
    """A listener for that application, not yet listening."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    return Listener(config)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigurationError."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"the server cannot listen on {host}:{port}: {error}") from None


def address(listening: socket.socket) -> str:
    """Its base URL as a browser on this machine writes it."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
