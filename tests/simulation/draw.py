"""Draws a plan from a seed."""

from collections.abc import Sequence
from random import Random
from typing import Final

from retrograph.facts import Facts
from tests.simulation.histories import DAYS, PRODUCTS, Histories
from tests.simulation.plan import Actor, Deed, Errand, Fault, Outage, Plan, Trouble

TROUBLES: Final[Sequence[tuple[Trouble, int]]] = (
    ("crash-before", 2),
    ("crash-after", 3),
    ("freeze-before", 2),
    ("freeze-after", 3),
    ("cut-before", 1),
    ("cut-after", 3),
    ("cut-late", 2),
    ("deadlock", 1),
    ("slow", 2),
    ("freeze-inside", 1),
)


GRAPH_STEPS: Final = ("graph.commit", "graph.lock", "graph.write", "graph.clear marks", "graph.lease", "graph.begin")
STORE_STEPS: Final = ("store.checkpoint", "store.renew", "store.claim", "store.end", "store.seal")


def law_plan(seed: int) -> Plan:
    """A world in which facts are joined by several processes, and nothing is known of jobs."""
    random = Random(f"law:{seed}")
    histories = Histories(random, random.randint(2, 4))
    actors = [
        *_loaders(random, histories),
        *_live(random, histories),
        *_recounters(random),
        *_vandals(random),
    ]
    before: list[Facts] = []
    if random.random() < 0.2:
        before = [histories.history(user) for user in histories.users[:2]] + _words(random, histories)
        actors.append(Actor(name="copier", role="copier", begins=random.random() * 0.2, lanes=random.randint(1, 2)))
    return Plan(
        seed=seed,
        actors=actors,
        faults=faults(random, [actor.name for actor in actors if actor.role != "vandal"], steps=60, sorts=GRAPH_STEPS),
        outages=_outages(random, "graph"),
        history=[histories.history(user) for user in histories.users],
        before=before,
        embedded=random.random() < 0.15,
        may_list=random.random() < 0.9,
    )


def _loaders(random: Random, histories: Histories) -> list[Actor]:
    """Full loads, some of them twice, by one process or two."""
    retracted = _retracted(random, histories)
    loads = [histories.history(user, retracted.get(user, frozenset())) for user in histories.users]
    loads += [histories.history(user) for user in random.sample(histories.users, random.choice((0, 1, 2)))]
    return _dealt(random, "loader", loads, random.choice((1, 2)))


def _live(random: Random, histories: Histories) -> list[Actor]:
    """Events out of order and repeated, orders cancelled before and after, and a catalogue that changes its mind."""
    events = [histories.event(receipt) for receipt in histories.receipts if random.random() < 0.7]
    events += [histories.retraction(receipt) for receipt in histories.receipts if random.random() < 0.2]
    events += _words(random, histories)
    events += random.sample(events, min(len(events), random.randint(0, 3)))
    return _dealt(random, "live", events, random.choice((1, 2)))


def _words(random: Random, histories: Histories) -> list[Facts]:
    return [histories.word(product, day) for product in PRODUCTS for day in range(DAYS) if random.random() < 0.25]


def _retracted(random: Random, histories: Histories) -> dict[str, frozenset[str]]:
    chosen = [receipt for receipt in histories.receipts if random.random() < 0.1]
    return {receipt.user_id: frozenset([receipt.receipt_id]) for receipt in chosen}


def _dealt(random: Random, name: str, facts: list[Facts], hands: int) -> list[Actor]:
    random.shuffle(facts)
    return [
        Actor(
            name=f"{name}-{hand + 1}",
            role="loader" if name == "loader" else "live",
            begins=random.random() * random.choice((0.05, 0.5)),
            facts=facts[hand::hands],
            lanes=random.randint(1, 3),
            skew=random.uniform(-100_000, 100_000),
            pace=random.choice((0.3, 1.0, 1.0, 3.0)),
        )
        for hand in range(hands)
    ]


def _recounters(random: Random) -> list[Actor]:
    return [
        Actor(
            name=f"recounter-{number + 1}",
            role="recounter",
            begins=random.random() * 0.1,
            pace=random.choice((0.3, 1.0)),
        )
        for number in range(random.choice((1, 1, 2)))
    ]


def _vandals(random: Random) -> list[Actor]:
    """Another writer, who knows nothing of the law."""
    if random.random() < 0.65:
        return []
    kinds = ("double", "parallel", "unpair", "unpair", "miscount", "misderive")
    deeds = [
        Deed(at=random.random() * random.choice((0.2, 2.0)), what=random.choice(kinds), target=[str(random.random())])
        for _ in range(random.randint(1, 3))
    ]
    if random.random() < 0.3:
        deeds = [
            Deed(at=random.random() * 0.5, what="delete", target=[random.choice(("Product", "Category", "Retailer"))])
        ]
    return [Actor(name="vandal", role="vandal", deeds=deeds)]


def faults(random: Random, actors: Sequence[str], *, steps: int, sorts: Sequence[str]) -> list[Fault]:
    """A few troubles, each at some step of some actor, or at one of those steps on which most depends."""
    kinds, weights = zip(*TROUBLES, strict=True)
    found = {}
    for _ in range(random.choice((0, 1, 2, 3, 4, 6))):
        what = random.choices(kinds, weights)[0]
        actor, step, of = random.choice(actors), 1 + int(random.random() ** 1.5 * steps), ""
        if random.random() < 0.5:
            step, of = 1 + int(random.random() ** 1.5 * 6), random.choice(sorts)
        found[actor, of, step] = Fault(actor=actor, step=step, what=what, of=of, seconds=_how_long(random, what))
    return list(found.values())


def _how_long(random: Random, what: Trouble) -> float:
    if what.startswith("freeze"):
        return random.choice((0.05, 0.5, 5.0, 20.0, 70.0)) * (0.5 + random.random())
    if what in ("slow", "cut-late"):
        return random.choice((0.02, 0.2, 2.0)) * (0.5 + random.random())
    return 0.0


def _outages(random: Random, *servers: str) -> list[Outage]:
    if random.random() < 0.85:
        return []
    return [
        Outage(
            server="graph" if random.choice(servers) == "graph" else "store",
            at=random.random() * random.choice((0.1, 1.0)),
            seconds=random.choice((0.1, 1.0, 40.0)) * random.random(),
        )
    ]


def jobs_plan(seed: int) -> Plan:
    """A world in which processes compete for jobs, and operators interfere."""
    random = Random(f"jobs:{seed}")
    histories = Histories(random, random.randint(3, 5))
    errands = _errands(random, histories.users)
    actors = [*_engines(random, errands)]
    if random.random() < 0.4:
        actors += _live(random, histories)[:1]
    if random.random() < 0.3:
        actors += _recounters(random)[:1]
    troubled = [actor.name for actor in actors if actor.role in ("starter", "server")]
    return Plan(
        seed=seed,
        actors=actors,
        faults=faults(random, troubled, steps=120, sorts=(*GRAPH_STEPS, *STORE_STEPS, *STORE_STEPS)),
        outages=_outages(random, "graph", "store"),
        history=[histories.history(user) for user in histories.users],
        errands=errands,
        failures={user: random.choice((1, 1, 2, -1)) for user in histories.users if random.random() < 0.15},
        service_seconds=random.choice((0.02, 0.3, 1.5)),
        embedded=random.random() < 0.3,
        may_list=True,
    )


def _errands(random: Random, users: Sequence[str]) -> list[Errand]:
    lists = [list(users)] + ([random.sample(users, 2)] if random.random() < 0.25 else [])
    return [
        Errand(
            key=f"load-{number}",
            users=listed,
            parameters={
                "batch_size": random.choice((1, 1, 2, 3)),
                "concurrency": random.choice((1, 2, 3, 4)),
                "max_runtime_ms": random.choice((1_000, 5_000, 900_000, 900_000)),
                "max_consecutive_failures": random.choice((1, 2, 25)),
                "sleep_ms": random.choice((0, 0, 500)),
            },
        )
        for number, listed in enumerate(lists, start=1)
    ]


def _engines(random: Random, errands: Sequence[Errand]) -> list[Actor]:
    starters = [errand.key for errand in errands] + random.choices(
        [errand.key for errand in errands], k=random.choice((0, 1))
    )
    actors = [
        Actor(
            name=f"starter-{number}",
            role="starter",
            begins=random.random() * 3,
            deeds=[Deed(at=0, what="start", target=[key])],
            lanes=random.randint(1, 3),
            skew=random.uniform(-100_000, 100_000),
        )
        for number, key in enumerate(starters, start=1)
    ]
    actors += [
        Actor(name=f"server-{number}", role="server", begins=random.random(), skew=random.uniform(-9, 9))
        for number in range(1, 1 + random.choice((0, 1, 1, 2)))
    ]
    if random.random() < 0.6:
        verbs = ("stop", "cancel", "retry", "reset", "start", "stop", "archive", "list")
        deeds = [
            Deed(
                at=random.random() * random.choice((1.0, 10.0)),
                what=random.choice(verbs),
                target=[random.choice(errands).key],
            )
            for _ in range(random.randint(1, 4))
        ]
        actors.append(Actor(name="operator", role="operator", deeds=deeds))
    return actors
