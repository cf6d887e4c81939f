"""`retrograph serve`: the server with the console, the API and the watchdog, until Ctrl-C or SIGTERM."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from retrograph.cli.output import print_line, say
from retrograph.cli.session import configured, run
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings

SANDBOX_IDS: Final = Path("sandbox-users.txt")
"""Where a sandbox that a server brings along writes whom it knows."""


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(help="The port; 0: one that is free. Default: RETROGRAPH_LISTEN_PORT, 8080.", min=0, max=65_535),
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Bring an older graph up to date first.")] = False,
    workers: Annotated[
        bool, typer.Option("--workers", help="Take users from the queues of SQS as well, like `worker`.")
    ] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Serve the history services as well, on the sample: to try it all out.")
    ] = False,
    live: Annotated[bool, typer.Option("--live", help="Consume events from Kafka as well.")] = False,
) -> None:
    """Serve the console and the API, run jobs in the background, and look after those that paused.

    Prints its address, and serves until Ctrl-C or SIGTERM: its jobs are then paused, and resumed by another server or
    the next one.
    """
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise UsageError("the server needs an optional dependency: pip install 'retrograph[server]'")
    settings = configured(serves=True)
    chosen = settings.listen_port if port is None else port
    run(_serve(settings, host, chosen, migrate=migrate, sandbox=sandbox, workers=workers, live=live))


async def _serve(
    settings: "Settings", host: str, port: int, *, migrate: bool, sandbox: bool, workers: bool, live: bool
) -> None:
    import asyncio
    from contextlib import AsyncExitStack

    from retrograph.cli.foreground import who
    from retrograph.cli.sandbox_process import SAMPLE_ENDS, with_sandbox
    from retrograph.cli.signals import Signals
    from retrograph.clock import SystemClock
    from retrograph.entry.links import LINK_MINUTES
    from retrograph.web.app import create_app
    from retrograph.web.auth.entry import build_entry, refuse_open_door
    from retrograph.web.context import context_of
    from retrograph.web.listening import address, bound, listener
    from retrograph.wiring.entry import open_entry_store
    from retrograph.wiring.served import open_served

    refuse_open_door(settings, host)
    async with AsyncExitStack() as stack:
        if sandbox:
            settings = await stack.enter_async_context(with_sandbox(settings, SANDBOX_IDS))
            where = f"a sandbox at {settings.upstream}"
            say(f"history comes from the sample, from {where}: users in {SANDBOX_IDS}, purchases up to {SAMPLE_ENDS}")
            settings = _admin_here(settings, who())
        entry_store = await stack.enter_async_context(open_entry_store(settings))
        entry = await build_entry(settings, entry_store, SystemClock(), host=host)
        served = await stack.enter_async_context(open_served(settings, migrate=migrate, workers=workers, live=live))
        listening = bound(host, port)
        context = context_of(served, entry, window_ends=SAMPLE_ENDS if sandbox else None)
        server = listener(create_app(context))

        async def end() -> None:
            server.should_exit = True
            served.news.close()
            if served.live is not None:
                served.live.end()
            await served.fleet.pause()

        with Signals(stop=end, pause=end).listening():
            beside = asyncio.create_task(served.look_after())
            print_line(address(listening))
            say("serving until Ctrl-C")
            if link := await entry.one_time_link(address(listening), who()):
                say(f"open this link in a browser on this machine; it works once, within {LINK_MINUTES} minutes:")
                print_line(link)
            sys.stdout.flush()
            try:
                await server.serve(sockets=[listening])
                if served.staff is not None:
                    await served.staff.stop()
            finally:
                if served.live is not None:
                    await served.live.ended()
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)


def _admin_here(settings: "Settings", name: str) -> "Settings":
    """Where a server that is tried out has no list of admins, whoever runs it is its only one: the one-time link signs
    them in under this name, and a token of the name has the same rights."""
    if settings.admins is not None:
        return settings
    say(f"for the API: retrograph tokens create --email {name} --name trial")
    return settings.model_copy(update={"admins": name})
