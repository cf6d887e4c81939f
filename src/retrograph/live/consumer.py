"""One member of one consumer group: a lane a partition, all of them side by side.

The log is polled all the time, whatever the lanes are doing, so that the group takes the member for alive.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from retrograph.live.lane import Lane, Means, Tally
from retrograph.live.log import Partition, Record

FINISH_SECONDS: Final = 20.0
"""How long a batch may take to end before its partition is handed over; one that takes longer is dropped."""

_log = structlog.get_logger()


class Consumer:
    """Reads one topic until it is told to end. `means.log` is this member's own."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._lanes: dict[Partition, Lane] = {}
        self._ending = asyncio.Event()

    @property
    def tally(self) -> Tally:
        """What it has done, and what it waits for."""
        return self._means.tally

    def end(self) -> None:
        """The batches under way are finished, then `run` returns."""
        self._ending.set()
        self._means.log.interrupt()

    async def run(self) -> None:
        """Until `end`. Raises DependencyDown where this member has to be made anew."""
        log = self._means.log
        log.join(self)
        try:
            while not self._ending.is_set():
                polled = await log.poll()
                self._hand_out(polled.records)
                for partition, why in polled.lost.items():
                    self._lose(partition, why)
                await self._flow()
            await self.taken(list(self._lanes), lost=False)
        finally:
            for lane in list(self._lanes.values()):
                await lane.drop()
            await log.close()
            self._lanes.clear()
            self._told()

    async def given(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._lanes[partition] = Lane(partition, self._means)
            self.tally.lost.pop(partition, None)
        self._told()
        _log.info("partitions-given", partitions=[partition.number for partition in partitions])

    async def taken(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        lanes = [self._lanes.pop(partition) for partition in partitions if partition in self._lanes]
        self._told()
        await asyncio.gather(*(lane.drop() if lost else lane.finish(FINISH_SECONDS) for lane in lanes))
        _log.info("partitions-taken", partitions=[partition.number for partition in partitions], lost=lost)

    def _hand_out(self, records: Mapping[Partition, Sequence[Record]]) -> None:
        for partition, of_partition in records.items():
            lane = self._lanes.get(partition)
            if lane is not None:
                lane.take(of_partition)

    def _lose(self, partition: Partition, why: str) -> None:
        if partition not in self.tally.lost:
            _log.error("offset-lost", topic=partition.topic, partition=partition.number, error=why)
        self.tally.lost[partition] = why

    async def _flow(self) -> None:
        """Pauses the lanes that want nothing more, resumes those that do again."""
        changed = [lane for lane in self._lanes.values() if lane.paused != lane.wants_pause]
        pausing = [lane for lane in changed if not lane.paused]
        resuming = [lane for lane in changed if lane.paused]
        if pausing:
            await self._means.log.pause([lane.partition for lane in pausing])
        if resuming:
            await self._means.log.resume([lane.partition for lane in resuming])
        for lane in changed:
            lane.paused = not lane.paused

    def _told(self) -> None:
        self.tally.partitions = frozenset(self._lanes)
        for gone in set(self.tally.lost) - set(self._lanes):
            del self.tally.lost[gone]
