"""What a world is made of, as plain data: who is in it, what they bring, what goes wrong, and when.

A plan is drawn from a seed and says nothing of the order of steps: that comes from `schedule`, a seed of its own. So a
plan can be cut down, piece by piece, while the rest stays what it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from retrograph.facts import Facts
from tests.simulation.crowd.plan import CrowdPlan

Role: TypeAlias = Literal[
    "loader", "live", "recounter", "copier", "starter", "server", "operator", "vandal", "consumer", "worker", "caller"
]

Trouble: TypeAlias = Literal[
    "crash-before",
    "crash-after",
    "freeze-before",
    "freeze-after",
    "freeze-inside",
    "cut-before",
    "cut-after",
    "cut-late",
    "deadlock",
    "slow",
]
"""What may happen to one step: its process dies or is frozen before the server has seen it, or after, or inside of a
transaction on the job store, which nobody else can use meanwhile; the connection is cut before, after, or so that the
server does it later; the server chooses it to end a deadlock; it takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One trouble, at the so many-th step of an actor, or of its steps of one sort (`of`, a part of their names)."""

    actor: str
    step: int
    what: Trouble
    of: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        sort = f" '{self.of}'" if self.of else ""
        return f"{self.what} of {self.actor} at its step{sort} {self.step}, {self.seconds:.3f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A server that answers nobody for a while; what was open is rolled back."""

    server: Literal["graph", "store"]
    at: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that an operator, or another writer, does at some time."""

    at: float
    what: str
    target: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A process of the world. `skew` is how far its wall clock is off, in seconds; `pace` stretches its steps."""

    name: str
    role: Role
    begins: float = 0.0
    facts: Sequence[Facts] = ()
    deeds: Sequence[Deed] = ()
    lanes: int = 2
    skew: float = 0.0
    pace: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A job that somebody wants done."""

    key: str
    users: Sequence[str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One world. `history` is what services know of each user; whoever loads a user joins it as a full load."""

    seed: int
    schedule: int = 0
    actors: Sequence[Actor] = ()
    faults: Sequence[Fault] = ()
    outages: Sequence[Outage] = ()
    history: Sequence[Facts] = ()
    before: Sequence[Facts] = field(default_factory=tuple)
    """What the source of a copy holds."""
    errands: Sequence[Errand] = ()
    crowd: CrowdPlan | None = None
    """What goes on beside, where there are live consumers, workers and enrolments."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """How often the services fail a user before they answer; -1: they never do."""
    service_seconds: float = 0.1
    """How long they take, on average."""
    embedded: bool = False
    """Whether the graph has one writer at a time, as SQLite has."""
    may_list: bool = True
    """Whether listing transactions is permitted."""
