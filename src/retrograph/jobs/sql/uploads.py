"""Lists that were uploaded."""

from dataclasses import asdict

from sqlalchemy import Connection, delete, select

from retrograph.jobs.text import WORD_LENGTH, stored
from retrograph.jobs.uploads import KEPT_MS, Upload
from retrograph.store.engine import Database
from retrograph.store.tables import chunks, uploads

_NAMES = tuple(Upload.__slots__)


def keep(database: Database, connection: Connection, upload: Upload) -> None:
    """See `UploadStore.keep`."""
    now = database.now(connection)
    values = asdict(upload) | {
        "name": stored(upload.name, WORD_LENGTH),
        "created_by": stored(upload.created_by, WORD_LENGTH),
    }
    whole = {name: values[name] for name in ("list_id", "ids", "name")}
    wanted = database.insert(uploads).values(**values, created_at=now)
    connection.execute(wanted.on_conflict_do_update(index_elements=["upload_id"], set_=whole))


def sweep(database: Database, connection: Connection) -> None:
    """See `UploadStore.sweep_uploads`."""
    before = database.now(connection) - KEPT_MS
    old = select(uploads.c.upload_id).where(uploads.c.created_at < before)
    connection.execute(delete(chunks).where(chunks.c.job_id.in_(old)))
    connection.execute(delete(uploads).where(uploads.c.created_at < before))


def read(database: Database, connection: Connection, upload_id: str) -> Upload | None:
    """See `UploadStore.upload`."""
    fresh = uploads.c.created_at >= database.now(connection) - KEPT_MS
    found = connection.execute(select(uploads).where(uploads.c.upload_id == upload_id, fresh)).mappings().first()
    return None if found is None else Upload(**{name: found[name] for name in _NAMES})
