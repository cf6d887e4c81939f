"""Every error of ours has its status, and says no more than what people may know."""

import json
from collections.abc import Iterator

import pytest

from retrograph import errors
from retrograph.jobs.state import NotPossible
from retrograph.web.api import problems

OF_ITEMS = {
    errors.ItemError,
    errors.ServiceFailed,
    errors.MalformedAnswer,
    errors.UndecodableEvent,
    errors.ObjectFailed,
    errors.WriteFailed,
}
"""Those that are charged to an item: no request meets them."""


def _kinds(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


def test_every_error_of_ours_has_a_status_that_fits() -> None:
    unforeseen = {
        kind
        for kind in _kinds(errors.RetrographError)
        if kind.__module__ == errors.__name__
        and next(status for known, status, _ in problems.STATUSES if issubclass(kind, known)) == 500
    }
    assert unforeseen - OF_ITEMS == {errors.RetrographError}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.UsageError("no", field="kind"), 400, "INVALID"),
        (errors.NotPermitted("no"), 403, "NOT_PERMITTED"),
        (errors.NotFound("no"), 404, "NOT_FOUND"),
        (errors.OtherWork("no"), 409, "OTHER_WORK"),
        (NotPossible("no"), 409, "NOT_POSSIBLE"),
        (errors.ConfigurationError("no"), 409, "NOT_CONFIGURED"),
        (errors.MissingExtra("s3", "aws"), 409, "NOT_INSTALLED"),
        (errors.JobRefused("running", "no"), 409, "REFUSED"),
        (errors.TooLarge("no"), 413, "TOO_LARGE"),
        (errors.DependencyDown("store", "no"), 503, "DEPENDENCY_DOWN"),
    ],
)
def test_an_error_becomes_a_document(error: errors.RetrographError, status: int, code: str) -> None:
    answer = problems.of_error(error)
    document = json.loads(bytes(answer.body))
    assert (answer.status_code, answer.media_type) == (status, "application/problem+json")
    assert (document["status"], document["code"], document["detail"]) == (status, code, str(error))
    assert document.get("field") == getattr(error, "field", None)
    assert ("retry-after" in answer.headers) == (status == 503)


def test_what_was_sent_is_not_sent_back_whole() -> None:
    document = json.loads(bytes(problems.of_error(errors.UsageError("x" * 1_000_000)).body))
    assert document["detail"] == "x" * 3_999 + "…"
