"""When loads of opened gates that have failed are tried again."""

from retrograph.enrolment.insisting import LONGEST_WAIT_MS, MOST_ATTEMPTS, retry_at
from retrograph.jobs.job import Failure

FIRST = 60_000


def failed(attempts: int, at: int = 1_000) -> Failure:
    return Failure(
        number=1, item="ann", attempts=attempts, error_class="ServiceFailed", message="", first_at=0, last_at=at
    )


def test_the_wait_doubles_up_to_an_hour() -> None:
    waits = [retry_at([failed(attempts)], FIRST) for attempts in range(1, 9)]
    assert waits == [1_000 + FIRST * factor for factor in (1, 2, 4, 8, 16, 32)] + [1_000 + LONGEST_WAIT_MS] * 2


def test_the_first_one_that_is_due_decides() -> None:
    assert retry_at([failed(5), failed(1, at=90_000), failed(2)], FIRST) == 121_000


def test_what_has_failed_too_often_waits_for_an_operator() -> None:
    assert retry_at([failed(MOST_ATTEMPTS)], FIRST) is None
    assert retry_at([failed(MOST_ATTEMPTS), failed(1)], FIRST) == 1_000 + FIRST
    assert retry_at([], FIRST) is None
