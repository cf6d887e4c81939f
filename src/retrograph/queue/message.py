"""A request to load one user, as it travels: the document that every producer and worker of the queues agrees on.

Unknown fields are ignored. What makes two requests the same is their id: that of a job's message is derived from the
job, the user and the attempt, so that a send repeated after a crash is the same request.
"""

import json
from typing import Final, Literal, TypeAlias
from uuid import UUID, uuid4, uuid5

import msgspec

from retrograph.clock import iso
from retrograph.errors import RetrographError, UsageError
from retrograph.facts import InvalidId, clean_id
from retrograph.jobs.parameters import read_instant

EVENT_TYPE: Final = "user_load_request"
LONGEST_BYTES: Final = 262_144
_NAMESPACE: Final = UUID("6b7c1f0e-3f0a-5f0b-9d5e-6a0f5a3b9c11")

Reason: TypeAlias = Literal["batch_backfill", "enrollment", "newly_enabled"]
Priority: TypeAlias = Literal["low", "high"]


class Undecodable(RetrographError):
    """A message that is no request: its reason is for the log, where its text must not be."""


class LoadRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One user to load. Instants are RFC 3339 in UTC. Fields with a default are optional."""

    event_type: Literal["user_load_request"] = EVENT_TYPE
    user_id: str
    reason: Reason
    requested_at: str
    lookback_days: int
    request_id: str
    priority: Priority = "low"
    job_key: str | None = None
    as_of: str | None = None
    """The end of the window, excluded; `None`: the moment of the load."""
    attempt: int = 1
    graph_id: str | None = None
    """The graph it is meant for; `None`: whichever the worker writes to."""

    @property
    def until(self) -> int | None:
        """The end of the window in milliseconds."""
        return None if self.as_of is None else read_instant(self.as_of)


def request_id(job_id: str, user_id: str, attempt: int) -> str:
    """The id of a job's request."""
    return f"backfill-{uuid5(_NAMESPACE, f'{job_id}/{attempt}/{user_id}')}"


def new_request_id(reason: Reason) -> str:
    """The id of a request that belongs to no job."""
    return f"{reason}-{uuid4()}"


def encode(request: LoadRequest) -> str:
    """The body. Everything that the contract names is written, defaults included; in ASCII, because SQS refuses some
    characters that an id may hold."""
    document = msgspec.structs.asdict(request)
    optional = ("job_key", "as_of", "graph_id")
    kept = {name: value for name, value in document.items() if value is not None or name not in optional}
    return json.dumps(kept, separators=(",", ":"))


def decode(body: str) -> LoadRequest:
    """The request in a body. Raises Undecodable."""
    try:
        request = _DECODER.decode(body)
        user_id = clean_id(request.user_id)
        _ = request.until
    except msgspec.MsgspecError as error:
        raise Undecodable(f"it is no request to load a user: {_reason(error)}") from None
    except InvalidId as error:
        raise Undecodable(f"its user_id is not an id: {error}") from None
    except UsageError:
        raise Undecodable("its as_of is not an instant") from None
    if not 1 <= request.lookback_days <= 3_650:
        raise Undecodable(f"its lookback_days is {request.lookback_days}, not 1-3,650")
    return request if user_id == request.user_id else msgspec.structs.replace(request, user_id=user_id)


def of_job(
    *,
    job_id: str,
    job_key: str,
    graph_id: str,
    user_id: str,
    attempt: int,
    as_of: int,
    lookback_days: int,
    now: int,
    reason: Reason = "batch_backfill",
) -> LoadRequest:
    """The request of a job for one of its users; instants in milliseconds."""
    return LoadRequest(
        user_id=user_id,
        reason=reason,
        requested_at=iso(now),
        lookback_days=lookback_days,
        request_id=request_id(job_id, user_id, attempt),
        job_key=job_key,
        as_of=iso(as_of),
        attempt=attempt,
        graph_id=graph_id,
    )


_DECODER: Final = msgspec.json.Decoder(LoadRequest)


def _reason(error: Exception) -> str:
    # Words of the message itself may be in a decoder's complaint: only what it says about the shape is passed on.
    return str(error).split(" - ")[-1][:120]
