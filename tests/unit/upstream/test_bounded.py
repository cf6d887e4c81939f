"""Calls side by side: never more than the limit, results in order, and one error instead of a group."""

import asyncio
from functools import partial

import pytest

from retrograph.errors import ConfigurationError, ItemError, ServiceFailed
from retrograph.upstream.bounded import bounded, first_error


@pytest.mark.parametrize("limit", [1, 3])
async def test_results_keep_their_order_and_the_limit_holds(limit: int) -> None:
    under_way, most = 0, 0

    async def call(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(10 - number):
            await asyncio.sleep(0)
        under_way -= 1
        return number

    assert await bounded([partial(call, number) for number in range(10)], limit) == list(range(10))
    assert most == limit


async def test_the_first_failure_ends_the_rest_and_comes_alone() -> None:
    ended = asyncio.Event()

    async def fail() -> None:
        raise ServiceFailed("no", dependency="products")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ServiceFailed, match="no"):
        await bounded([wait, fail], 2)
    assert ended.is_set()


def test_what_ends_a_run_is_told_before_what_fails_an_item() -> None:
    item, run = ItemError("one item"), ConfigurationError("the run")
    nested = BaseExceptionGroup("outer", [item, BaseExceptionGroup("inner", [item, run])])
    assert first_error(nested) is run
    assert first_error(BaseExceptionGroup("outer", [item])) is item
