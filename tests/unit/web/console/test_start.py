"""Starting from a form: what is typed is checked field by field and kept, and what is foretold is what happens."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from markupsafe import escape

from retrograph.config import Settings, Url
from retrograph.config.identity import UsersSettings
from retrograph.config.queue import QueueSettings
from retrograph.errors import UsageError
from retrograph.jobs.definitions import DEFINITIONS
from retrograph.jobs.job import Job
from retrograph.jobs.queries import JobQuery
from retrograph.jobs.state import JobState
from retrograph.web.console import start_form
from retrograph.web.console.start_kinds import KINDS
from retrograph.wiring.file_fields import FILE_FIELDS
from tests.unit.jobs.engine import until
from tests.unit.web.console.pages import Pages, opened


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    async with opened(tmp_path) as found:
        yield found


async def send(pages: Pages, kind: str = "purchases", **fields: str) -> httpx2.Response:
    given = {"users": "paste", "action": "start", "mode": "full", "retry_failed_before_cursor": "on", **fields}
    return await pages.client.post(f"/start/{kind}", data=given)


async def send_while_time_passes(pages: Pages, **fields: str) -> httpx2.Response:
    """A start waits until it has seen the lease of another run renewed."""
    asking = asyncio.create_task(send(pages, **fields))
    while not asking.done():
        pages.world.clock.advance(1.0)
        await asyncio.sleep(0.005)
    return asking.result()


async def started(pages: Pages, answer: httpx2.Response) -> Job:
    assert answer.status_code == 303, answer.text
    return await pages.world.service.show(answer.headers["location"].removeprefix("/jobs/"))


async def complete(pages: Pages, key: str) -> None:
    for _ in range(20_000):
        if (await pages.world.service.show(key)).state is JobState.SUCCEEDED:
            return
        await asyncio.sleep(0.0005)
    raise AssertionError(f"{key} was never complete")


@pytest.mark.parametrize("kind", ["purchases", "identity", "events"])
async def test_each_kind_has_a_form_made_of_the_definitions(pages: Pages, kind: str) -> None:
    page = await pages.text(f"/start/{kind}")
    for name, known in DEFINITIONS.items():
        shown = f'name="{name}"' in page
        fits = kind == "purchases" or not known.windowed_only
        assert shown == (fits and name not in ("dry_run", "executor")), name
        assert known.type != "number" or not shown or escape(KINDS[kind].said(known.help)) in page
    assert all((f'name="{name}"' in page) == (kind == "events") for name in FILE_FIELDS if name != "events")
    assert "<script>" not in page
    assert " style=" not in page


async def test_where_a_queue_is_configured_a_job_may_be_sent_to_workers(tmp_path: Path, pages: Pages) -> None:
    (tmp_path / "with").mkdir()
    sends = Settings(queue=QueueSettings(url="http://127.0.0.1:9324/000000000000/bulk"))
    async with opened(tmp_path / "with", sends) as trial:
        page = await trial.text("/start/purchases")
        assert '<option value="" selected>As the job has it' in page and '<option value="queue">' in page
        assert 'name="executor"' not in await trial.text("/start/identity")
        job = await started(trial, await send(trial, ids="ann", executor=""))
        assert job.parameters.executor == "inline"
    refused = await send(pages, ids="ann", executor="queue")
    assert refused.status_code == 422
    assert 'id="purchases-executor-problem"' in refused.text


async def test_without_a_users_table_nothing_is_offered_and_it_is_said_what_to_configure(tmp_path: Path) -> None:
    button = '<button class="button primary" name="action" value="start"'
    (tmp_path / "without").mkdir()
    (tmp_path / "with").mkdir()
    async with opened(tmp_path / "without") as pages:
        for path in ("/start/identity", "/identity"):
            page = await pages.text(path)
            assert "RETROGRAPH_USERS_URL" in page
            assert f"{button} disabled" in page
        assert "RETROGRAPH_USERS_URL" not in await pages.text("/start/purchases")
    with_table = Settings(users=UsersSettings(url=Url("sqlite:///users.db")))
    async with opened(tmp_path / "with", with_table) as pages:
        page = await pages.text("/start/identity")
        assert "RETROGRAPH_USERS_URL" not in page
        assert f"{button}>" in page


async def test_the_end_of_the_sample_is_proposed_where_this_server_serves_it(tmp_path: Path, pages: Pages) -> None:
    proposed = 'name="as_of" value="2018-01-02"'
    assert proposed not in await pages.text("/start/purchases")
    (tmp_path / "sample").mkdir()
    async with opened(tmp_path / "sample", window_ends="2018-01-02") as trial:
        assert proposed in await trial.text("/start/purchases")
        assert proposed in await trial.text("/purchases")
        assert "2018-01-02" not in await trial.text("/start/identity")
        again = await send(trial, ids="", as_of="2018-06-01")
        assert 'name="as_of" value="2018-06-01"' in again.text


async def test_a_wrong_key_is_told_once(pages: Pages) -> None:
    answer = await send(pages, ids="ann", key="no spaces!")
    assert answer.text.count("A job&#39;s key has 1-128") == 1


async def test_everything_that_is_wrong_is_told_at_once_and_what_was_typed_stays(pages: Pages) -> None:
    answer = await send(pages, ids="<b>ann</b>", key="no spaces!", rate_limit="fast", as_of="yesterday", sleep_ms="5")
    assert answer.status_code == 422
    for name in ("key", "rate_limit", "as_of"):
        assert f'id="purchases-{name}-problem"' in answer.text, name
    assert "Must be a number, not &#39;fast&#39;." in answer.text
    assert "&lt;b&gt;ann&lt;/b&gt;" in answer.text
    assert 'value="fast"' in answer.text
    assert (await pages.world.service.tally()).total == 0


async def test_a_start_goes_to_the_page_of_its_job(pages: Pages) -> None:
    job = await started(pages, await send(pages, ids="ann\nbob", key="cohort", batch_size="99999"))
    await until(lambda: pages.world.load.finished == 1)
    assert (job.key, job.total, job.parameters.batch_size) == ("cohort", 2, 5_000)
    assert pages.world.load.done == {"ann": 1, "bob": 1}
    assert "batch_size was 99999; it is 5000 now" in await pages.text(f"/jobs/{job.job_id}/spec")


async def test_a_dry_run_has_the_key_that_was_typed_as_at_every_other_door(pages: Pages) -> None:
    job = await started(pages, await send(pages, ids="ann", key="cohort", action="dry-run"))
    assert (job.key, job.spec.dry_run) == ("cohort", True)
    page = await pages.text(f"/start/purchases?like={job.job_id}")
    assert 'name="key" value="cohort"' in page
    table = await started(pages, await send(pages, "identity", action="dry-run"))
    assert (table.key, table.kind) == ("table:dry-run", "identity")


async def test_a_key_that_runs_is_said_to_run_and_linked(pages: Pages) -> None:
    pages.world.load.gates["ann"] = asyncio.Event()
    job = await started(pages, await send(pages, ids="ann", key="cohort"))
    answer = await send_while_time_passes(pages, ids="ann", key="cohort")
    assert answer.status_code == 409
    assert "running" in answer.text
    assert f'<a href="/jobs/{job.job_id}">Look at' in answer.text
    pages.world.load.gates["ann"].set()


async def test_another_job_of_its_kind_that_runs_is_linked_as_well(pages: Pages) -> None:
    pages.world.load.gates["ann"] = asyncio.Event()
    job = await started(pages, await send(pages, ids="ann", key="cohort"))
    answer = await send_while_time_passes(pages, ids="bob", key="other")
    assert answer.status_code == 409
    assert "only one of kind purchases runs at a time" in answer.text
    assert f'href="/jobs/{job.job_id}">Look at <bdi>cohort</bdi>' in answer.text
    assert [job.key for job in (await pages.world.service.list(JobQuery())).jobs] == ["cohort"]
    pages.world.load.gates["ann"].set()


async def test_a_key_of_other_users_is_a_mistake_that_is_told(pages: Pages) -> None:
    await started(pages, await send(pages, ids="ann", key="cohort"))
    answer = await send(pages, ids="bob", key="cohort")
    assert answer.status_code == 422
    assert "exists with another source" in answer.text


async def test_a_key_alone_goes_on_with_its_own_users(pages: Pages) -> None:
    await started(pages, await send(pages, ids="ann", key="cohort"))
    await complete(pages, "cohort")
    answer = await send(pages, key="cohort")
    assert answer.status_code == 409
    assert "Job cohort is complete: load it again with Reset cursor" in answer.text


async def test_no_user_is_a_mistake_at_its_field(pages: Pages) -> None:
    for users, field in (("paste", "ids"), ("upload", "file"), ("s3", "s3_uri")):
        answer = await send(pages, users=users)
        assert answer.status_code == 422
        assert f'id="purchases-{field}-problem"' in answer.text, users


async def test_an_uploaded_file_is_kept_while_the_rest_is_put_right(pages: Pages) -> None:
    answer = await pages.client.post(
        "/start/purchases",
        data={"users": "upload", "action": "start", "rate_limit": "fast"},
        files={"file": ("cohort.csv", b"user_id,x\nhh-1,1\nhh-2,2\nhh-1,3\n\n", "text/csv")},
    )
    assert answer.status_code == 422
    assert "Uploaded already: <bdi>cohort.csv: 2 ids (1 repeated" in answer.text
    assert 'name="upload_id" value="' in answer.text


async def test_the_outlook_is_of_the_key_that_is_typed(pages: Pages) -> None:
    job = await pages.world.run(key="cohort")
    part = await pages.text("/start/purchases/outlook?key=cohort")
    assert "Nothing is left to do: it is complete." in part
    assert f'href="/jobs/{job.job_id}"' in part
    assert "<html" not in part
    assert "There is no job of this key yet" in await pages.text("/start/purchases/outlook?key=other")
    assert "has 1-128 of the characters" in await pages.text("/start/purchases/outlook?key=no%20spaces")


async def test_the_outlook_of_another_kinds_key_offers_nothing(pages: Pages) -> None:
    await pages.world.run(["a"], key="cohort")
    part = await pages.text("/start/identity/outlook?key=cohort")
    assert "This key stands for a job of kind purchases." in part
    assert "Nothing is left to do" not in part and "Goes on" not in part


async def test_a_dry_run_is_made_real_with_the_same_users_window_and_pace(pages: Pages) -> None:
    dry = await pages.world.run(["b", "a"], key="cohort:dry-run", dry_run=True, batch_size=50, lookback_days=30)
    page = await pages.text(f"/start/purchases?like={dry.job_id}")
    assert "Those of cohort:dry-run" in page
    assert 'value="cohort"' in page
    assert 'name="batch_size" value="50"' in page
    assert 'name="lookback_days" value="30"' in page
    real = await started(pages, await send(pages, users="same", like=dry.job_id, key="cohort", lookback_days="30"))
    await until(lambda: pages.world.load.finished == 1)
    assert (real.spec.digest, real.total, real.spec.dry_run) == (dry.spec.digest, 2, False)
    assert pages.world.load.done == {"a": 1, "b": 1}


def test_a_cancelled_job_is_offered_to_begin_anew() -> None:
    canceled = start_form.values_like(_job(JobState.CANCELED))
    assert canceled["reset_cursor"] == "on"
    assert "reset_cursor" not in start_form.values_like(_job(JobState.STOPPED))


def _job(state: JobState) -> Job:
    from retrograph.jobs.job import Spec

    return Job(job_id="j", graph_id="g", key="k", kind="purchases", state=state, spec=Spec(as_of=0))


def test_numbers_may_be_typed_as_they_are_shown() -> None:
    read = start_form.typed(KINDS["purchases"], {"max_runtime_ms": " 900,000 ", "rate_limit": "2.5"})
    assert read.parameters["max_runtime_ms"] == "900000"
    assert read.problems == {}


def test_boxes_that_are_not_ticked_say_no() -> None:
    read = start_form.typed(KINDS["purchases"], {"reset_cursor": "on"})
    assert (read.parameters["reset_cursor"], read.parameters["retry_failed_before_cursor"]) == (True, False)


def test_ids_may_be_pasted_in_any_of_the_usual_ways() -> None:
    assert start_form.pasted("a\nb, c;d\r\n\te ") == ["a", "b", "c", "d", "e"]


async def test_a_key_alone_begins_anew_with_its_own_users(pages: Pages) -> None:
    await started(pages, await send(pages, ids="ann", key="cohort"))
    await until(lambda: pages.world.load.finished == 1)
    await pages.world.run(["other"], key="cohort", dry_run=True)
    job = await started(pages, await send(pages, key="cohort", reset_cursor="on"))
    await until(lambda: pages.world.load.finished == 2)
    assert (job.key, job.total, pages.world.load.done) == ("cohort", 1, {"ann": 2})


async def test_a_new_key_needs_users(pages: Pages) -> None:
    answer = await send(pages, key="new")
    assert answer.status_code == 422
    assert 'id="purchases-ids-problem"' in answer.text


async def test_very_many_ids_may_be_pasted(pages: Pages) -> None:
    ids = "\n".join(f"user-{number:07}" for number in range(120_000))
    answer = await pages.client.post(
        "/start/purchases", data={"users": "paste", "ids": ids, "rate_limit": "fast"}, files={"file": ("", b"")}
    )
    assert answer.status_code == 422
    assert "user-0119999" in answer.text


@pytest.mark.parametrize("like", ["nobody", "%00", "../../etc", "x" * 4_000])
async def test_a_form_like_a_job_that_is_not_there_is_not_there(pages: Pages, like: str) -> None:
    with pytest.raises(UsageError):
        await pages.client.get(f"/start/purchases?like={like}")
