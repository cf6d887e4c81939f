"""Requests as they travel: the document of the contract, and what is refused of others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from retrograph.queue.message import LoadRequest, Undecodable, decode, encode, of_job, request_id

CONTRACT = {
    "event_type": "user_load_request",
    "user_id": "hh-0012",
    "reason": "batch_backfill",
    "requested_at": "2018-01-02T00:00:00Z",
    "lookback_days": 365,
    "request_id": "backfill-1",
    "priority": "low",
}


def of(**changes: object) -> str:
    return json.dumps(CONTRACT | changes)


def test_a_message_of_the_contract_is_understood() -> None:
    assert decode(of()) == LoadRequest(
        user_id="hh-0012",
        reason="batch_backfill",
        requested_at="2018-01-02T00:00:00Z",
        lookback_days=365,
        request_id="backfill-1",
    )


def test_unknown_fields_are_ignored_and_ids_are_cleaned() -> None:
    request = decode(of(user_id=" hh-0012 ", colour="red", priority="high", reason="enrollment"))
    assert (request.user_id, request.priority, request.attempt, request.graph_id) == ("hh-0012", "high", 1, None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        of(event_type="other"),
        of(user_id=""),
        of(user_id="a\u0000b"),
        of(user_id=7),
        of(reason="because"),
        of(priority="urgent"),
        of(lookback_days=0),
        of(lookback_days=3651),
        of(as_of="yesterday"),
        of(as_of="1970-01-01T00:00:00Z"),
        of(attempt="first"),
        json.dumps({name: value for name, value in CONTRACT.items() if name != "request_id"}),
    ],
)
def test_what_is_no_request_says_why_without_its_text(body: str) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(body)
    assert str(refused.value)
    assert "hh-0012" not in str(refused.value)


def request(user_id: str = "hh-1", attempt: int = 1, job_id: str = "job-1") -> LoadRequest:
    return of_job(
        job_id=job_id,
        job_key="load",
        graph_id="graph-1",
        user_id=user_id,
        attempt=attempt,
        as_of=1_514_851_200_000,
        lookback_days=365,
        now=1_514_851_200_001,
    )


def test_a_jobs_request_has_every_field_of_the_contract() -> None:
    document = json.loads(encode(request()))
    assert CONTRACT.keys() <= document.keys()
    assert document["as_of"] == "2018-01-02T00:00:00.000Z"
    assert document["request_id"].startswith("backfill-")


@given(user_id=some.text(some.characters(categories=("L", "N")), min_size=1, max_size=40), attempt=some.integers(1, 99))
def test_what_is_sent_is_what_arrives(user_id: str, attempt: int) -> None:
    sent = request(decode(of(user_id=user_id)).user_id, attempt)
    assert decode(encode(sent)) == sent


def test_the_id_tells_jobs_users_and_attempts_apart_and_nothing_else() -> None:
    ids = {
        request_id(job, user, attempt) for job in ("job-1", "job-2") for user in ("a", "b") for attempt in (1, 2, 11)
    }
    assert len(ids) == 12
    assert request("a", 2).request_id == request_id("job-1", "a", 2)
