"""Progress where there is no terminal: lines on standard error, never on standard output."""

from dataclasses import replace

import pytest

from retrograph.cli.display import Display
from retrograph.jobs.job import Counts
from retrograph.jobs.progress import Progress


def looked(scanned: int) -> Progress:
    return Progress(
        key="k",
        phase="processing",
        counts=Counts(processed=scanned),
        total=75_000,
        cursor=str(scanned),
        rate=10.0,
        elapsed_ms=scanned * 100,
    )


def test_a_line_comes_every_thousand_items(capsys: pytest.CaptureFixture[str]) -> None:
    with Display() as display:
        for scanned in range(0, 3_001, 250):
            display.progressed(looked(scanned))
    streams = capsys.readouterr()
    assert streams.out == ""
    assert [line.partition("/")[0] for line in streams.err.splitlines()] == ["Sent 1000", "Sent 2000", "Sent 3000"]


def test_the_last_look_is_told_even_if_no_line_was_due(capsys: pytest.CaptureFixture[str]) -> None:
    with Display() as display:
        display.progressed(looked(0))
        display.progressed(looked(5_000 - 4_700))
    assert capsys.readouterr().err.splitlines() == ["Sent 300/75000 (0.4%), elapsed 30s, 10.0/s"]


def test_a_pace_of_nothing_is_not_told_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Display() as display:
        display.progressed(replace(looked(300), rate=0.01))
    assert capsys.readouterr().err.splitlines() == ["Sent 300/75000 (0.4%), elapsed 30s"]


def test_what_a_job_says_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    Display().said("waiting for a lease")
    assert capsys.readouterr().err == "waiting for a lease\n"
