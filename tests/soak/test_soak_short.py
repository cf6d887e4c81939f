"""All faults at random, for a while, on every server."""

from pathlib import Path

import pytest

from tests.servers.elasticmq import ElasticMqServer
from tests.servers.kafka import KafkaServer
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.toxiproxy import ToxiproxyServer
from tests.soak.company import at_work
from tests.soak.oracle import Oracle
from tests.soak.register import FAULTS
from tests.soak.report import injected_together
from tests.soak.soaking import enrolled_first, rounds_within, together
from tests.soak.stage import Servers, set_up

SEED = 6
SECONDS = 120.0


@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_counted_twice(
    tmp_path: Path,
    kafka: KafkaServer,
    elasticmq: ElasticMqServer,
    redis: RedisServer,
    postgres: PostgresServer,
    neo4j_lts: Neo4jServer,
    toxiproxy: ToxiproxyServer,
) -> None:
    servers = Servers(
        kafka=kafka, elasticmq=elasticmq, redis=redis, postgres=postgres, neo4j=neo4j_lts, toxiproxy=toxiproxy
    )
    for server in servers.every:
        server.start()
    with set_up(tmp_path, servers, SEED) as stage:
        played = stage.casts[: rounds_within(SECONDS)]
        enrolled = enrolled_first(played)
        with at_work(stage, enrolled) as company:
            oracle = Oracle(stage, enrolled)
            faults = [kind(company) for kind in FAULTS]
            verdict = together(company, oracle, faults, played, SECONDS)
    print(f"{injected_together(faults, SECONDS)}; {verdict}")
