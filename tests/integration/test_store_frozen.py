"""A job store whose server stands still: it acknowledges what it is sent, and never answers."""

import asyncio

import pytest
from sqlalchemy import Connection, text

from retrograph.errors import DependencyDown
from retrograph.store.engine import connect
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server


def _answer(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 42")).scalar_one())


async def test_a_transaction_on_a_frozen_server_is_given_up_and_the_next_one_after_it_thaws_works(
    postgres: PostgresServer, postgres_url: str
) -> None:
    database = connect(postgres_url, answer_seconds=1)
    assert await database.read(_answer) == 42
    postgres.freeze()
    try:
        for _ in range(2):  # one on a connection of before, one on a new connection
            with pytest.raises(DependencyDown, match="job store at"):
                async with asyncio.timeout(30):
                    await database.write(_answer)
    finally:
        postgres.thaw()
    assert await database.read(_answer) == 42
    await database.close()
