"""What a start would do is said before it is done, and what is said is what then happens."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrograph.errors import OtherWork, ServiceFailed
from retrograph.jobs.outlook import Outlook, outlook
from retrograph.jobs.state import JobState
from tests.unit.jobs.engine import World, users


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        yield opened


async def told(world: World, key: str = "cohort", *, kind: str = "purchases") -> Outlook:
    found = await world.store.find(world.graph, key)
    return outlook(found, kind, grows=kind == "identity")


async def test_a_new_key_begins_at_the_first(world: World) -> None:
    said = await told(world)
    assert said.cursor == "There is no job of this key yet: a start makes it."
    assert said.modes["full"] == said.modes["cursor"] == "Begins with the first of the users."
    assert said.modes["failed"].startswith("Makes the job and stops before the first of the users")
    job = await world.run(key="cohort", mode="failed")
    assert (job.state, job.counts.scanned) == (JobState.STOPPED, 0)


async def test_a_complete_list_has_nothing_left_but_a_reset(world: World) -> None:
    await world.run(key="cohort")
    said = await told(world)
    assert said.cursor == "The cursor is 10, at the end: 10 of 10 users are scanned."
    assert said.modes["full"] == "Nothing is left to do: it is complete. Reset cursor loads it again."
    assert (await world.start(key="cohort")).reason == "complete"
    assert (await world.run(key="cohort", reset_cursor=True)).counts.processed == 10


async def test_failures_are_retried_as_it_was_said(world: World) -> None:
    world.load.script["user-3"] = ServiceFailed("no luck", dependency="products")
    await world.run(key="cohort")
    said = await told(world)
    assert said.modes["full"] == "Retries the 1 user that failed; nothing else is left."
    assert said.modes["failed"] == "Retries the 1 user that failed."
    assert said.modes["cursor"] == "Nothing is left to do after the cursor: it is complete."
    assert said.retry_failed == "1 user failed, and would be tried again before the walk."
    world.load.script.clear()
    world.load.calls.clear()
    assert (await world.run(key="cohort")).counts.failed == 0
    assert world.load.calls == ["user-3"]


async def test_one_that_runs_is_left_alone(world: World) -> None:
    answer = await world.start(key="cohort")
    said = await told(world)
    assert said.running
    assert set(said.modes.values()) == {"It is running: a start changes nothing, and says so."}
    await world.service.run(answer, once=True)


async def test_one_that_was_cancelled_only_starts_anew(world: World) -> None:
    job = await world.store.get((await world.run(users(2), key="cohort", mode="full")).job_id)
    assert job.state is JobState.SUCCEEDED
    world.load.during = lambda key: world.load.down.add("products")
    world.load.script["user-2"] = ServiceFailed("down", dependency="products")
    await world.run(users(2), key="other")
    await world.service.cancel("other", "ann")
    said = await told(world, "other")
    assert said.needs_reset
    assert "only starts anew" in said.modes["full"]


async def test_a_table_that_grows_is_walked_on(world: World) -> None:
    await world.run(10, kind="identity", key="table")
    assert (await told(world, "table", kind="identity")).modes["full"] == (
        "Walks the users that are new since the last run."
    )
    assert (await world.run(12, kind="identity", key="table")).counts.processed == 12


async def test_a_key_of_another_kind_promises_nothing(world: World) -> None:
    await world.run(10, kind="identity", key="table")
    said = await told(world, "table")
    assert said.refused == "This key stands for a job of kind identity."
    assert {*said.modes.values(), said.reset} == {"It is of kind identity: give another key."}
    with pytest.raises(OtherWork, match="is of kind identity"):
        await world.start(key="table", reset_cursor=True)


async def test_while_another_job_of_the_kind_runs_it_is_said_that_a_start_is_refused(world: World) -> None:
    running = await world.start(key="cohort")
    said = await world.service.outlook("purchases", "other")
    assert said.refused is not None and said.refused.startswith("Job cohort is running, and only one of kind purchases")
    assert (await world.service.outlook("purchases", "cohort")).refused is None
    await world.service.run(running, once=True)
    assert (await world.service.outlook("purchases", "other")).refused is None
