"""The job store on SQL: one transaction for each verb. The statements are in `jobs/sql/`, by what they are for."""

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, text

from retrograph.jobs.job import Failure, Job, LogEvent, Run, Sample
from retrograph.jobs.outcomes import Attempt, ItemOutcome, Settled
from retrograph.jobs.queries import (
    Changes,
    FailureQuery,
    FailureSummary,
    Glance,
    JobPage,
    JobQuery,
    JobTally,
    Mark,
    Selection,
)
from retrograph.jobs.sql import (
    checkpoints,
    claims,
    freezing,
    listing,
    moves,
    news,
    operators,
    reading,
    settling,
    uploads,
)
from retrograph.jobs.sql.glances import glances
from retrograph.jobs.sql.outcomes import answered, expire, noted, record
from retrograph.jobs.state import HELD
from retrograph.jobs.store import Asked, Checkpoint, Claim, ClaimAnswer, Ending, Held, Lease, NewJob
from retrograph.jobs.uploads import Upload
from retrograph.store.engine import Database


class SqlJobStore:
    """`JobStore` over SQLite or PostgreSQL. The database is migrated before, and closed with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ping(self) -> None:
        await self._database.read(_ping)

    async def close(self) -> None:
        await self._database.close()

    async def accept(self, job: NewJob, who: str) -> Job:
        return await self._database.write(partial(operators.accept, self._database, new=job, who=who))

    async def discard(self, job_id: str, *, whole: bool = False) -> None:
        await self._database.write(partial(operators.discard, self._database, job_id=job_id, whole=whole))

    async def freeze(self, job_id: str, list_id: str, first: int, chunks: Sequence[tuple[int, bytes]]) -> None:
        await self._database.write(
            partial(freezing.add_chunks, job_id=job_id, list_id=list_id, first=first, packed=chunks)
        )

    async def seal(self, job_id: str, list_id: str, ids: int) -> Job:
        return await self._database.write(
            partial(operators.seal, self._database, job_id=job_id, list_id=list_id, ids=ids)
        )

    async def forget(self, list_id: str) -> None:
        await self._database.write(partial(freezing.forget, list_id=list_id))

    async def chunk(self, list_id: str, number: int) -> bytes | None:
        return await self._database.read(partial(freezing.read_chunk, list_id=list_id, number=number))

    async def keep(self, upload: Upload) -> None:
        await self._database.write(partial(uploads.keep, self._database, upload=upload))

    async def sweep_uploads(self) -> None:
        await self._database.write(partial(uploads.sweep, self._database))

    async def upload(self, upload_id: str) -> Upload | None:
        return await self._database.read(partial(uploads.read, self._database, upload_id=upload_id))

    async def claim(self, claim: Claim) -> ClaimAnswer:
        return await self._database.write(partial(claims.claim, self._database, wanted=claim))

    async def rival(self, lane: str) -> Held | None:
        return await self._database.write(partial(claims.rival, self._database, lane=lane))

    async def renew(self, lease: Lease, lease_ms: int) -> Asked | None:
        return await self._database.write(partial(checkpoints.renew, self._database, lease=lease, lease_ms=lease_ms))

    async def checkpoint(self, lease: Lease, checkpoint: Checkpoint, lease_ms: int) -> Asked | None:
        return await self._database.write(
            partial(checkpoints.checkpoint, self._database, lease=lease, wanted=checkpoint, lease_ms=lease_ms)
        )

    async def end(self, lease: Lease, checkpoint: Checkpoint, ending: Ending) -> Job:
        return await self._database.write(
            partial(checkpoints.end, self._database, lease=lease, wanted=checkpoint, ending=ending)
        )

    async def bury(self) -> Sequence[Job]:
        dead = await self._database.read(partial(reading.expired, self._database))
        buried = [await self._database.write(partial(moves.bury, self._database, job_id=job_id)) for job_id in dead]
        return [job for job in buried if job.state not in HELD]

    async def record(self, job_id: str, outcomes: Sequence[ItemOutcome]) -> None:
        await self._database.write(partial(record, self._database, job_id=job_id, ended=outcomes))

    async def answered(self, job_id: str, attempts: Sequence[Attempt]) -> Mapping[Attempt, str]:
        return await self._database.read(partial(answered, job_id=job_id, attempts=attempts))

    async def noted(self, job_id: str, attempts: Sequence[Attempt]) -> frozenset[Attempt]:
        return await self._database.read(partial(noted, job_id=job_id, attempts=attempts))

    async def settle(self, job_id: str) -> Settled:
        return await self._database.write(partial(settling.settle, self._database, job_id=job_id))

    async def expire(self, job_id: str, after_ms: int) -> int:
        return await self._database.write(partial(expire, self._database, job_id=job_id, after_ms=after_ms))

    async def stop(self, job_id: str, who: str, why: str) -> Job:
        return await self._database.write(partial(operators.stop, self._database, job_id=job_id, who=who, why=why))

    async def cancel(self, job_id: str, who: str, why: str) -> Job:
        return await self._database.write(partial(operators.cancel, self._database, job_id=job_id, who=who, why=why))

    async def fail(self, job_id: str, who: str, message: str) -> Job:
        return await self._database.write(
            partial(operators.fail, self._database, job_id=job_id, who=who, message=message)
        )

    async def archive(self, job_id: str, who: str) -> Job:
        return await self._database.write(partial(operators.archive, self._database, job_id=job_id, who=who))

    async def attend(self, job_id: str) -> Job:
        return await self._database.write(partial(operators.attend, self._database, job_id=job_id))

    async def note(self, job_id: str, who: str, what: str, why: str | None = None) -> None:
        await self._database.write(partial(operators.note, self._database, job_id=job_id, who=who, what=what, why=why))

    async def find(self, graph_id: str, key: str) -> Job | None:
        return await self._database.read(partial(reading.find, graph_id=graph_id, key=key))

    async def get(self, job_id: str) -> Job:
        return await self._database.read(partial(moves.read_job, job_id=job_id))

    async def named(self, key: str) -> Sequence[Job]:
        return await self._database.read(partial(reading.named, key=key))

    async def page(self, query: JobQuery) -> JobPage:
        return await self._database.read(partial(listing.page, self._database, query=query))

    async def tally(self, kind: str | None = None) -> JobTally:
        return await self._database.read(partial(listing.tally, kind=kind))

    async def changes(self, after: Mark | None, limit: int = 500) -> Changes:
        return await self._database.read(partial(news.changes, self._database, after=after, limit=limit))

    async def resumable(self) -> Sequence[Job]:
        return await self._database.read(reading.resumable)

    async def failures(self, job_id: str, query: FailureQuery) -> Sequence[Failure]:
        return await self._database.read(partial(reading.list_failures, job_id=job_id, query=query))

    async def count_failures(self, job_id: str, selection: Selection) -> int:
        return await self._database.read(partial(reading.count_failures, job_id=job_id, selection=selection))

    async def failure_summary(self, job_id: str) -> FailureSummary:
        return await self._database.read(partial(reading.failure_summary, job_id=job_id))

    async def log(self, job_id: str, after: int = 0, limit: int = 500) -> Sequence[LogEvent]:
        return await self._database.read(partial(reading.log, job_id=job_id, after=after, limit=limit))

    async def latest_log(self, job_id: str, limit: int) -> Sequence[LogEvent]:
        return await self._database.read(partial(reading.latest_log, job_id=job_id, limit=limit))

    async def runs(self, job_id: str, limit: int = 50) -> Sequence[Run]:
        return await self._database.read(partial(reading.list_runs, job_id=job_id, limit=limit))

    async def samples(self, job_id: str, since: int) -> Sequence[Sample]:
        return await self._database.read(partial(reading.list_samples, job_id=job_id, since=since))

    async def several(self, job_ids: Sequence[str]) -> Sequence[Job]:
        return await self._database.read(partial(reading.several, job_ids=job_ids))

    async def glances(self, job_ids: Sequence[str], since: int) -> Mapping[str, Glance]:
        return await self._database.read(partial(glances, job_ids=job_ids, since=since))


def _ping(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))
