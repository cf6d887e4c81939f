"""From settings to the live consumers."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.util import find_spec
from typing import Any, Final

import structlog

from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.config.live import FactoidsSettings, IdentityEventsSettings, KafkaSettings, ReceiptEventsSettings
from retrograph.errors import ConfigurationError, DependencyDown, MissingExtra, RetrographError
from retrograph.flags.gate import Gate
from retrograph.graph.identity_writer import IdentityWriter
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter
from retrograph.live.cluster import FORMS, Cluster, Form, Topic
from retrograph.live.consumer import Consumer
from retrograph.live.lane import Means, Tally, Writes
from retrograph.loading.events import EventLoad, Factoids, IdentityEvents, Receipts
from retrograph.wiring.identity import check_extra, identifiers_of
from retrograph.wiring.upstream import open_enrichment

RESTART_SECONDS: Final = 5.0
END_SECONDS: Final = 30.0
"""How long the batches under way may take, once told to end, and leaving the groups."""

_log = structlog.get_logger()


def topics_of(settings: Settings, only: Collection[str] = ()) -> list[Topic]:
    """The topics that have a cluster. `only`: these forms. Raises ConfigurationError, MissingExtra."""
    if find_spec("confluent_kafka") is None:
        raise MissingExtra("kafka", "kafka")
    if strange := sorted(set(only) - set(FORMS)):
        raise ConfigurationError(f"{strange[0]} is no form of events: they are {', '.join(FORMS)}")
    found = [_topic(settings, form) for form in FORMS if not only or form in only]
    topics = [topic for topic in found if topic is not None]
    if not topics:
        raise ConfigurationError("RETROGRAPH_KAFKA_BROKERS is not set: it names the brokers that events come from")
    return topics


def topic_named(settings: Settings, name: str) -> Topic:
    """The topic of that name, or of that form. Raises ConfigurationError."""
    topics = topics_of(settings)
    for topic in topics:
        if name in (topic.name, topic.form):
            return topic
    known = ", ".join(topic.name for topic in topics)
    raise ConfigurationError(f"{name} is none of the topics that are read: they are {known}")


def _topic(settings: Settings, form: Form) -> Topic | None:
    own: Mapping[Form, ReceiptEventsSettings | FactoidsSettings | IdentityEventsSettings] = {
        "receipts": settings.receipt_events,
        "factoids": settings.factoids,
        "identity": settings.identity_events,
    }
    found = own[form]
    cluster = _cluster(found, settings.kafka)
    return Topic(form=form, name=found.topic, group=found.group, cluster=cluster) if cluster else None


def _cluster(own: KafkaSettings, common: KafkaSettings) -> Cluster | None:
    """What a topic's own settings leave out comes from the common ones, unless it has brokers of its own."""
    if own.brokers is None and common.brokers is not None:
        given = {name: getattr(own, name) for name in own.model_fields_set & KafkaSettings.model_fields.keys()}
        own = common.model_copy(update=given)
    if own.brokers is None:
        return None
    signs_in = own.protocol.startswith("SASL")
    return Cluster(
        brokers=own.brokers,
        protocol=own.protocol,
        mechanism=own.mechanism if signs_in else None,
        username=own.username if signs_in else None,
        password=own.secret.get_secret_value() if signs_in and own.secret else None,
        ca_file=str(own.ca_file) if own.ca_file else None,
        certificate_file=str(own.certificate_file) if own.certificate_file else None,
        key_file=str(own.key_file) if own.key_file else None,
    )


async def look_at_clusters(topics: Sequence[Topic]) -> None:
    """Raises ConfigurationError where a cluster does not let us in, DependencyDown where it does not answer."""
    from retrograph.live.kafka.groups import KafkaGroups

    await asyncio.gather(*(KafkaGroups().ping(topic) for topic in topics))


async def check_clusters(topics: Sequence[Topic]) -> None:
    """Raises ConfigurationError where a cluster does not let us in. One that is away is waited for later."""

    async def check(topic: Topic) -> None:
        with suppress(DependencyDown):
            await look_at_clusters([topic])

    await asyncio.gather(*map(check, topics))


def client_of(topic: Topic) -> dict[str, Any]:
    """What lets any Kafka client into the topic's cluster."""
    from retrograph.live.kafka.client import client_settings

    return client_settings(topic.cluster)


class Live:
    """The consumers of this process."""

    def __init__(
        self, settings: Settings, topics: Sequence[Topic], writes: Mapping[Form, Writes], clock: Clock
    ) -> None:
        self.topics = topics
        self.tallies: dict[str, Tally] = {topic.name: Tally() for topic in topics}
        self._settings = settings
        self._writes = writes
        self._clock = clock
        self._ending = asyncio.Event()
        self._consumers: dict[str, Consumer] = {}
        self._running: asyncio.Task[None] | None = None

    def end(self) -> None:
        """The batches under way are finished, then `run` returns."""
        self._ending.set()
        for consumer in self._consumers.values():
            consumer.end()

    async def ended(self) -> None:
        """Ends, and waits for what is under way; not for ever: what is dropped comes again."""
        self.end()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=END_SECONDS)

    async def run(self) -> None:
        """Consumes until `end`. A consumer that breaks off is begun anew."""
        self._running = asyncio.ensure_future(self._all())
        try:
            await asyncio.shield(self._running)
        except asyncio.CancelledError:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            raise

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for topic in self.topics:
                group.create_task(self._consumed(topic))

    async def _consumed(self, topic: Topic) -> None:
        while not self._ending.is_set():
            try:
                consumer = self._consumers[topic.name] = Consumer(self._means(topic))
                await consumer.run()
            except RetrographError as error:
                _log.warning("consumer-broke-off", topic=topic.name, error=str(error))
            except Exception:
                _log.exception("consumer-broke-off", topic=topic.name)
            else:
                return
            await self._clock.sleep(RESTART_SECONDS)

    def _means(self, topic: Topic) -> Means:
        from retrograph.live.kafka.letters import KafkaDeadLetters
        from retrograph.live.kafka.log import KafkaLog

        return Means(
            writes=self._writes[topic.form],
            dead_letters=KafkaDeadLetters(topic.cluster),
            log=KafkaLog(topic, session_seconds=self._settings.live.session_seconds),
            clock=self._clock,
            tally=self.tallies[topic.name],
            batch=self._settings.live.batch,
        )


@asynccontextmanager
async def open_live(
    settings: Settings, topics: Sequence[Topic], graph: GraphStore, gate: Gate, clock: Clock
) -> AsyncIterator[Live]:
    """The consumers of these topics, not yet running. Raises ConfigurationError, UsageError."""
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(GraphWriter(graph, clock))
        catalogue = await stack.enter_async_context(open_enrichment(settings, clock)) if settings.live.enrich else None
        writes: dict[Form, Writes] = {
            "receipts": EventLoad(Receipts(writer, catalogue), gate, graph.ping),
            "factoids": EventLoad(Factoids(writer, catalogue), gate, graph.ping),
        }
        if any(topic.form == "identity" for topic in topics):
            check_extra()
            from retrograph.loading.identity_events import JudgedEvents

            judge = JudgedEvents(identifiers_of(settings))
            writes["identity"] = EventLoad(IdentityEvents(IdentityWriter(graph, clock), judge), gate, graph.ping)
        yield Live(settings, topics, writes, clock)
