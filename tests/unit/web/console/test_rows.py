"""A job as a row, and what the templates make of hostile text."""

import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from retrograph.jobs.job import Counts, Failure, Spec
from retrograph.jobs.queries import Glance
from retrograph.jobs.state import JobState
from retrograph.jobs.watchdog import Patience
from retrograph.web.console.columns import shown
from retrograph.web.console.list_query import ListView
from retrograph.web.console.rendering import HERE, Frame, rendered, templates
from retrograph.web.console.rows import Row, about, last_error, row
from tests.unit.web.console.jobs import NOW, job_of

HOSTILE = "<script>alert(1)</script>\u202e\" onload='x'"


class Marks(HTMLParser):
    """Which elements and attributes a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


def failure(message: str) -> Failure:
    return Failure(
        number=1, item="u", attempts=5, error_class="ServiceFailed", message=message, first_at=NOW, last_at=NOW
    )


def hostile_row() -> Row:
    job = job_of(
        cursor=HOSTILE,
        created_by=HOSTILE,
        spec=Spec(as_of=NOW, source={"file": HOSTILE, "ids": 3}),
        counts=Counts(processed=1, failed=2),
        total=3,
    )
    return row(job, Glance(failure=failure(HOSTILE)), NOW, Patience())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"file": "/data/team.csv", "ids": 312}, "purchases · 312 ids from team.csv"),
        ({"object": "s3://cohorts/2026/beta.csv", "ids": 1}, "purchases · 1 id from beta.csv"),
        ({"inline": 12}, "purchases · 12 ids"),
        ({"graph": "users"}, "purchases · every user of the graph"),
        ({"table": "postgresql://db/accounts#users"}, "purchases · postgresql://db/accounts#users"),
        ({}, "purchases"),
    ],
)
def test_a_row_says_where_its_items_come_from(source: dict[str, object], said: str) -> None:
    assert about(job_of(spec=Spec(as_of=NOW, source=source))) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "products: /v1/products:batchGet failed 5 times, at last: it answered 503 (X-Request-Id 0af3)",
            "it answered 503 (products after 5 tries)",
        ),
        ("shop-orders: /user/ann/transaction was answered with 422", "was answered with 422 (shop-orders)"),
        (
            "products: the answer to /v1/products:batchGet is malformed: it ends too early",
            "its answer is malformed: it ends too early (products)",
        ),
        ("the graph refused the data: no", "the graph refused the data: no"),
    ],
)
def test_an_error_begins_with_its_cause(message: str, shown: str) -> None:
    assert last_error(job_of(), Glance(failure=failure(message))) == shown


def test_the_error_that_ended_a_run_outranks_the_latest_failure() -> None:
    glance = Glance(failure=failure("404 for an order"))
    assert last_error(job_of(message="resumed"), glance) == "404 for an order"
    assert last_error(job_of(JobState.FAILED, message="no such column"), glance) == "no such column"
    assert last_error(job_of(), Glance()) == ""


def a_hostile_row() -> str:
    values = {"rows": [hostile_row()], "shown": shown(ListView())}
    return rendered("jobs_rows.html", Frame(environment="stage", path="/jobs"), NOW, values)


def test_text_from_outside_is_escaped_and_turns_nothing_round() -> None:
    html = rendered(
        "jobs_rows.html",
        Frame(environment="stage", path="/jobs"),
        NOW,
        {"rows": [hostile_row()], "shown": shown(ListView())},
    )
    found = Marks()
    found.feed(html)
    assert "script" not in found.tags and "tr" in found.tags
    assert not [name for name in found.attributes if name.startswith("on")]
    assert "\u202e" not in html and "⟨U+202E⟩" in html


def test_zero_is_shown_and_a_failed_count_is_a_link() -> None:
    html = rendered(
        "jobs_rows.html",
        Frame(environment="stage", path="/jobs"),
        NOW,
        {"rows": [hostile_row()], "shown": shown(ListView())},
    )
    assert 'href="/jobs/6f1e/failures">2</a>' in html
    assert re.search(r'data-label="Skipped">0<', html)


def test_no_template_needs_what_the_content_security_policy_forbids() -> None:
    for path in sorted((HERE / "templates").glob("*.html")):
        text = path.read_text()
        assert not re.search(r"<[^>{]*\s(style|on\w+)=|<style|javascript:", text), path.name
        assert all('src="{{ static }}/' in tag for tag in re.findall(r"<script[^>]*>", text)), path.name


def test_every_template_can_be_read() -> None:
    for path in sorted((HERE / "templates").glob("*.html")):
        templates().get_template(path.name)


def test_production_is_marked_and_only_admins_get_controls() -> None:
    values = {"symbol": "icon-lock", "heading": "No", "text": "You may not.", "details": [], "links": []}
    admin = SimpleNamespace(email="ann@example.com", admin=True)
    other = SimpleNamespace(email="eve@example.com", admin=False)
    inside = rendered("state_page.html", Frame(environment="prod", path="/jobs", viewer=admin), NOW, values)
    outside = rendered("state_page.html", Frame(environment="stage", path="/jobs", viewer=other), NOW, values)
    assert 'class="environment production"' in inside and "data-events" in inside and 'href="/graph"' in inside
    assert "production" not in outside and "data-events" not in outside and 'href="/graph"' not in outside


def test_what_is_packaged_has_its_licence_beside_it() -> None:
    static = HERE / "static"
    carried = {path.parent.name for path in static.rglob("*") if path.suffix in (".woff2",) or ".min." in path.name}
    assert carried == {"fonts", "vendor"}
    for folder in carried:
        licences = list((static / folder).glob("*.LICENSE.txt"))
        assert licences and all(Path(licence).stat().st_size > 200 for licence in licences)


def test_a_job_over_files_says_where_they_lie() -> None:
    job = job_of(kind="events", spec=Spec(source={"uri": "s3://archive/2024/", "pattern": "*"}, as_of=0))
    assert about(job) == "events · s3://archive/2024/"
