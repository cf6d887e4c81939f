"""Lists that were uploaded."""

from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select

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
    connection.execute(insert(uploads).values(**values, created_at=now))
    old = select(uploads.c.upload_id).where(uploads.c.created_at < now - KEPT_MS)
    connection.execute(delete(chunks).where(chunks.c.job_id.in_(old)))
    connection.execute(delete(uploads).where(uploads.c.created_at < now - KEPT_MS))


def read(database: Database, connection: Connection, upload_id: str) -> Upload | None:
    """See `UploadStore.upload`."""
    fresh = uploads.c.created_at >= database.now(connection) - KEPT_MS
    found = connection.execute(select(uploads).where(uploads.c.upload_id == upload_id, fresh)).mappings().first()
    return None if found is None else Upload(**{name: found[name] for name in _NAMES})
