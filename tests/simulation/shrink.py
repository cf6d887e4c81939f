"""Cuts a failing plan down: whatever may be left out while the world still fails is left out.

Leaving something out changes what happens when, so each smaller plan gets a few schedules to fail under.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from tests.simulation.crowd.plan import CrowdPlan
from tests.simulation.plan import Actor, Plan

T = TypeVar("T")

SCHEDULES: Final = 12


def shrunk(plan: Plan, fails: Callable[[Plan], bool], tries: int = 1_500) -> Plan:
    """The smallest plan found that still fails; `tries` bounds the worlds that are run."""
    left = tries
    found = True
    while found and left > 0:
        found = False
        for smaller in _smaller(plan):
            for schedule in (plan.schedule, *range(SCHEDULES)):
                left -= 1
                candidate = replace(smaller, schedule=schedule)
                if left > 0 and fails(candidate):
                    plan, found = candidate, True
                    break
            if found or left <= 0:
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans with one thing less, the biggest things first."""
    if plan.crowd is not None:
        yield from _quieter(plan, plan.crowd)
        return
    for actor in plan.actors:
        others = [other for other in plan.actors if other is not actor]
        faults = [fault for fault in plan.faults if fault.actor != actor.name]
        yield replace(plan, actors=others, faults=faults)
    for index in range(len(plan.outages)):
        yield replace(plan, outages=_without(plan.outages, index))
    for index in range(len(plan.faults)):
        yield replace(plan, faults=_without(plan.faults, index))
    for place, actor in enumerate(plan.actors):
        for smaller in _smaller_actors(actor):
            yield replace(plan, actors=[*plan.actors[:place], smaller, *plan.actors[place + 1 :]])
    for place, errand in enumerate(plan.errands):
        for index in range(len(errand.users) if len(errand.users) > 1 else 0):
            fewer = replace(errand, users=_without(errand.users, index))
            yield replace(plan, errands=[*plan.errands[:place], fewer, *plan.errands[place + 1 :]])
    for user in plan.failures:
        yield replace(plan, failures={other: count for other, count in plan.failures.items() if other != user})
    for index in range(len(plan.before)):
        yield replace(plan, before=_without(plan.before, index))


def _quieter(plan: Plan, crowd: CrowdPlan) -> Iterator[Plan]:
    """A crowd needs all its actors: without one of them nothing would ever be done. What befalls them can be left out,
    and what users do."""
    for index in range(len(plan.outages)):
        yield replace(plan, outages=_without(plan.outages, index))
    for index in range(len(plan.faults)):
        yield replace(plan, faults=_without(plan.faults, index))
    for index in range(len(crowd.troubles)):
        yield replace(plan, crowd=replace(crowd, troubles=_without(crowd.troubles, index)))
    for index in range(len(crowd.garbage)):
        yield replace(plan, crowd=replace(crowd, garbage=_without(crowd.garbage, index)))
    for index in range(len(crowd.happenings) if len(crowd.happenings) > 1 else 0):
        yield replace(plan, crowd=replace(crowd, happenings=_without(crowd.happenings, index)))


def _smaller_actors(actor: Actor) -> Iterator[Actor]:
    half = len(actor.facts) // 2
    if half > 1:
        yield replace(actor, facts=actor.facts[:half])
        yield replace(actor, facts=actor.facts[half:])
    for index in range(len(actor.facts)):
        yield replace(actor, facts=_without(actor.facts, index))
    for index in range(len(actor.deeds)):
        yield replace(actor, deeds=_without(actor.deeds, index))
    if actor.lanes > 1:
        yield replace(actor, lanes=1)


def _without(items: Sequence[T], index: int) -> list[T]:
    return [*items[:index], *items[index + 1 :]]
