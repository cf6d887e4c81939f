"""What a door says to the service and hears from it: values only, so that every door says the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retrograph.jobs.job import Job
from retrograph.jobs.runner import Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """A wish to start or resume a job.

    `source` is what the kind's `resolve` understands. `parameters` are raw: any of the names in the design,
    `as_of` and `lookback_days` among them; what is missing has its default, or what the job had before.
    `from_text` also takes numbers written as text, as a command line has them.
    """

    kind: str
    source: object
    parameters: Mapping[str, object] = field(default_factory=dict)
    key: str | None = None
    who: str
    from_text: bool = False
    queue: str | None = None
    """The queue to send it through, where it is not the job's own or the configured one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAnswer:
    """What became of a wish to start.

    `started`: this process holds the lease now and must call `Service.run` with this answer at once. Otherwise
    `reason` is `running`, `complete` or `other-job-running`, and `message` a sentence with what to do.
    `clamped` are sentences about parameters that were out of range.
    """

    started: bool
    running: bool
    reason: str | None = None
    message: str | None = None
    job: Job
    clamped: Sequence[str] = ()
    forecast: str | None = None
    """How long it should take at its pace; `None` where that is unknown."""
    taken: Taken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How this process holds jobs: the lease's length, the kinds that run one at a time, and its own name."""

    lease_seconds: float = 15.0
    exclusive: frozenset[str] = frozenset({"purchases"})
    holder: str | None = None
    """`None`: host, process id and something unique."""
