"""Faults of what comes in: events from the beginning, everything twice and in no order, services that err or dawdle."""

import random
import time
from functools import partial

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.integration.event_stream import SETTINGS
from tests.integration.story import until
from tests.soak.actors import Actor
from tests.soak.company import Company
from tests.soak.faults import Fault, working
from tests.soak.play import Round
from tests.soak.stage import VISIBILITY_SECONDS
from tests.torture.verdict import often


class Replayed(Fault):
    name = "replay"
    title = "Kafka replayed from offset 0"
    holds = frozenset({"consumers"})
    most = 3

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._again = 0

    def begin(self, play: Round, chance: random.Random) -> float:
        company, stream = self.company, self.stage.stream
        company.dismiss_consumers()
        self._again += stream.done_with()
        admin = AdminClient({"bootstrap.servers": stream.kafka.brokers, "log_level": 0})
        for form in SETTINGS:
            until(partial(self._rewound, admin, form), f"{form} begin anew")
        company.start_consumers()
        for consumer in company.consumers:
            consumer.until_ready()
        return 0

    def _rewound(self, admin: AdminClient, form: str) -> bool:
        """A group whose member was killed has it for a while."""
        stream = self.stage.stream
        group = stream.settings()[f"{SETTINGS[form]}_group"]
        places = [TopicPartition(stream.topic(form), number, 0) for number in range(stream.partitions)]
        asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
        try:
            done = asked[group].result(30)
        except KafkaException:
            time.sleep(0.2)
            return False
        return not any(place.error for place in done.topic_partitions)

    @property
    def injected(self) -> str:
        return f"all groups set back {often(self.times)}: {self._again:,} events came again"


class Doubled(Fault):
    name = "disorder"
    title = "Duplicates and disorder in both inputs"
    holds = frozenset({"inputs"})

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._events = self._messages = 0

    def begin(self, play: Round, chance: random.Random) -> float:
        events = list(play.told.during)
        chance.shuffle(events)
        play.publish(tuple(events))
        self._events += len(events)
        self._messages += self.stage.queues.double()
        return 0

    @property
    def injected(self) -> str:
        return f"{self._events:,} events once more, shuffled each time; {self._messages:,} messages sent once more"


class VisibilityTooShort(Fault):
    name = "visibility"
    title = "SQS visibility too short for the load"
    holds = frozenset({"history", "workers"})
    most = 3

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._frozen: Actor | None = None

    def begin(self, play: Round, chance: random.Random) -> float:
        """Loads become slow; a worker that stands still cannot have its messages extended."""
        self.stage.history.misbehave(latency={"fixed_ms": 700, "jitter_ms": 300})
        time.sleep(chance.uniform(1, 2))
        self._frozen = working(self.company.workers, chance)
        self._frozen.freeze()
        return VISIBILITY_SECONDS + chance.uniform(0.5, 2)

    def end(self) -> None:
        if self._frozen is not None:
            self._frozen.thaw()
        self.stage.history.misbehave()

    @property
    def injected(self) -> str:
        return (
            f"answers of the services held back by 0.7 to 1 s, a visibility of {VISIBILITY_SECONDS} s; a worker frozen "
            f"for longer than that, {often(self.times)}"
        )


class HistoryErrors(Fault):
    name = "history-errors"
    title = "History services at 20 % errors"
    holds = frozenset({"history"})
    most = 2

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self._seconds = 0.0

    def begin(self, play: Round, chance: random.Random) -> float:
        self.stage.history.misbehave(server_errors=0.14, dropped=0.06)
        seconds = chance.uniform(6, 10)
        self._seconds += seconds
        return seconds

    def end(self) -> None:
        self.stage.history.misbehave()

    @property
    def injected(self) -> str:
        return f"14 % of the answers were 5xx and 6 % of the connections dropped, for {self._seconds:.0f} s"
