"""A cursor as people read it. Pure, and the same at every door; what resumes a job is the cursor itself."""

import json

from retrograph.jobs.job import Job


def cursor_words(job: Job) -> str | None:
    """Where a job stands: `1420311, created 2024-03-01` in a table, the cursor as it is elsewhere.

    `None` before the first item, and for a list of ids: there the cursor is the number that was scanned.
    """
    if job.cursor is None or job.list_id is not None:
        return None
    return _place(job.cursor) or job.cursor


def _place(cursor: str) -> str | None:
    """A place in a walk by key: its bound, the instant of the row, and the row's id."""
    try:
        found = json.loads(cursor)
    except ValueError:
        return None
    match found:
        case [str(), str(created), int() | str() as key]:
            return f"{key}, created {created[:10]}"
        case [str(), None, int() | str() as key]:
            return str(key)
    return None
