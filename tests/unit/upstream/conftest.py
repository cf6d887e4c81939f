"""The sandbox over HTTP: the clients meet the services that the contract describes, not an imitation of their own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from retrograph.sandbox import Sandbox, SandboxOptions, running

SAMPLE_USERS = SandboxOptions(paged_users=1, unknown_users=1, empty_users=1, odd_users=5)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared_sandbox() -> AsyncIterator[Sandbox]:
    """One sandbox for all tests that change nothing in it: reading the sample takes most of a second."""
    async with running(SAMPLE_USERS) as sandbox:
        yield sandbox
