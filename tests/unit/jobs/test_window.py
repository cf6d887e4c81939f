"""The cursor under concurrency: whatever order items end in, nothing is lost, skipped or done twice."""

from hypothesis import given
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


@given(st.data(), st.integers(min_value=1, max_value=60))
def test_items_survive_any_order_of_completion_and_any_crash(data: st.DataObject, total: int) -> None:
    """A model of runs that crash: only what a checkpoint saved is known to the next one."""
    cursor: str | None = None
    above: frozenset[str] = frozenset()
    saved: set[int] = set()
    for _ in range(200):
        window, unsaved = Window(cursor, above), set[int]()
        under_way: list[tuple[int, Slot]] = []
        position = int(cursor or 0)
        for _ in range(data.draw(st.integers(0, 30), label="steps")):
            action = data.draw(st.sampled_from(["take", "finish", "save"]))
            if action == "take" and position < total:
                position += 1
                slot = window.take(str(position))
                if slot is not None:
                    under_way.append((position, slot))
            elif action == "finish" and under_way:
                number, slot = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
                assert number not in saved | unsaved, "done twice without need"
                window.finish(slot)
                unsaved.add(number)
            elif action == "save":
                cursor, above = window.cursor, unpacked(packed(window.above))
                saved |= unsaved
                unsaved = set()
                assert saved == set(range(1, int(cursor or 0) + 1)) | {int(known) for known in above}
        if len(saved) == total:
            break
    else:
        saved |= unsaved
    assert saved <= set(range(1, total + 1))


@given(st.sets(st.one_of(st.integers(0, 500).map(str), st.text(max_size=5))))
def test_saved_cursors_come_back_as_they_were(cursors: set[str]) -> None:
    assert unpacked(packed(sorted(cursors))) == cursors


def test_thousands_of_neighbours_are_saved_in_a_few_bytes() -> None:
    text = packed([str(number) for number in range(5, 10_000)])
    assert text is not None
    assert len(text) < 50
