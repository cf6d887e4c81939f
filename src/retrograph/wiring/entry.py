"""From settings to the store of who may enter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from retrograph.config import Settings
from retrograph.entry.sql_store import SqlEntryStore
from retrograph.entry.store import EntryStore
from retrograph.store.schema import open_database


@asynccontextmanager
async def open_entry_store(settings: Settings) -> AsyncIterator[EntryStore]:
    """Opens it beside the jobs, on connections of its own. Raises ConfigurationError, DependencyDown, MissingExtra."""
    store = SqlEntryStore(await open_database(settings.store.get_secret_value()))
    try:
        yield store
    finally:
        await store.close()
