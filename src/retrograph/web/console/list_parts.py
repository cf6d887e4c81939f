"""What stands around the rows of the list: cards, chips, the menus of kinds, states and credentials. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from retrograph.jobs.job import Parameters
from retrograph.jobs.queries import JobTally
from retrograph.jobs.state import JobState
from retrograph.web.console.formatting import duration, plural
from retrograph.web.console.list_query import RUNNING, ListView
from retrograph.web.console.states import BADGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure at the top, a link to what it counts."""

    name: str
    figure: int | str
    unit: str = ""
    note: str
    tip: str
    address: str
    alarming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One filter that is asked for often, with how many jobs it shows."""

    name: str
    count: int
    address: str
    current: bool


_FIRST_KIND: Final = "purchases"
"""Whose form is shown where none was chosen."""

Choice = tuple[str, str, bool, int]
"""Name, address, whether it is chosen, and how many jobs it stands for."""


def cards(tally: JobTally, view: ListView, defaults: Parameters, here: int) -> Sequence[Card]:
    """`here` is how many runs this process has."""
    active = max(here, tally.held)
    field = f"{view.base}#{view.own_kind}-" if view.own_kind else f"/start/{_FIRST_KIND}#{_FIRST_KIND}-"
    cap = duration(defaults.max_runtime_ms / 1000)
    attention = tally.needs_attention
    return (
        Card(
            name="Jobs",
            figure=tally.total,
            note=f"{attention:,} need{'s' if attention == 1 else ''} attention"
            if attention
            else "none needs attention",
            tip="Recorded jobs that are not archived.",
            address=view.base,
            alarming=bool(attention),
        ),
        Card(
            name="Active Runs",
            figure=active,
            note=_holders(tally.held_by, active, here),
            tip="Jobs that a process works on now: in this server, and over all servers that share the store.",
            address=ListView(base=view.base, own_kind=view.own_kind, states=RUNNING).address(),
        ),
        Card(
            name="Default Batch",
            figure=defaults.batch_size,
            note="items between checkpoints",
            tip="How many items a run takes at a time unless its form says otherwise. A checkpoint comes after each,"
            " or after five seconds.",
            address=f"{field}batch_size",
        ),
        Card(
            name="UI Runtime Cap",
            figure=cap,
            note="then it resumes by itself",
            tip=f"A run started here pauses after {cap} ({defaults.max_runtime_ms:,} ms) unless its form says"
            " otherwise; a server resumes it five minutes later.",
            address=f"{field}max_runtime_ms",
        ),
    )


def _holders(held_by: Mapping[str, int], active: int, here: int) -> str:
    if not active:
        return "nothing runs"
    if here:
        return f"{here:,} here" + (f", {active - here:,} elsewhere" if active > here else "")
    if len(held_by) > 2 or not held_by:
        return f"none here, {active:,} elsewhere"
    return ", ".join(f"{count:,} on {holder.split(':', 1)[0]}" for holder, count in sorted(held_by.items()))


def chips(tally: JobTally, view: ListView) -> Sequence[Chip]:
    """The filters that are asked for most."""
    plain = not (view.states or view.attention or view.dry_runs or view.archived)
    of = tally.by_state
    shown = (
        ("All", tally.total, view.showing(), plain),
        ("Running", sum(of.get(state, 0) for state in RUNNING), view.showing(*RUNNING), tuple(view.states) == RUNNING),
        ("Needs attention", tally.needs_attention, view.showing(attention=True), view.attention),
        (
            "Succeeded",
            of.get(JobState.SUCCEEDED, 0),
            view.showing(JobState.SUCCEEDED),
            tuple(view.states) == (JobState.SUCCEEDED,),
        ),
        ("Dry runs", tally.dry_runs, view.showing(dry_runs=True), view.dry_runs),
    )
    return [
        Chip(name=name, count=count, address=target.address(), current=current)
        for name, count, target, current in shown
    ]


def kinds(tally: JobTally, view: ListView) -> Sequence[Choice]:
    """The menu of kinds; none where the address is about one."""
    if view.own_kind:
        return ()
    every = ("All", replace(view, kind=None, after=None).address(), view.kind is None, sum(tally.by_kind.values()))
    each = [
        (kind, replace(view, kind=kind, after=None).address(), view.kind == kind, count)
        for kind, count in sorted(tally.by_kind.items())
    ]
    return (every, *each)


def states(tally: JobTally, view: ListView) -> Sequence[Choice]:
    """The menu of states: each can be added to what is shown, or taken out."""
    return [
        (
            BADGES[state].word,
            replace(view, states=_toggled(view.states, state), attention=False, after=None).address(),
            state in view.states,
            tally.by_state.get(state, 0),
        )
        for state in JobState
    ]


def _toggled(states: Sequence[JobState], state: JobState) -> tuple[JobState, ...]:
    wanted = set(states) ^ {state}
    return tuple(known for known in JobState if known in wanted)


def state_words(view: ListView) -> str:
    """`any`, `Paused`, `3 states`."""
    if not view.states:
        return "any"
    return BADGES[view.states[0]].word if len(view.states) == 1 else plural(len(view.states), "state")


def credentials(names: Sequence[str], view: ListView) -> Sequence[tuple[str, str, bool]]:
    """The menu of credentials: name, address, and whether they are chosen; none where none are configured."""
    known = sorted({*names, *([view.credentials] if view.credentials else [])})
    if not known or view.only_kind not in (None, "events"):
        return ()
    every = ("All", replace(view, credentials=None, after=None).address(), view.credentials is None)
    each = [(name, replace(view, credentials=name, after=None).address(), view.credentials == name) for name in known]
    return (every, *each)
