"""The page of live events: what is configured, how it stands, and that a cluster which is away is said to be."""

from collections.abc import Sequence
from pathlib import Path

from retrograph.errors import DependencyDown
from retrograph.live.cluster import Cluster, Topic
from retrograph.live.lag import Lag
from retrograph.live.lane import Tally
from retrograph.live.log import Partition
from retrograph.web.console.rendering import Frame, rendered
from retrograph.web.console.views.live import BADGES
from retrograph.wiring.live_board import TopicLag
from tests.unit.web.console.pages import opened

TOPIC = Topic(form="receipts", name="receipts-1", group="readers", cluster=Cluster(brokers="kafka:9092"))


def shown(topics: Sequence[TopicLag]) -> str:
    frame = Frame(environment="test", path="/live")
    return rendered("live_lag.html", frame, 0, {"topics": topics, "badges": BADGES})


def lag(state: str, behind: int) -> Lag:
    return Lag(
        form="receipts",
        topic="receipts-1",
        group="readers",
        partition=3,
        state=state,  # type: ignore[arg-type]
        behind=behind,
        minutes=4.2 if behind else None,
    )


async def test_without_kafka_the_page_says_what_to_set(tmp_path: Path) -> None:
    async with opened(tmp_path) as pages:
        assert "RETROGRAPH_KAFKA_BROKERS" in await pages.text("/live/lag")
        assert 'hx-get="/live/lag"' in await pages.text("/live")


def test_each_state_has_its_shape_and_words() -> None:
    page = shown([TopicLag(topic=TOPIC, partitions=[lag(state, 700) for state in BADGES], dead_letters=2)])
    for badge in BADGES.values():
        assert badge.word in page
    assert "behind by 700 (about 4 minutes)" in page
    assert "2 dead letters not replayed" in page


def test_what_is_waited_for_and_what_is_down_is_said() -> None:
    here = Tally(events=10, waiting={Partition("receipts-1", 0): "the graph <is> down"})
    here.counts["written"] = 7
    page = shown([TopicLag(topic=TOPIC, error=DependencyDown("kafka", "Kafka: no answer"), here=here)])
    assert "Waiting: <bdi>the graph &lt;is&gt; down</bdi>" in page
    assert "Kafka: no answer" in page
    assert "has written 7 of 10 events" in page
