"""What stands around the rows of the list."""

from retrograph.jobs.job import Parameters
from retrograph.jobs.queries import JobTally
from retrograph.jobs.state import JobState
from retrograph.web.console.columns import columns
from retrograph.web.console.list_parts import cards, chips, credentials, kinds, state_words, states
from retrograph.web.console.list_query import ListView

TALLY = JobTally(
    total=38,
    by_state={JobState.RUNNING: 2, JobState.STOPPING: 1, JobState.SUCCEEDED: 29},
    by_kind={"purchases": 37, "identity": 1},
    needs_attention=4,
    dry_runs=7,
    held_by={"worker-a:12:1": 2, "worker-b:9:1": 1},
)


def test_each_card_leads_to_what_it_counts() -> None:
    jobs, active, batch, cap = cards(TALLY, ListView(), Parameters(), here=2)
    assert (jobs.figure, jobs.note, jobs.address) == (38, "4 need attention", "/jobs")
    assert (active.figure, active.note) == (3, "2 here, 1 elsewhere")
    assert active.address == "/jobs?state=running&state=stopping&state=canceling"
    assert (batch.figure, cap.figure) == (500, "15 min")
    assert cap.note == "then it resumes by itself"
    assert "900,000 ms" in cap.tip


def test_runs_of_other_servers_are_named() -> None:
    def note(tally: JobTally, here: int) -> str:
        return cards(tally, ListView(), Parameters(), here=here)[1].note

    assert note(TALLY, 0) == "2 on worker-a, 1 on worker-b"
    assert note(JobTally(), 0) == "nothing runs"
    assert note(JobTally(held_by={"worker-a:1:1": 1}), 1) == "1 here"


def test_the_cards_of_one_kind_lead_to_that_kind() -> None:
    view = ListView(base="/identity", own_kind="identity")
    found = cards(TALLY, view, Parameters(), here=0)
    assert [card.address.partition("?")[0] for card in found[:2]] == ["/identity", "/identity"]
    assert found[2].address == "/identity#identity-batch_size"


def test_one_chip_is_current_and_a_chip_keeps_the_search() -> None:
    found = chips(TALLY, ListView(search="beta", attention=True, after="mark"))
    assert [chip.name for chip in found if chip.current] == ["Needs attention"]
    assert [(chip.name, chip.count) for chip in found][:3] == [("All", 38), ("Running", 3), ("Needs attention", 4)]
    assert all("q=beta" in chip.address and "after" not in chip.address for chip in found)


def test_a_state_is_added_to_what_is_shown_and_taken_out_again() -> None:
    view = ListView(states=(JobState.PAUSED,))
    choices = {name: (address, chosen) for name, address, chosen, _ in states(TALLY, view)}
    assert choices["Running"] == ("/jobs?state=running&state=paused", False)
    assert choices["Paused"] == ("/jobs", True)
    assert [state_words(ListView()), state_words(view)] == ["any", "Paused"]


def test_kinds_can_be_chosen_where_the_address_leaves_the_choice() -> None:
    assert [name for name, *_ in kinds(TALLY, ListView())] == ["All", "identity", "purchases"]
    assert kinds(TALLY, ListView(base="/identity", own_kind="identity")) == ()


def test_the_sorted_column_says_which_way() -> None:
    found = {part.name: part for column in columns(ListView(sort="-failed")) for part in column.parts}
    assert found["Failed"].direction == "descending"
    assert found["Failed"].address == "/jobs?sort=failed"
    assert [name for name, part in found.items() if part.direction] == ["Failed"]


def test_credentials_can_be_chosen_where_there_are_files() -> None:
    found = credentials(["reader", "partner"], ListView(credentials="gone", after="mark"))
    assert [(name, chosen) for name, _, chosen in found] == [
        ("All", False),
        ("gone", True),
        ("partner", False),
        ("reader", False),
    ]
    assert found[-1][1] == "/jobs?credentials=reader"
    assert credentials([], ListView()) == ()
    assert credentials(["reader"], ListView(base="/identity", own_kind="identity")) == ()
