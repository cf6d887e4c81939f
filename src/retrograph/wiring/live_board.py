"""How the live consumers stand, as every door tells it, and what an operator mends."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from retrograph.clock import Clock, to_millis
from retrograph.config import Settings
from retrograph.errors import ConfigurationError, MissingExtra, RetrographError
from retrograph.live.cluster import Topic
from retrograph.live.lag import Lag, judged
from retrograph.live.lane import Tally
from retrograph.wiring.live import topics_of

if TYPE_CHECKING:
    from retrograph.live.dead_letters import DeadLetterFile

SERVED_SECONDS: Final = 5.0
"""One look serves all who ask within so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLag:
    """One topic: its partitions and its dead letters that were not replayed, or why they cannot be seen. `here`: what
    the consumer of this very process has done, where it has one."""

    topic: Topic
    partitions: Sequence[Lag] = ()
    dead_letters: int = 0
    error: RetrographError | None = None
    here: Tally | None = None

    @property
    def behind(self) -> int:
        """Events that are there and not done with."""
        return sum(lag.behind for lag in self.partitions)

    @property
    def waiting(self) -> list[str]:
        """What this process waits for, in words."""
        return sorted({*self.here.waiting.values(), *self.here.lost.values()}) if self.here else []

    def as_json(self) -> dict[str, Any]:
        """As doors print it."""
        return {
            "form": self.topic.form,
            "topic": self.topic.name,
            "group": self.topic.group,
            "behind": self.behind,
            "dead_letters": self.dead_letters,
            "partitions": [lag.as_json() for lag in self.partitions],
            "waiting": self.waiting,
            "error": None if self.error is None else str(self.error),
        }


async def look_at_lag(
    settings: Settings, topics: Sequence[Topic], clock: Clock, here: Mapping[str, Tally] | None = None
) -> list[TopicLag]:
    """How far each group is behind, all asked at once; a cluster that does not answer takes nothing from the others."""
    asked = (_lag_of(settings, topic, clock, (here or {}).get(topic.name)) for topic in topics)
    return list(await asyncio.gather(*asked))


async def _lag_of(settings: Settings, topic: Topic, clock: Clock, here: Tally | None) -> TopicLag:
    from retrograph.live.kafka.groups import KafkaGroups

    groups = KafkaGroups()
    try:
        seen, dead = await groups.seen(topic), await groups.dead_letters(topic)
    except RetrographError as error:
        return TopicLag(topic=topic, error=error, here=here)
    now = to_millis(clock.now())
    poll = settings.live.batch
    lags = [judged(topic.form, topic.name, topic.group, each, poll=poll, now=now) for each in seen]
    return TopicLag(topic=topic, partitions=lags, dead_letters=dead, here=here)


class LiveBoard:
    """What a server tells of all the topics that are configured, whoever consumes them."""

    def __init__(self, settings: Settings, clock: Clock, here: Mapping[str, Tally]) -> None:
        self._settings = settings
        self._clock = clock
        self._here = here
        self._looking = asyncio.Lock()
        self._seen: list[TopicLag] = []
        self._seen_at = float("-inf")

    @property
    def topics(self) -> Sequence[Topic]:
        """Those that have a cluster; none where Kafka is not configured, or not installed."""
        try:
            return topics_of(self._settings)
        except (ConfigurationError, MissingExtra):
            return ()

    @property
    def counted(self) -> dict[tuple[str, ...], float]:
        """Events that the consumers of this process have ended, by topic and outcome."""
        counts: dict[tuple[str, ...], float] = {}
        for name, tally in self._here.items():
            ended = {**tally.counts, "dead-letter": tally.dead_letters}
            counts |= {(name, outcome): float(count) for outcome, count in ended.items()}
        return counts

    async def look(self) -> list[TopicLag]:
        """How each stands now, or stood within the last seconds."""
        async with self._looking:
            if self._clock.monotonic() - self._seen_at > SERVED_SECONDS:
                self._seen = await look_at_lag(self._settings, self.topics, self._clock, self._here)
                self._seen_at = self._clock.monotonic()
            return self._seen

    async def ping(self) -> bool:
        """Whether every cluster answers."""
        from retrograph.live.kafka.groups import KafkaGroups

        try:
            await asyncio.gather(*(KafkaGroups().ping(topic) for topic in self.topics))
        except RetrographError:
            return False
        return True


async def reset_lost(topic: Topic, *, latest: bool) -> int:
    """Where a committed offset is lost, go on at the earliest record there is, or at the end. Raises UsageError."""
    from retrograph.live.kafka.groups import KafkaGroups

    return await KafkaGroups().reset(topic, latest=latest)


def dead_letters_of(topic: Topic) -> "DeadLetterFile":
    """What an operator does with the dead letters of that topic's cluster."""
    from retrograph.live.kafka.letters import KafkaDeadLetters

    return KafkaDeadLetters(topic.cluster)
