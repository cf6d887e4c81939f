"""What Prometheus reads: counted where it happens, or looked up when it asks."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

# When a series began is of no use to anybody here, and doubles their number.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class _Pressure(Protocol):
    """As in `jobs/pressure.py`."""

    @property
    def pace(self) -> float | None: ...

    @property
    def full(self) -> float | None: ...

    @property
    def service(self) -> str | None: ...

    @property
    def retried(self) -> Mapping[str, Mapping[str, int]]: ...

    @property
    def waiting(self) -> Any: ...


_Values: TypeAlias = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What is looked up when somebody asks."""

    jobs: Mapping[str, int] = field(default_factory=dict)
    """How many jobs are in each state; empty where the store does not answer."""
    runs_here: int = 0
    lease_ages: Mapping[str, float] = field(default_factory=dict)
    """Seconds since each held lease was last renewed, by the job's key."""
    listeners: int = 0
    depths: _Values = field(default_factory=dict)
    """Messages of the queue of each running job that is sent, by the job's key and what they do."""
    live: _Values = field(default_factory=dict)
    """Events that the consumers of this process have ended, by topic and outcome."""
    store_up: bool = True


class Metrics:
    """One process's figures. `environment` is a label on each of ours."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        labels = ("environment", "kind", "outcome")
        self._items = Counter("retrograph_items", "Items that ended, by outcome.", labels, registry=self._registry)
        self._seconds = Histogram(
            "retrograph_item_duration_seconds",
            "How long an item took, every call and retry included.",
            labels,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._runs: dict[str, Callable[[], _Pressure | None]] = {}
        self._retried: Tally[tuple[str, str]] = Tally()
        self._looked = Looked()
        self._registry.register(_LookedUp(self))

    def item(self, kind: str, outcome: str, seconds: float) -> None:
        """See `jobs.meter.Meter`."""
        self._items.labels(self._environment, kind, outcome).inc()
        self._seconds.labels(self._environment, kind, outcome).observe(seconds)

    def opened(self, key: str, pressure: Callable[[], _Pressure | None]) -> None:
        """See `jobs.meter.Meter`."""
        self._runs[key] = pressure

    def closed(self, key: str) -> None:
        """See `jobs.meter.Meter`."""
        ended = self._runs.pop(key, None)
        if ended is not None:
            self._retried += _retries(ended())

    def exposition(self, looked: Looked) -> bytes:
        """Everything, as text that Prometheus reads."""
        self._looked = looked
        return generate_latest(self._registry)

    def families(self) -> Iterator[Metric]:
        """What is looked up: jobs, runs, leases, pace and retries."""
        looked, here = self._looked, self._environment
        yield _gauge("retrograph_store_up", "Whether the job store answers.", (), {(): float(looked.store_up)}, here)
        jobs: _Values = {(state,): float(count) for state, count in looked.jobs.items()}
        yield _gauge("retrograph_jobs", "Jobs that are not archived, by state.", ("state",), jobs, here)
        yield _gauge("retrograph_runs", "Runs in this process.", (), {(): float(looked.runs_here)}, here)
        yield _gauge("retrograph_listeners", "Open event streams.", (), {(): float(looked.listeners)}, here)
        ages: _Values = {(key,): age for key, age in looked.lease_ages.items()}
        about = "Seconds since a running job's lease was renewed, by the job's key."
        yield _gauge("retrograph_lease_age_seconds", about, ("job",), ages, here)
        about = "Messages in the queue of a running job, about: waiting, in flight, dead."
        yield _gauge("retrograph_queue_messages", about, ("job", "state"), looked.depths, here)
        found = {key: pressure() for key, pressure in self._runs.items()}
        yield self._paces(found)
        yield self._retries(found)
        yield self._events()

    def _paces(self, found: "Mapping[str, _Pressure | None]") -> Metric:
        paces: dict[tuple[str, ...], float] = {}
        for key, pressure in found.items():
            if pressure is not None and pressure.pace is not None:
                reason = pressure.waiting.kind if pressure.waiting is not None else "push-back"
                paces[key, pressure.service or "", reason] = pressure.pace
        about = "Turns a second of a service that has slowed a run of this process down, and why."
        return _gauge("retrograph_throttle_pace", about, ("job", "service", "reason"), paces, self._environment)

    def _events(self) -> Metric:
        labels = ("environment", "topic", "outcome")
        family = CounterMetricFamily("retrograph_live_events", "Events that ended, by outcome.", labels=labels)
        for words, count in sorted(self._looked.live.items()):
            family.add_metric((self._environment, *words), count)
        return family

    def _retries(self, found: "Mapping[str, _Pressure | None]") -> Metric:
        total = self._retried.copy()
        for pressure in found.values():
            total += _retries(pressure)
        labels = ("environment", "service", "kind")
        family = CounterMetricFamily("retrograph_retries", "Calls that were tried again.", labels=labels)
        for (service, kind), count in sorted(total.items()):
            family.add_metric((self._environment, service, kind), count)
        return family


class _LookedUp:
    """What the registry asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.families()


def _gauge(
    name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float], environment: str
) -> Metric:
    family = GaugeMetricFamily(name, about, labels=("environment", *labels))
    for words, value in values.items():
        family.add_metric((environment, *words), value)
    return family


def _retries(pressure: "_Pressure | None") -> "Tally[tuple[str, str]]":
    retried = {} if pressure is None else pressure.retried
    return Tally({(service, kind): count for service, kinds in retried.items() for kind, count in kinds.items()})
