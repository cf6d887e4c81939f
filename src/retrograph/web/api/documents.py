"""The shapes of the answers, for the OpenAPI document: what `jobs/view.py` and `graph/view.py` make."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from retrograph.jobs.state import JobState


class _Document(BaseModel):
    model_config = ConfigDict(extra="allow")


class ProblemPart(_Document):
    """One of several mistakes."""

    field: str
    message: str


class Problem(_Document):
    """What could not be done (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str = Field(description="A constant word for programs, such as `FORBIDDEN`.")
    detail: str = Field(description="A sentence for people: what is wrong and what to do.")
    field: str | None = Field(default=None, description="The parameter that is wrong, where it is one.")
    errors: list[ProblemPart] = Field(default=[], description="All mistakes, where several were found.")


class SpecDocument(_Document):
    """What a job walks over, frozen at its first start."""

    source: dict[str, Any]
    digest: str
    as_of: str
    lookback_days: int
    dry_run: bool
    bound: str | None


class LeaseDocument(_Document):
    """Which process runs the job."""

    holder: str
    until: str | None
    heartbeat_at: str | None


class DepthDocument(_Document):
    """About how many messages are in a queue and in its dead-letter queue."""

    waiting: int
    in_flight: int
    dead: int
    at: str


class JobDocument(_Document):
    """A job, as `jobs show --json` prints it. Instants are RFC 3339 in UTC."""

    job_id: str
    key: str
    kind: str
    state: JobState
    reason: str | None
    message: str | None
    phase: Literal["discovery", "processing"] | None
    cursor: str | None
    total: int | None
    processed: int
    failed: int
    skipped: int
    skipped_by: dict[str, int]
    refused: dict[str, int] = Field(description="Facts that were left out, by reason.")
    found: dict[str, int] = Field(description="What the items brought, by name: purchases, edges-written, …")
    percent: float | None
    rate: float | None = Field(description="Items per second.")
    eta_seconds: int | None
    pressure: dict[str, Any] | None = Field(description="What slows a run down now.")
    sent: int = Field(description="Requests that were sent through a queue.")
    answered: int = Field(description="Those of them whose outcome is in the counts.")
    depth: DepthDocument | None = Field(description="How full the queue was at the last checkpoint.")
    elapsed_ms: int
    needs_attention: bool
    archived: bool
    graph_id: str
    spec: SpecDocument
    credentials: str | None = Field(description="The credentials by which its files are reached, where it names some.")
    parameters: dict[str, Any]
    run: int
    lease: LeaseDocument | None
    created_by: str
    created_at: str
    updated_at: str


class JobsDocument(_Document):
    """A page of jobs; `next` is the `after` of the page that follows, `null` on the last one."""

    items: list[JobDocument]
    next: str | None


class StartDocument(_Document):
    """What became of a wish to start."""

    started: bool
    running: bool
    reason: Literal["running", "complete", "other-job-running"] | None
    message: str | None
    forecast: str | None
    clamped: list[str] = Field(description="Sentences about numbers that were out of range.")
    job: JobDocument


class BegunDocument(_Document):
    """A backfill that was taken in."""

    job_id: str
    job_key: str
    status: JobState
    total_users: int | None = Field(description="`null`: the graph's users are counted when the job discovers them.")
    clamped: list[str] = Field(description="Sentences about numbers that were out of range.")


class CanceledDocument(_Document):
    """A job that was asked to end for good."""

    job_id: str
    job_key: str
    status: JobState


class BackfillDocument(_Document):
    """How far a backfill is. Instants are RFC 3339 in UTC."""

    job_id: str
    job_key: str
    status: JobState
    total: int | None
    sent: int = Field(description="How many users were handed out to be loaded.")
    processed: int
    failed: int
    skipped: int
    progress_percent: float | None
    elapsed_seconds: float
    eta_seconds: int | None
    last_error: str | None
    created_by: str
    created_at: str
    updated_at: str


class ObjectDocument(_Document):
    """An object of event files, and what became of it."""

    key: str
    state: str
    size: int
    version: str
    modified_at: str
    read: int
    events: int
    skipped: int
    gated: int
    undecodable: int
    refused: dict[str, int]
    mistakes: list[dict[str, Any]] = Field(description="The first lines that could not be decoded, and why.")
    error: str | None
    attempts: int
    updated_at: str | None


class ObjectTotalsDocument(_Document):
    """All objects of a job: what discovery found, and how far processing is."""

    objects_discovered: int
    total_size: int
    created_at: str | None
    discovered_at: str | None
    objects_processed: int
    objects_failed: int
    objects_unchanged: int
    events_ingested: int
    events_skipped: int
    events_gated: int
    events_undecodable: int
    processed_size: int
    started_at: str | None
    updated_at: str | None


class ObjectsDocument(_Document):
    """A page of objects."""

    totals: ObjectTotalsDocument | None
    items: list[ObjectDocument]
    next: str | None


class FailureDocument(_Document):
    """An item that failed."""

    item: str
    attempts: int
    error_class: str
    message: str
    first_at: str
    last_at: str
    resolved_at: str | None


class FailuresDocument(_Document):
    """A page of failures."""

    items: list[FailureDocument]
    next: str | None


class FailureGroupDocument(_Document):
    """The unresolved failures of one cause, with the latest as an example."""

    error_class: str
    cause: str = Field(description="What their messages have in common.")
    count: int
    first_at: str
    last_at: str
    item: str
    message: str


class FailureGroupsDocument(_Document):
    """The unresolved failures by class, the most frequent first."""

    items: list[FailureGroupDocument]


class EventDocument(_Document):
    """A line of a job's log."""

    at: str
    who: str
    what: str
    from_: JobState | None = Field(alias="from")
    to: JobState | None
    why: str | None


class EventsDocument(_Document):
    """A page of a job's log, oldest first."""

    items: list[EventDocument]
    next: str | None


class RunDocument(_Document):
    """One bounded stretch of work on a job."""

    run: int
    holder: str
    who: str
    started_at: str
    ended_at: str | None
    state: JobState
    reason: str | None
    processed: int
    failed: int
    skipped: int
    parameters: dict[str, Any]


class RunsDocument(_Document):
    """A job's latest runs, the latest first."""

    items: list[RunDocument]


class SampleDocument(_Document):
    """The pace at one moment."""

    at: str
    rate: float
    scanned: int
    failed: int


class SamplesDocument(_Document):
    """A job's pace over the last day, oldest first."""

    items: list[SampleDocument]


class UploadDocument(_Document):
    """A list of ids that was taken in."""

    upload_id: str
    name: str
    ids: int
    repeated: int
    blank: int


class CardsDocument(_Document):
    """How many jobs there are, archived ones left out."""

    jobs: int
    runs_here: int
    runs: int
    needs_attention: int
    dry_runs: int
    by_state: dict[str, int]
    by_kind: dict[str, int]
    held_by: dict[str, int]


class DigestDocument(_Document):
    """The hash of the facts."""

    digest: str
    facts: int
    recount_pending: int


class HealthDocument(_Document):
    """Whether everything answers, and how each part does."""

    status: Literal["up", "down"]
    dependencies: dict[str, dict[str, Any]] = {}


class LagDocument(_Document):
    """One partition of a topic."""

    partition: int
    state: Literal["caught up", "behind", "not consuming", "offset lost"]
    behind: int = Field(description="Events that are there and not done with.")
    minutes: float | None = Field(description="How old the oldest of them is.")
    words: str


class TopicLagDocument(_Document):
    """One topic and the group that reads it."""

    form: Literal["receipts", "factoids", "identity"]
    topic: str
    group: str
    behind: int
    dead_letters: int = Field(description="Those that were not replayed.")
    partitions: list[LagDocument]
    waiting: list[str] = Field(description="What the consumer of this process waits for.")
    error: str | None = Field(description="Why the topic cannot be looked at.")


class LiveDocument(_Document):
    """The topics that are configured."""

    topics: list[TopicLagDocument]
