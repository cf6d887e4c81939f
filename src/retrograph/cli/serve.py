"""`retrograph serve`: the server with the console, the API and the watchdog, until Ctrl-C or SIGTERM."""

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.output import print_line, say
from retrograph.cli.session import configured, run
from retrograph.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0: one that is free.", min=0, max=65_535)] = 8080,
    migrate: Annotated[bool, typer.Option("--migrate", help="Bring an older graph up to date first.")] = False,
) -> None:
    """Serve the console and the API, run jobs in the background, and look after those that paused.

    Prints its address, and serves until Ctrl-C or SIGTERM: its jobs are then paused, and resumed by another server or
    the next one.
    """
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise UsageError("the server needs an optional dependency: pip install 'retrograph[server]'")
    run(_serve(configured(), host, port, migrate=migrate))


async def _serve(settings: "Settings", host: str, port: int, *, migrate: bool) -> None:
    import asyncio

    from retrograph.cli.signals import Signals
    from retrograph.web.app import create_app
    from retrograph.web.context import WebContext
    from retrograph.web.listening import address, bound, listener
    from retrograph.wiring.served import open_served

    if host not in ("127.0.0.1", "::1", "localhost"):
        raise ConfigurationError("no way to sign in is configured, so only loopback may be listened on")
    listening = bound(host, port)
    async with open_served(settings, migrate=migrate) as served:
        context = WebContext(
            settings=settings,
            clock=served.clock,
            service=served.service,
            fleet=served.fleet,
            news=served.news,
            graph=served.graph,
        )
        server = listener(create_app(context))

        async def end() -> None:
            server.should_exit = True
            served.news.close()
            await served.fleet.pause()

        with Signals(stop=end, pause=end).listening():
            beside = [asyncio.create_task(work) for work in (served.watchdog.watch(), served.news.watch())]
            print_line(address(listening))
            sys.stdout.flush()
            say("serving until Ctrl-C")
            try:
                await server.serve(sockets=[listening])
            finally:
                for task in beside:
                    task.cancel()
