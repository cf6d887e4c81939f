"""Lists of ids that were uploaded: kept in the store for a day, so that any process can start a job from one."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import uuid4

from retrograph.errors import NotFound
from retrograph.jobs.frozen import FrozenItems, ListStore, freeze
from retrograph.jobs.keys import is_key

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
        """Records a list: first that it comes, and then what it holds."""
        ...

    async def sweep_uploads(self) -> None:
        """Drops the lists that are older than a day, those that never became whole among them."""
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
    """Freezes a list into the store. One that a crash leaves half written is found by nobody, and swept away."""
    upload = Upload(
        upload_id=str(uuid4()),
        list_id="",
        name=found.name,
        digest=found.digest,
        ids=0,
        repeated=found.repeated,
        blank=found.blank,
        created_by=who,
    )
    await store.keep(upload)
    frozen = await freeze(store, upload.upload_id, found.ids)
    upload = replace(upload, list_id=frozen.list_id, ids=frozen.ids)
    await store.keep(upload)
    return upload


async def find(store: UploadStore, upload_id: str) -> Upload:
    """Raises NotFound, also where it is older than a day."""
    found = await store.upload(upload_id) if is_key(upload_id) else None
    if found is None or not found.ids:
        raise NotFound("there is no such upload: they are kept for a day; upload the list again", field="upload_id")
    return found


async def ids_of(store: UploadStore, upload: Upload) -> AsyncIterator[str]:
    """The ids of a list, in their order."""
    async for item in FrozenItems(store, upload.list_id, upload.ids).walk(None):
        yield item.key
