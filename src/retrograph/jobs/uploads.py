"""Lists of ids that were uploaded: kept in the store for a day, so that any process can start a job from one."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import uuid4

from retrograph.errors import NotFound
from retrograph.jobs.frozen import FrozenItems, ListStore, freeze

KEPT_MS: Final = 86_400_000
"""A job copies the list when it starts, so an upload is only needed until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One list: what it is called, the digest of its ids, and how many of its lines were no new id."""

    upload_id: str
    list_id: str
    name: str
    digest: str
    ids: int
    repeated: int
    blank: int
    created_by: str


class UploadStore(ListStore, Protocol):
    """What uploads need of the job store."""

    async def keep(self, upload: Upload) -> None:
        """Records a list whose ids are frozen, and drops those that are older than a day."""
        ...

    async def upload(self, upload_id: str) -> Upload | None:
        """The list of that id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A list as its reader found it."""

    name: str
    digest: str
    repeated: int
    blank: int
    ids: AsyncIterable[str]


async def keep(store: UploadStore, found: Counted, who: str) -> Upload:
    """Freezes a list into the store. A crash in the middle leaves chunks that nobody finds."""
    upload_id = str(uuid4())
    frozen = await freeze(store, upload_id, found.ids)
    upload = Upload(
        upload_id=upload_id,
        list_id=frozen.list_id,
        name=found.name,
        digest=found.digest,
        ids=frozen.ids,
        repeated=found.repeated,
        blank=found.blank,
        created_by=who,
    )
    await store.keep(upload)
    return upload


async def find(store: UploadStore, upload_id: str) -> Upload:
    """Raises NotFound, also where it is older than a day."""
    found = await store.upload(upload_id)
    if found is None:
        raise NotFound("there is no such upload: they are kept for a day; upload the list again", field="upload_id")
    return found


async def ids_of(store: UploadStore, upload: Upload) -> AsyncIterator[str]:
    """The ids of a list, in their order."""
    async for item in FrozenItems(store, upload.list_id, upload.ids).walk(None):
        yield item.key
