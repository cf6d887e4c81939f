"""What a chart is annotated with: when it happened, how long it lasted, and why."""

from retrograph.jobs.job import LogEvent, Run
from retrograph.jobs.slowing import RECOVERED, SLOWED
from retrograph.jobs.state import JobState
from retrograph.web.console.marks import MOST_MARKS, marks


def event(number: int, at: int, what: str, why: str | None = None, target: JobState | None = None) -> LogEvent:
    return LogEvent(number=number, at=at, who="ann", what=what, target=target, why=why)


def run(number: int, at: int, limit: float | None) -> Run:
    return Run(number=number, holder="h", who="ann", started_at=at, parameters={"rate_limit": limit})


def test_a_slowing_says_how_long_it_lasted_once_that_is_known() -> None:
    slowed = event(1, 10_000, SLOWED, "the shop order service pushed back: 5 instead of 10 a second")
    (lasting,) = marks([slowed], [], 0, 20_000)
    assert (lasting.text, lasting.tone, lasting.x) == (
        "The shop order service pushed back: 5 instead of 10 a second",
        "warn",
        "500.0",
    )
    (over,) = marks([event(2, 250_000, RECOVERED), slowed], [], 0, 300_000)
    assert over.text.endswith("a second, for 4 min")
    (ended, _) = marks([slowed, event(2, 50_000, "paused", "max-runtime", JobState.PAUSED)], [], 0, 60_000)
    assert ended.text.endswith(", for 40 s")


def test_pauses_stops_deaths_and_retries_are_told_in_the_order_in_which_they_happened() -> None:
    log = [
        event(5, 50, "resumed", "retry of failures"),
        event(4, 40, "resumed", "start"),
        event(3, 30, "lease ran out"),
        event(2, 20, "stop asked", "lunch"),
        event(1, 10, "paused", "runtime cap"),
        event(6, 60, "ids frozen", "10 ids"),
        event(7, 500, "paused"),
    ]
    assert [mark.text for mark in marks(log, [], 10, 100)] == [
        "Paused: runtime cap",
        "ann asked it to stop",
        "Its process died",
        "Resumed by ann",
        "Failures retried",
    ]


def test_another_rate_limit_is_told_where_its_run_began() -> None:
    found = marks([], [run(3, 30, None), run(2, 20, 20.0), run(1, 10, 20.0)], 0, 40)
    assert [(mark.at, mark.text) for mark in found] == [(30, "Rate limit changed from 20 to none")]


def test_only_the_latest_are_drawn() -> None:
    log = [event(number, number, "paused", f"{number}") for number in range(1, 40)]
    found = marks(log, [], 0, 100)
    assert (len(found), found[-1].text) == (MOST_MARKS, "Paused: 39")
