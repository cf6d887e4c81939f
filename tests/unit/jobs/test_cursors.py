"""A cursor as people read it."""

import pytest

from retrograph.jobs.cursors import cursor_words
from retrograph.jobs.job import Job, Spec
from retrograph.jobs.state import JobState


@pytest.mark.parametrize(
    ("cursor", "words"),
    [
        ('["2026-11-20T12:00:00.000+00:00","2024-03-01T10:00:00.000+00:00",1420311]', "1420311, created 2024-03-01"),
        ('["2026-11-20T12:00:00.000+00:00",null,"7f2c"]', "7f2c"),
        ("hh-1391", "hh-1391"),
        ("[1,2]", "[1,2]"),
        ("160", "160"),
        (None, None),
    ],
)
def test_a_cursor_is_said_as_short_as_it_can_be(cursor: str | None, words: str | None) -> None:
    assert cursor_words(job_at(cursor)) == words


def test_a_list_of_ids_stands_where_it_has_scanned_to() -> None:
    assert cursor_words(job_at("160", list_id="list-1")) is None


def job_at(cursor: str | None, list_id: str | None = None) -> Job:
    return Job(
        job_id="6f1e",
        graph_id="graph-1",
        key="k",
        kind="identity",
        state=JobState.RUNNING,
        spec=Spec(as_of=0),
        cursor=cursor,
        list_id=list_id,
    )
