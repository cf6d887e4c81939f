"""Settings of the queues and of the workers that take from them."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

FAMILIAR: Final = {
    "SQS_QUEUE_URL": ("queue", "url"),
    "ENROLLMENT_QUEUE_URL": ("queue", "enrollment_url"),
    "SQS_VISIBILITY_TIMEOUT": ("queue", "visibility_seconds"),
}
"""Variables that other producers and workers of these queues read as well; ours win over them."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class QueueSettings(_Group):
    """The queues of SQS through which jobs send users to workers. Region, endpoint and credentials are those of the
    AWS client: `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, a profile, a role."""

    url: str | None = Field(
        default=None,
        min_length=1,
        description="The address or the name of the bulk queue, also as `SQS_QUEUE_URL`. None: jobs are not sent.",
    )
    enrollment_url: str | None = Field(
        default=None,
        min_length=1,
        description="The same of the queue of enrolments, also as `ENROLLMENT_QUEUE_URL`.",
    )
    visibility_seconds: int = Field(
        default=600,
        ge=1,
        le=43_200,
        description="Seconds for which a message that was received is hidden from other workers, also as "
        "`SQS_VISIBILITY_TIMEOUT`. It is extended while the load runs, so it bounds how soon the message of a worker "
        "that died is seen again.",
    )
    wait_seconds: int = Field(
        default=10,
        ge=0,
        le=20,
        description="Seconds that a worker waits for messages in one call. A worker that is told to end waits for it.",
    )
    retention_seconds: int = Field(
        default=345_600,
        ge=1,
        le=1_209_600,
        description="Seconds after which a queue forgets a message: 4 days. A user whose message has had no outcome by "
        "then has failed. `queue create` makes queues that keep messages for so long.",
    )


class WorkerSettings(_Group):
    """What one process of `retrograph worker` takes on."""

    concurrency: int = Field(
        default=5, ge=1, le=200, description="How many users of the bulk queue it loads at the same time."
    )
    enrollment_concurrency: int = Field(
        default=2, ge=1, le=200, description="How many users of the queue of enrolments it loads at the same time."
    )
    rate_limit: float = Field(
        default=100.0,
        ge=0.1,
        le=10_000,
        description="How many calls a second it begins with, for each service. A service that pushes back halves it "
        "for a while. What a job sends is paced by the job.",
    )
    grace_seconds: float = Field(
        default=20.0,
        ge=0,
        le=3_600,
        description="Seconds that loads under way may take after the worker is told to end. What takes longer is given "
        "back to the queue.",
    )
