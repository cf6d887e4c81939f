"""The objects of a place, listed into the job's ledger and walked from there, in an order that stays."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from retrograph.blobs.place import Found, Place
from retrograph.errors import RetrographError
from retrograph.jobs.objects import Ahead, Listed, ObjectLedger, ObjectQuery
from retrograph.jobs.work import Item

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which objects: those whose key fits the pattern, last modified between these instants (milliseconds, the second
    excluded). `read_as` says how they are read: the same bytes read otherwise are other content."""

    pattern: str = "*"
    since: int | None = None
    until: int | None = None
    read_as: str = ""

    def fits(self, found: Found) -> bool:
        """Whether the object is one of them. A `*` stands for slashes as well."""
        name = found.key.rpartition("/")[2]
        if not name or not (fnmatchcase(name, self.pattern) or fnmatchcase(found.key, self.pattern)):
            return False
        early = self.since is not None and found.modified_at < self.since
        late = self.until is not None and found.modified_at >= self.until
        return not (early or late)


class EventFiles:
    """A `Source` of one job. A cursor is the object's number in the ledger. `again`: what another job has ingested is
    read as well."""

    def __init__(
        self,
        place: Place,
        ledger: ObjectLedger,
        wanted: Wanted,
        *,
        job_id: str,
        graph_id: str,
        most: int,
        again: bool,
        ahead: Ahead,
        told: Callable[[str], Awaitable[None]],
    ) -> None:
        self._place = place
        self._ledger = ledger
        self._wanted = wanted
        self._job_id = job_id
        self._graph_id = graph_id
        self._most = most
        self._again = again
        self._ahead = ahead
        self._told = told

    async def discover(self) -> int | None:
        """Lists the place as it streams in. Begun again after a crash, it begins anew."""
        await self._ledger.begin(self._job_id, self._graph_id)
        count = 0
        async for page in self._place.listed():
            found = [self._listed(one) for one in page if self._wanted.fits(one)]
            if count + len(found) > self._most:
                raise RetrographError(
                    f"there are more than {self._most:,} objects below {self._place.uri}: narrow the prefix or the "
                    "pattern, or raise RETROGRAPH_FILES_MOST_OBJECTS"
                )
            if found:
                await self._ledger.add(self._job_id, count + 1, found)
            count += len(found)
        looked_for = self._ledger.unchanged if self._again else self._ledger.pass_over
        if unchanged := await looked_for(self._job_id, self._graph_id):
            await self._told(f"{unchanged:,} of its {count:,} objects are unchanged since another job ingested them")
        return count

    async def walk(self, after: str | None) -> AsyncIterator[Item]:
        """The objects in the order of their numbers."""
        number = int(after or 0)
        while page := await self._ledger.page(self._job_id, ObjectQuery(after=number, limit=_PAGE)):
            self._ahead.put(page)
            for entry in page:
                yield Item(entry.key, str(entry.number))
            number = page[-1].number

    def _listed(self, found: Found) -> Listed:
        words: Sequence[str] = (self._place.address(found.key), found.version, str(found.size), self._wanted.read_as)
        return Listed(
            key=found.key,
            size=found.size,
            version=found.version,
            modified_at=found.modified_at,
            content=hashlib.sha256("\0".join(words).encode()).hexdigest()[:32],
        )
