"""The job store on SQL: one transaction for each verb. The statements are in `jobs/sql/`, by what they are for."""

from collections.abc import Sequence

from sqlalchemy import text

from retrograph.jobs.job import Failure, Job, LogEvent, Run, Sample
from retrograph.jobs.sql import checkpoints, claims, freezing, moves, operators, reading
from retrograph.jobs.state import HELD
from retrograph.jobs.store import (
    Asked,
    Checkpoint,
    Claim,
    ClaimAnswer,
    Ending,
    FailureQuery,
    FailureSummary,
    JobPage,
    JobQuery,
    Lease,
    NewJob,
    Selection,
)
from retrograph.store.engine import Database


class SqlJobStore:
    """`JobStore` over SQLite or PostgreSQL. The database is migrated before, and closed with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ping(self) -> None:
        async with self._database.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._database.close()

    async def accept(self, job: NewJob, who: str) -> Job:
        async with self._database.write() as connection:
            return await operators.accept(self._database, connection, job, who)

    async def discard(self, job_id: str) -> None:
        async with self._database.write() as connection:
            await operators.discard(self._database, connection, job_id)

    async def freeze(self, job_id: str, list_id: str, first: int, chunks: Sequence[tuple[int, bytes]]) -> None:
        async with self._database.write() as connection:
            await freezing.add_chunks(connection, job_id, list_id, first, chunks)

    async def seal(self, job_id: str, list_id: str, ids: int) -> Job:
        async with self._database.write() as connection:
            return await operators.seal(self._database, connection, job_id, list_id, ids)

    async def forget(self, list_id: str) -> None:
        async with self._database.write() as connection:
            await freezing.forget(connection, list_id)

    async def chunk(self, list_id: str, number: int) -> bytes | None:
        async with self._database.read() as connection:
            return await freezing.read_chunk(connection, list_id, number)

    async def claim(self, claim: Claim) -> ClaimAnswer:
        async with self._database.write() as connection:
            return await claims.claim(self._database, connection, claim)

    async def renew(self, lease: Lease, lease_ms: int) -> Asked | None:
        async with self._database.write() as connection:
            return await checkpoints.renew(self._database, connection, lease, lease_ms)

    async def checkpoint(self, lease: Lease, checkpoint: Checkpoint, lease_ms: int) -> Asked | None:
        async with self._database.write() as connection:
            return await checkpoints.checkpoint(self._database, connection, lease, checkpoint, lease_ms)

    async def end(self, lease: Lease, checkpoint: Checkpoint, ending: Ending) -> Job:
        async with self._database.write() as connection:
            await checkpoints.end(self._database, connection, lease, checkpoint, ending)
        return await self.get(lease.job_id)

    async def bury(self) -> Sequence[Job]:
        async with self._database.read() as connection:
            dead = await reading.expired(connection, await self._database.now(connection))
        return [job for job_id in dead if (job := await self._bury(job_id)).state not in HELD]

    async def _bury(self, job_id: str) -> Job:
        async with self._database.write() as connection:
            row, now = await moves.locked_now(self._database, connection, job_id)
            await moves.bury_one(connection, row, now)
            return await moves.read_job(connection, job_id)

    async def stop(self, job_id: str, who: str, why: str) -> Job:
        async with self._database.write() as connection:
            return await operators.stop(self._database, connection, job_id, who, why)

    async def cancel(self, job_id: str, who: str, why: str) -> Job:
        async with self._database.write() as connection:
            return await operators.cancel(self._database, connection, job_id, who, why)

    async def fail(self, job_id: str, who: str, message: str) -> Job:
        async with self._database.write() as connection:
            return await operators.fail(self._database, connection, job_id, who, message)

    async def archive(self, job_id: str, who: str) -> Job:
        async with self._database.write() as connection:
            return await operators.archive(self._database, connection, job_id, who)

    async def attend(self, job_id: str) -> Job:
        async with self._database.write() as connection:
            return await operators.attend(self._database, connection, job_id)

    async def note(self, job_id: str, who: str, what: str, why: str | None = None) -> None:
        async with self._database.write() as connection:
            await operators.note(self._database, connection, job_id, who, what, why)

    async def find(self, graph_id: str, key: str) -> Job | None:
        async with self._database.read() as connection:
            return await reading.find(connection, graph_id, key)

    async def get(self, job_id: str) -> Job:
        async with self._database.read() as connection:
            return await moves.read_job(connection, job_id)

    async def named(self, key: str) -> Sequence[Job]:
        async with self._database.read() as connection:
            return await reading.named(connection, key)

    async def page(self, query: JobQuery) -> JobPage:
        async with self._database.read() as connection:
            return await reading.page(connection, query)

    async def resumable(self) -> Sequence[Job]:
        async with self._database.read() as connection:
            return await reading.resumable(connection)

    async def failures(self, job_id: str, query: FailureQuery) -> Sequence[Failure]:
        async with self._database.read() as connection:
            return await reading.list_failures(connection, job_id, query)

    async def count_failures(self, job_id: str, selection: Selection) -> int:
        async with self._database.read() as connection:
            return await reading.count_failures(connection, job_id, selection)

    async def failure_summary(self, job_id: str) -> FailureSummary:
        async with self._database.read() as connection:
            return await reading.failure_summary(connection, job_id)

    async def log(self, job_id: str, after: int = 0, limit: int = 500) -> Sequence[LogEvent]:
        async with self._database.read() as connection:
            return await reading.log(connection, job_id, after, limit)

    async def runs(self, job_id: str, limit: int = 50) -> Sequence[Run]:
        async with self._database.read() as connection:
            return await reading.list_runs(connection, job_id, limit)

    async def samples(self, job_id: str, since: int) -> Sequence[Sample]:
        async with self._database.read() as connection:
            return await reading.list_samples(connection, job_id, since)
