"""A list of ids as it is uploaded: read like a file of ids, then kept in the store."""

from collections.abc import AsyncIterator

from retrograph.errors import UsageError
from retrograph.jobs.uploads import Counted, Upload
from retrograph.service import Service
from retrograph.sources.user_ids import ids_from_list


async def take_upload(service: Service, blocks: AsyncIterator[bytes], name: str, who: str) -> Upload:
    """Raises UsageError with the number of a line that is wrong, TooLarge."""
    try:
        found = await ids_from_list(blocks, name)
    except UsageError as error:
        error.field = "file"
        raise
    counted = Counted(name=name, digest=found.digest, repeated=found.repeated, blank=found.blank, ids=found.each())
    return await service.keep_upload(counted, who)
