"""Failures as a file for spreadsheets: nothing in it is calculated, nothing is lost."""

import csv
import io
from collections.abc import AsyncIterator

import pytest

from retrograph.jobs.job import Failure
from retrograph.web.console.spreadsheet import COLUMNS, harmless, lines


def failure(number: int, item: str, message: str = "no luck") -> Failure:
    return Failure(
        number=number, item=item, attempts=2, error_class="ServiceFailed", message=message, first_at=0, last_at=1_000
    )


async def every(*failures: Failure) -> AsyncIterator[Failure]:
    for one in failures:
        yield one


async def rows(*failures: Failure) -> list[list[str]]:
    whole = b"".join([part async for part in lines(every(*failures))])
    return list(csv.reader(io.StringIO(whole.decode(), newline="")))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "＝1"])
def test_what_would_be_calculated_is_marked_as_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["hh-0212", "a=b", "", "user@example.com", "1,5"])
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


async def test_each_failure_is_a_row_whatever_it_holds() -> None:
    header, one, two = await rows(failure(1, 'a"b,c\nd', "<b>&"), failure(2, "=HYPERLINK()"))
    assert tuple(header) == COLUMNS
    assert one[:4] == ['a"b,c\nd', "ServiceFailed", "<b>&", "2"]
    assert two[0] == "'=HYPERLINK()"


async def test_many_failures_come_in_parts() -> None:
    parts = [part async for part in lines(every(*(failure(number, f"u{number}") for number in range(1_000))))]
    assert len(parts) == 6
    assert len(await rows(*(failure(number, f"u{number}") for number in range(1_000)))) == 1_001


async def test_none_is_a_header_alone() -> None:
    assert await rows() == [list(COLUMNS)]
