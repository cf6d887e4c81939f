"""Frozen lists of ids: written in pieces, but a job either has a whole list or none."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select

from retrograph.errors import RetrographError
from retrograph.store.tables import chunks, jobs


def add_chunks(
    connection: Connection, job_id: str, list_id: str, first: int, packed: Sequence[tuple[int, bytes]]
) -> None:
    """See `JobStore.freeze`."""
    rows = [
        {"list_id": list_id, "number": number, "job_id": job_id, "count": count, "ids": ids}
        for number, (count, ids) in enumerate(packed, start=first)
    ]
    connection.execute(insert(chunks), rows)


def adopt(connection: Connection, job_id: str, list_id: str | None, ids: int | None) -> None:
    """Makes sure that a list is whole, and forgets the job's other ones: those of a crash, or of another walk."""
    if list_id is not None:
        wanted = select(func.count(), func.max(chunks.c.number), func.sum(chunks.c.count))
        rows, last, held = (connection.execute(wanted.where(chunks.c.list_id == list_id))).one()
        if rows != (last if last is not None else -1) + 1 or (held or 0) != ids:
            raise RetrographError("the list of ids was frozen by another start at the same time: start again")
    others = chunks.c.job_id == job_id
    if list_id is not None:
        others &= chunks.c.list_id != list_id
    connection.execute(delete(chunks).where(others))


def forget(connection: Connection, list_id: str) -> None:
    """See `JobStore.forget`: a list that a job names stays."""
    used = select(jobs.c.job_id).where(jobs.c.list_id == list_id).exists()
    connection.execute(delete(chunks).where(chunks.c.list_id == list_id, ~used))


def read_chunk(connection: Connection, list_id: str, number: int) -> bytes | None:
    """See `JobStore.chunk`."""
    wanted = select(chunks.c.ids).where(chunks.c.list_id == list_id, chunks.c.number == number)
    found: bytes | None = connection.scalar(wanted)
    return found
