"""Every fault there is, in the order of the report."""

from tests.soak.faults import ConsumerKilled, Fault, Rebalanced, ServerKilled, WorkerKilled
from tests.soak.inputs import Doubled, HistoryErrors, Replayed, VisibilityTooShort
from tests.soak.outages import ConnectionsCut, Neo4jCut, Neo4jFrozen, Neo4jStopped, PostgresRestarted, ValkeyFlushed

FAULTS: tuple[type[Fault], ...] = (
    WorkerKilled,
    ConsumerKilled,
    ServerKilled,
    Rebalanced,
    Replayed,
    Doubled,
    VisibilityTooShort,
    Neo4jStopped,
    Neo4jFrozen,
    Neo4jCut,
    ValkeyFlushed,
    PostgresRestarted,
    HistoryErrors,
    ConnectionsCut,
)
