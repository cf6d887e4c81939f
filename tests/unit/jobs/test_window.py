"""The cursor under concurrency: whatever order items end in, nothing is lost, skipped or done twice."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from retrograph.jobs.sql.rows import packed, unpacked
from retrograph.jobs.window import Slot, Window


def test_the_cursor_stops_below_the_lowest_item_that_is_not_done() -> None:
    window = Window()
    slots = [window.take(str(number)) for number in range(1, 6)]
    assert all(slots)
    for place in (1, 4, 2):
        window.finish(slots[place])  # type: ignore[arg-type]
    assert (window.cursor, window.above, window.span) == (None, ["2", "3", "5"], 5)
    window.finish(slots[0])  # type: ignore[arg-type]
    assert (window.cursor, window.above, window.span) == ("3", ["5"], 2)


class Saved:
    """What a checkpoint has kept."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.above: frozenset[str] = frozenset()
        self.items: set[int] = set()


def one_run(saved: Saved, total: int, steps: Iterable[tuple[str, int]]) -> None:
    """Items are taken, finished in any order and saved from time to time; then the process dies."""
    window, unsaved = Window(saved.cursor, saved.above), set[int]()
    under_way: list[tuple[int, Slot]] = []
    position = int(saved.cursor or 0)
    for step, choice in steps:
        if step == "take" and position < total:
            position += 1
            slot = window.take(str(position))
            if slot is not None:
                under_way.append((position, slot))
        elif step == "finish" and under_way:
            number, slot = under_way.pop(choice % len(under_way))
            assert number not in saved.items | unsaved, "done twice without need"
            window.finish(slot)
            unsaved.add(number)
        elif step == "save":
            saved.cursor, saved.above = window.cursor, unpacked(packed(window.above))
            saved.items |= unsaved
            unsaved = set()
            known = set(range(1, int(saved.cursor or 0) + 1)) | {int(cursor) for cursor in saved.above}
            assert saved.items == known


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "take", "finish", "finish", "save"]), st.integers(0, 30)), max_size=60
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=4), st.integers(min_value=1, max_value=25))
def test_items_survive_any_order_of_completion_and_any_crash(runs: list[list[tuple[str, int]]], total: int) -> None:
    saved = Saved()
    for steps in runs:
        one_run(saved, total, steps)
    one_run(saved, total, [("take", 0)] * total + [("finish", 7)] * total + [("save", 0)])
    assert saved.items == set(range(1, total + 1))
    assert (saved.cursor, saved.above) == (str(total), frozenset())


@given(st.sets(st.one_of(st.integers(0, 500).map(str), st.text(max_size=5))))
def test_saved_cursors_come_back_as_they_were(cursors: set[str]) -> None:
    assert unpacked(packed(sorted(cursors))) == cursors


def test_thousands_of_neighbours_are_saved_in_a_few_bytes() -> None:
    text = packed([str(number) for number in range(5, 10_000)])
    assert text is not None
    assert len(text) < 50
