"""A start that is refused because another job of its kind runs changes nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrograph.errors import ConfigurationError
from retrograph.jobs.kind import Resolved
from retrograph.service import JobQuery, StartAnswer
from tests.unit.jobs.engine import World, users


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        yield opened


async def test_a_new_job_that_may_not_run_now_is_not_kept(world: World) -> None:
    running = await world.start(key="first")
    world.service.live.watching(running.job, world.notes)
    assert (await world.start(users(3), key="second")).reason == "other-job-running"
    assert [job.key for job in (await world.service.list(JobQuery())).jobs] == ["first"]


async def test_a_new_job_whose_lane_is_taken_while_its_ids_are_frozen_is_not_kept(world: World) -> None:
    started: list[StartAnswer] = []

    async def ids() -> AsyncIterator[str]:
        started.append(await world.start(key="first"))
        world.service.live.watching(started[0].job, world.notes)
        yield "user-1"

    slow = Resolved(digest="slow", ids=ids())
    assert (await world.start(slow, key="second")).reason == "other-job-running"
    assert [job.key for job in (await world.service.list(JobQuery())).jobs] == ["first"]


async def test_a_job_that_stands_is_kept_where_its_start_is_refused(world: World) -> None:
    world.load.script["user-1"] = ConfigurationError("no")
    stands = await world.run(users(3), key="second")
    world.load.script.clear()
    running = await world.start(key="first")
    world.service.live.watching(running.job, world.notes)
    assert (await world.start(users(3), key="second")).reason == "other-job-running"
    assert (await world.service.show("second")).job_id == stands.job_id
