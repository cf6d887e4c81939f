"""Draws a crowd's world from a seed."""

from collections.abc import Sequence
from random import Random
from typing import Final

from retrograph.facts import Facts
from tests.simulation.crowd.plan import CrowdPlan, Happening, Mishap, Opening, Trouble
from tests.simulation.draw import GRAPH_STEPS, STORE_STEPS, faults
from tests.simulation.histories import Histories
from tests.simulation.plan import Actor, Deed, Errand, Outage, Plan

STEPS: Final = (
    "kafka.commit",
    "kafka.poll",
    "queue.receive",
    "queue.delete",
    "enrolments.delete",
    "enrolments.send",
    "queue.send",
    "store.record",
    "store._record",
    "store._batches",
    "store._requested",
    "store.settle",
    "cache.put",
    "history of",
)
MISHAPS: Final[Sequence[Mishap]] = ("flush", "replay", "cache", "queue", "kafka")
NEVER: Final = 1e9
LONG_AGO: Final = -10_000.0
LATEST_TOLD: Final = 15.0
"""How late the history service may be: less than the settling time."""


def crowd_plan(seed: int) -> Plan:
    """A world in which the present goes on beside a bulk load, while gates are opened."""
    random = Random(f"crowd:{seed}")
    histories = Histories(random, random.randint(4, 5))
    shuffled = random.sample(histories.users, len(histories.users))
    opened, covered = shuffled[:2], shuffled[2:-1]
    openings = [Opening(random.random() * 15, user, random.choice(("api", "api", "key", "flag"))) for user in opened]
    crowd = CrowdPlan(
        happenings=_happenings(random, histories, frozenset(covered)),
        covered=frozenset([*covered, "nobody"]),
        openings=openings,
        troubles=_troubles(random),
        garbage=[random.random() * 20 for _ in range(random.choice((0, 0, 1, 2)))],
        failures={user: random.choice((1, 1, 2, 4)) for user in histories.users if random.random() < 0.15},
        partitions=random.choice((1, 2, 3)),
        visibility_seconds=random.choice((4, 10, 30)),
        own_queue=random.random() < 0.5,
    )
    actors = _actors(random, openings)
    return Plan(
        seed=seed,
        actors=actors,
        faults=faults(
            random,
            [actor.name for actor in actors],
            steps=80,
            sorts=(*STEPS, *STEPS, *GRAPH_STEPS, *STORE_STEPS),
        ),
        outages=_outages(random),
        errands=[
            Errand(key="bulk", users=covered, parameters={"executor": "queue", "concurrency": 1, "batch_size": 2})
        ],
        crowd=crowd,
        embedded=random.random() < 0.2,
    )


def _happenings(random: Random, histories: Histories, covered: frozenset[str]) -> list[Happening]:
    """Of users whose gate was open all along, some are never told by the services: the stream alone must bring them."""
    found = []
    for receipt in histories.receipts:
        at = LONG_AGO if random.random() < 0.3 else random.random() * 25
        late = 0.0 if at < 0 else random.random() * LATEST_TOLD
        if at >= 0 and receipt.user_id in covered and random.random() < 0.7:
            late = NEVER
        copies = random.choice((1, 1, 1, 2))
        found.append(Happening(at=at, facts=histories.purchase(receipt), told_after=late, copies=copies))
        if random.random() < 0.15:
            cancelled = max(0.0, at + random.choice((-5.0, 1.0, 8.0)))
            late = random.random() * LATEST_TOLD
            found.append(Happening(at=cancelled, facts=histories.retraction(receipt), told_after=late))
    found += [Happening(at=random.random() * 20, facts=word) for word in _words(random, histories)]
    return found


def _words(random: Random, histories: Histories) -> list[Facts]:
    return [histories.word(product, day) for product in ("apple", "bread") for day in (1, 2) if random.random() < 0.5]


def _troubles(random: Random) -> list[Trouble]:
    return [
        Trouble(random.random() * 25, what, random.choice((1.0, 5.0, 30.0)) * random.random())
        for what in MISHAPS
        if random.random() < 0.2
    ]


def _actors(random: Random, openings: Sequence[Opening]) -> list[Actor]:
    def several(role: str, most: int) -> list[Actor]:
        return [
            Actor(
                name=f"{role}-{number + 1}",
                role=role,  # type: ignore[arg-type]
                begins=random.random() * random.choice((1.0, 10.0)),
                lanes=random.randint(1, 2),
                skew=random.uniform(-2, 2),
            )
            for number in range(random.randint(1, most))
        ]

    called = sorted((one.at, one.user_id) for one in openings if one.by == "api")
    called += [(at + random.random() * 20, user) for at, user in called if random.random() < 0.4]
    deeds = [Deed(at=at, what="enrol", target=[user]) for at, user in sorted(called)]
    return [
        *several("consumer", 2),
        *several("worker", 2),
        *several("server", 2),
        *([Actor(name="caller", role="caller", deeds=deeds)] if deeds else []),
        Actor(name="starter", role="starter", begins=random.random() * 10),
    ]


def _outages(random: Random) -> list[Outage]:
    if random.random() < 0.7:
        return []
    server = random.choice(("graph", "store"))
    return [Outage(server=server, at=random.random() * 30, seconds=random.choice((0.5, 4.0, 30.0)) * random.random())]  # type: ignore[arg-type]
