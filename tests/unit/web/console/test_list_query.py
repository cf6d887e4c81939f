"""The address of a list says all of it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from retrograph.errors import UsageError
from retrograph.jobs.state import JobState
from retrograph.web.console.list_query import SORTS, ListView, cleaned, read


def again(view: ListView) -> ListView:
    return read(parse_qs(urlsplit(view.address()).query), base=view.base, own_kind=view.own_kind)


@pytest.mark.parametrize(
    "view",
    [
        ListView(),
        ListView(search="a b&c=ü", states=(JobState.RUNNING, JobState.PAUSED), kind="identity", sort="-failed"),
        ListView(attention=True, dry_runs=True, archived=True, after="bWFyaw", sort="key"),
        ListView(base="/identity", own_kind="identity", search="x"),
        ListView(credentials="archive-reader", columns=("failed", "created")),
        ListView(columns=()),
    ],
)
def test_a_shared_address_shows_the_same(view: ListView) -> None:
    assert again(view) == view


def test_what_is_as_always_is_left_out_of_the_address() -> None:
    assert ListView().address() == "/jobs"
    assert ListView(sort="-created_at", search="x").address() == "/jobs?q=x"


def test_a_column_is_turned_round_by_the_second_click_and_begins_at_the_first_page() -> None:
    view = ListView(after="mark", search="x")
    once = view.sorted_by("failed")
    assert (once.sort, once.after, once.search) == ("-failed", None, "x")
    assert (once.direction("failed"), once.direction("key")) == ("descending", None)
    assert once.sorted_by("failed").sort == "failed"
    assert view.sorted_by("key").sort == "key"


def test_the_store_is_asked_for_the_same() -> None:
    query = read({"q": [" beta "], "state": ["running,paused"], "attention": ["1"]}, own_kind="purchases").query()
    assert (query.search, query.kind, query.needs_attention, query.dry_run) == ("beta", "purchases", True, None)
    assert query.states == {JobState.RUNNING, JobState.PAUSED}


def test_the_kind_of_an_address_of_its_own_cannot_be_changed() -> None:
    assert read({"kind": ["purchases"]}, base="/identity", own_kind="identity").query().kind == "identity"


@pytest.mark.parametrize("given", [{"state": ["flying"]}, {"sort": ["secret"]}, {"sort": ["--key"]}])
def test_a_state_or_column_that_there_is_not_is_refused(given: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError):
        read(given)


@pytest.mark.parametrize("column", SORTS)
def test_the_store_sorts_by_every_column_that_is_offered(column: str) -> None:
    from retrograph.jobs.sql.listing import SORTS as STORED

    assert column in STORED


def test_what_no_database_can_hold_is_left_out() -> None:
    assert cleaned({"kind": ["\0"], "id": ["a\0b", "c"]}) == {"kind": [""], "id": ["ab", "c"]}
    assert read(cleaned({"kind": ["\0"]})).kind is None
