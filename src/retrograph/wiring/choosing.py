"""Which users a start is for, however a door has been told: the one place that turns words into a kind's source."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from retrograph.clock import iso
from retrograph.config import Settings
from retrograph.errors import UsageError
from retrograph.jobs.job import Parameters
from retrograph.jobs.keys import DRY_RUN_SUFFIX
from retrograph.service import Service
from retrograph.wiring import purchases
from retrograph.wiring.identity import ConfiguredUsers

GRAPH_SOURCES = ("neo4j", "graph")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a caller says about users: one of these, or none where the kind or the key says it."""

    user_ids: Sequence[str] | None = None
    s3_uri: str | None = None
    source: str | None = None
    upload_id: str | None = None
    job: str | None = None
    """A job that has frozen them already."""

    def names(self) -> list[str]:
        """Those that were given."""
        said = {
            "user_ids": self.user_ids,
            "s3_uri": self.s3_uri,
            "source": self.source,
            "upload_id": self.upload_id,
            "job": self.job,
        }
        return [name for name, value in said.items() if value is not None]


async def source_of(
    service: Service, settings: Settings, kind: str, chosen: Chosen, key: str | None, *, reset: bool
) -> object:
    """What `StartRequest.source` wants. Raises UsageError naming the field, NotFound, DependencyDown."""
    given = chosen.names()
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are given together: choose one of them", field=given[1])
    if kind == "identity":
        if given:
            raise UsageError("a backfill of identities walks the configured users table: it takes none", field=given[0])
        return ConfiguredUsers()
    if given:
        with _about(given[0]):
            return await _named(service, chosen)
    if key is None or reset:
        raise UsageError("say which users to load: user_ids, s3_uri, upload_id or source", field="user_ids")
    job = await service.show(key)
    return purchases.FrozenUsers(digest=job.spec.digest, source=dict(job.spec.source))


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """What a start means that names a key alone. `window` are parameters that hold where none are given."""

    key: str | None
    source: purchases.UserSource
    window: Mapping[str, object]
    parameters: Parameters | None = None
    """Those of the job that goes on."""


async def continued(service: Service, key: str, *, dry_run: bool) -> Continued:
    """The job of that key goes on with the users that it has frozen. Where there is only its dry run, the real job
    begins with the users and the window that were tried; in the same way a job can be tried that stands.

    Raises NotFound.
    """
    job = await service.show(key)
    ids = None if job.list_id is None else service.items(job.job_id)
    source = purchases.FrozenUsers(digest=job.spec.digest, source=dict(job.spec.source), ids=ids)
    if job.spec.dry_run == dry_run:
        return Continued(key=job.key, source=source, window={}, parameters=job.parameters)
    window = {"as_of": iso(job.spec.as_of), "lookback_days": job.spec.lookback_days}
    name = job.key if dry_run else job.key.removesuffix(DRY_RUN_SUFFIX)
    return Continued(key=name, source=source, window=window)


async def _named(service: Service, chosen: Chosen) -> purchases.UserSource:
    if chosen.user_ids is not None:
        return await purchases.users_inline(chosen.user_ids)
    if chosen.s3_uri is not None:
        return await purchases.users_in_s3(chosen.s3_uri)
    if chosen.upload_id is not None:
        upload, ids = await service.upload(chosen.upload_id)
        return purchases.UploadedUsers(upload=upload, ids=ids)
    if chosen.job is not None:
        like = await service.show(chosen.job)
        return purchases.FrozenUsers(
            digest=like.spec.digest, source=dict(like.spec.source), ids=service.items(like.job_id)
        )
    if chosen.source not in GRAPH_SOURCES:
        raise UsageError("source can only be neo4j, which stands for the graph's users")
    return purchases.GraphUsers()


@contextmanager
def _about(field: str) -> Iterator[None]:
    """What is wrong within the block is wrong with that field."""
    try:
        yield
    except UsageError as error:
        error.field = error.field or field
        raise
