"""Purchase History: the receipts of a user in a half-open window, newest first, page by page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from zlib import crc32

from retrograph.sandbox.answers import Answer, BadRequest, Question, error, whole_number
from retrograph.sandbox.histories import first_before
from retrograph.sandbox.instants import to_millis
from retrograph.sandbox.population import Population

DEFAULT_LIMIT = 200
GREATEST_LIMIT = 500


def purchases(population: Population, question: Question) -> Answer:
    """`GET /v1/users/{user_id}/purchases`: a page of whole receipts and the cursor of the next one."""
    history = population.history(question.key)
    since, until = _instant(question, "since"), _instant(question, "until")
    limit = _limit(question)
    cursor = question.query.get("cursor")
    position = 0 if cursor is None else read_cursor(cursor, question.key)
    if history is None:
        return error(404, "no such user")
    start = max(position, 0 if until is None else first_before(history, until))
    end = len(history) if since is None else first_before(history, since)
    stop = min(start + limit, end)
    following = b'"%s"' % cursor_at(stop, question.key) if stop < end else b"null"
    return Answer(200, b'{"purchases":[%s],"next_cursor":%s}' % (history.slice(start, stop), following))


def _instant(question: Question, name: str) -> int | None:
    text = question.query.get(name)
    if text is None:
        return None
    try:
        return to_millis(text)
    except (ValueError, OverflowError) as problem:
        raise BadRequest(f"{name} must be an RFC 3339 instant, not {text[:40]!r}") from problem


def _limit(question: Question) -> int:
    limit = whole_number(question, "limit", DEFAULT_LIMIT)
    if not 1 <= limit <= GREATEST_LIMIT:
        raise BadRequest(f"limit must be between 1 and {GREATEST_LIMIT}, not {limit}")
    return limit


def cursor_at(position: int, user_id: str) -> bytes:
    """An opaque cursor for a position; it is of no use for another user."""
    return urlsafe_b64encode(b"%d.%d" % (position, _mark(position, user_id)))


def read_cursor(cursor: str, user_id: str) -> int:
    """The position of a cursor. Raises `BadRequest` for one that this user was not given."""
    try:
        position, mark = map(int, urlsafe_b64decode(cursor).split(b"."))
    except ValueError as problem:
        raise BadRequest("cursor is none that this service has given") from problem
    if mark != _mark(position, user_id):
        raise BadRequest("cursor is none that this service has given for this user")
    return position


def _mark(position: int, user_id: str) -> int:
    return crc32(f"{position}:{user_id}".encode())
