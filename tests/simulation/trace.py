"""A world for a person to read: who is in it, what they bring, what happened when, and what was wrong in the end."""

import hashlib
from collections.abc import Iterator

from retrograph.facts import Facts
from tests.simulation.plan import Plan
from tests.simulation.world import Report


def fingerprint(report: Report) -> str:
    """Equal for two runs in which the same happened."""
    text = "\n".join(f"{at!r} {who} {what}" for at, who, what in report.trace)
    return hashlib.sha256("\n".join([text, *report.problems]).encode()).hexdigest()


def told(plan: Plan, report: Report) -> str:
    """The whole story."""
    return "\n".join((*_cast(plan), "", *_events(report), "", *(f"WRONG: {problem}" for problem in report.problems)))


def _cast(plan: Plan) -> Iterator[str]:
    yield f"seed {plan.seed}, schedule {plan.schedule}{', one writer at a time' if plan.embedded else ''}"
    for actor in plan.actors:
        yield f"{actor.name} from {actor.begins:.3f} s, {actor.lanes} lanes"
        for facts in actor.facts:
            yield f"    {described(facts)}"
        for deed in actor.deeds:
            yield f"    at {deed.at:.3f} s: {deed.what} {' '.join(deed.target)}"
    for facts in plan.before:
        yield f"the source of the copy holds {described(facts)}"
    for fault in plan.faults:
        yield f"fault: {fault}"
    for outage in plan.outages:
        yield f"outage of the {outage.server} at {outage.at:.3f} s for {outage.seconds:.3f} s"


def _events(report: Report) -> Iterator[str]:
    resting = False
    for at, who, what in report.trace:
        resting = resting or who == "world"
        if not resting or who in ("world", "graph", "store"):
            yield f"{at:12.6f}  {who:12}  {what}"


def described(facts: Facts) -> str:
    """A document in one line."""
    user, shared = facts.user, facts.shared
    parts = [f"{'full load of ' if user.loaded else ''}{user.user_id}"]
    for product, times in user.purchases.items():
        parts.append(f"bought {product} {', '.join(f'{receipt}@{at}' for receipt, at in times.items())}")
    if user.retracted:
        parts.append(f"retracted {', '.join(sorted(user.retracted))}")
    for key, product_fact in shared.products.items():
        if product_fact.category_id is not None:
            rank, day, category = product_fact.category_id
            parts.append(f"{key} is {category} (rank {rank}, day {day})")
    for key, category_fact in shared.categories.items():
        if category_fact.hierarchy is not None:
            rank, day, path = category_fact.hierarchy
            parts.append(f"{key} at {'/'.join(path)} (rank {rank}, day {day})")
    return "; ".join(parts)
