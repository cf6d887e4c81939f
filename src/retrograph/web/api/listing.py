"""What a list is asked for, out of a query: every mistake names its parameter; a limit out of range is clamped."""

from typing import Annotated, Final

from fastapi import Query, Request

from retrograph.errors import UsageError
from retrograph.jobs.objects import ObjectQuery, object_state
from retrograph.jobs.parameters import read_instant
from retrograph.jobs.queries import FailureQuery, JobQuery
from retrograph.jobs.state import JobState

MOST: Final = 1_000
_JOB_WORDS: Final = (
    *("q", "state", "kind", "credentials", "created_after", "created_before", "needs_attention", "dry_run", "archived"),
    *("sort", "limit", "after"),
)
_GREATEST: Final = 2**63 - 1

Limit = Annotated[int, Query(description="How many at most, 1-1,000; what lies outside is clamped.")]
After = Annotated[str | None, Query(description="The `next` of the page before.")]


def job_query(
    request: Request,
    q: Annotated[
        str | None, Query(description="Text in the key, the error, the id, the credentials or who created it.")
    ] = None,
    state: Annotated[list[str] | None, Query(description="One of these states; repeat it, or use commas.")] = None,
    kind: Annotated[str | None, Query(description="Only this kind.")] = None,
    credentials: Annotated[str | None, Query(description="Only jobs over event files that name these.")] = None,
    created_after: Annotated[str | None, Query(description="An instant or a date; that moment included.")] = None,
    created_before: Annotated[str | None, Query(description="An instant or a date; that moment excluded.")] = None,
    needs_attention: Annotated[bool | None, Query(description="Those that are resumed no more.")] = None,
    dry_run: Annotated[bool | None, Query(description="Only dry runs, or none of them.")] = None,
    archived: Annotated[bool, Query(description="The archived ones instead.")] = False,
    sort: Annotated[str, Query(description="A column; `-` before it reverses.")] = "-created_at",
    limit: Limit = 50,
    after: After = None,
) -> JobQuery:
    """The query of a list of jobs. Raises UsageError naming the parameter: one that is not known would be a filter
    that does not filter."""
    for name in request.query_params:
        if name not in _JOB_WORDS:
            known = ", ".join(_JOB_WORDS)
            raise UsageError(f"{name[:50]} is no parameter of this list; known are {known}", field=name[:50])
    return JobQuery(
        search=(q or "").strip() or None,
        states=frozenset(_state(text) for text in _words(state)),
        kind=kind or None,
        credentials=credentials or None,
        archived=archived,
        created_after=_instant(created_after, "created_after"),
        created_before=_instant(created_before, "created_before"),
        needs_attention=needs_attention,
        dry_run=dry_run,
        sort=sort,
        limit=clamped(limit),
        after=after or None,
    )


def failure_query(
    error_class: Annotated[str | None, Query(description="Only failures of this class.")] = None,
    resolved: Annotated[bool | None, Query(description="Those that a retry has mended, or those it has not.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> FailureQuery:
    """The query of a list of failures."""
    return FailureQuery(
        error_class=(error_class or "").replace("\0", "") or None,
        resolved=resolved,
        limit=clamped(limit),
        after=number(after),
    )


def object_query(
    state: Annotated[str | None, Query(description="pending, ingested, unchanged or failed.")] = None,
    q: Annotated[str | None, Query(description="Text in the key or the error.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> ObjectQuery:
    """The query of a list of objects. Raises UsageError for a state that does not exist."""
    return ObjectQuery(
        state=object_state(state) if state else None,
        search=(q or "").replace("\0", "").strip() or None,
        limit=clamped(limit),
        after=number(after) or 0,
    )


def clamped(limit: int) -> int:
    """A page's length in range."""
    return min(max(1, limit), MOST)


def number(after: str | None) -> int | None:
    """The place after which a page of numbered things begins. Raises UsageError."""
    if not after:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 20 and int(after) <= _GREATEST):
        raise UsageError("'after' is not the 'next' of a page", field="after")
    return int(after)


def _words(given: list[str] | None) -> list[str]:
    return [word.strip() for text in given or () for word in text.split(",") if word.strip()]


def _state(text: str) -> JobState:
    try:
        return JobState(text)
    except ValueError:
        known = ", ".join(JobState)
        raise UsageError(f"there is no state {text[:50]!r}: it is one of {known}", field="state") from None


def _instant(text: str | None, name: str) -> int | None:
    return read_instant(text, name) if text else None
