"""Starts and stops the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from retrograph.sandbox.data import load
from retrograph.sandbox.fault_board import FaultBoard
from retrograph.sandbox.front import Front
from retrograph.sandbox.options import SandboxError, SandboxOptions
from retrograph.sandbox.population import Population
from retrograph.sandbox.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox that runs."""

    base_url: str
    """Where all four services are, without a slash at the end."""
    population: Population
    """Who lives in it; an order's status can be changed here."""
    faults: FaultBoard
    """The faults of each service, to be changed while it runs."""
    requests: Tally
    """What was asked and answered."""

    def service_url(self, service: str) -> str:
        """The base URL of one service alone, whose health is its own."""
        return f"{self.base_url}/{service}"


@asynccontextmanager
async def running(options: SandboxOptions) -> AsyncIterator[Sandbox]:
    """Serves until the block is left. Raises `SandboxError` where it cannot start."""
    data = await asyncio.to_thread(load, options.data)
    population = Population(data, options)
    faults, requests = FaultBoard(options.seed, options.faults), Tally()
    front = Front(population, faults, requests, options.token)
    runner = web.ServerRunner(
        web.Server(front.handle, handler_cancellation=True, access_log=None), shutdown_timeout=0.2
    )
    await runner.setup()
    try:
        base_url = await _listen(runner, options)
        yield Sandbox(base_url=base_url, population=population, faults=faults, requests=requests)
    finally:
        await runner.cleanup()


async def _listen(runner: web.ServerRunner, options: SandboxOptions) -> str:
    try:
        await web.TCPSite(runner, options.host, options.port, backlog=1024).start()
    except (OSError, OverflowError) as error:
        where = f"{options.host}:{options.port}"
        raise SandboxError(f"The sandbox cannot listen on {where}: {error}") from error
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.host, options.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}"


async def serve(options: SandboxOptions, ready: Callable[[Sandbox], None] = lambda sandbox: None) -> None:
    """Serves until it is cancelled; `ready` is called once requests are answered."""
    async with running(options) as sandbox:
        ready(sandbox)
        await asyncio.Event().wait()


def user_ids(options: SandboxOptions) -> Iterator[str]:
    """The ids of all users that a sandbox with these options lists, without starting it."""
    return Population(load(options.data), options).user_ids()
