"""Where a command that sends users through a queue must give up: whom it has not sent, in a file to go on with."""

from collections.abc import AsyncIterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from retrograph.cli.output import warn
from retrograph.errors import RetrographError, UsageError
from retrograph.jobs.state import HELD, JobState

if TYPE_CHECKING:
    from retrograph.service import Service

SUFFIX: Final = ".remaining.txt"


async def keep_remaining(service: "Service", job_id: str) -> None:
    """Writes the ids that were not sent, one a line; a job that has sent everything leaves no file."""
    try:
        job = await service.show(job_id)
    except RetrographError:
        return  # a store that is away has said so already
    if job.parameters.executor != "queue" or job.spec.dry_run:
        return
    file = Path(f"{job.key}{SUFFIX}")
    if job.state in HELD or job.state is JobState.SUCCEEDED:
        _drop(file)
        return
    if count := await written(service.unsent(job_id), file):
        warn(f"{count:,} users were not sent; they are in {file}: --resume-from {file} goes on with them")


def _drop(file: Path) -> None:
    file.unlink(missing_ok=True)


def key_of(file: Path) -> str | None:
    """The key of the job that has left this file; `None` where the file is another one."""
    return file.name.removesuffix(SUFFIX) if file.name.endswith(SUFFIX) else None


async def written(ids: AsyncIterable[str], file: Path) -> int:
    """One id a line; the file appears when it is whole, and not at all without an id. Raises UsageError."""
    part, count = file.with_name(f"{file.name}.part"), 0
    try:
        with part.open("w", encoding="utf-8") as out:
            async for one in ids:
                out.write(one + "\n")
                count += 1
        if count:
            part.replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return count
