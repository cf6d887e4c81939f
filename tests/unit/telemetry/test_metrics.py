"""What Prometheus reads: counted where it happens, looked up when it asks, and never twice."""

from retrograph.jobs.pressure import Pressure, Waiting
from retrograph.telemetry.metrics import Looked, Metrics


def lines(metrics: Metrics, looked: Looked | None = None) -> list[str]:
    text = metrics.exposition(looked or Looked()).decode()
    return [line for line in text.splitlines() if line.startswith("retrograph_")]


def pressed(count: int) -> Pressure:
    waiting = Waiting(service="products", kind="429", seconds=1.0, at=0)
    return Pressure(pace=2.5, full=10.0, service="products", retried={"products": {"429": count}}, waiting=waiting)


def test_items_are_counted_by_kind_and_outcome() -> None:
    metrics = Metrics("stage")
    for outcome, seconds in (("processed", 0.004), ("processed", 2.0), ("failed", 40.0)):
        metrics.item("purchases", outcome, seconds)
    found = lines(metrics)
    assert 'retrograph_items_total{environment="stage",kind="purchases",outcome="processed"} 2.0' in found
    labels = 'environment="stage",kind="purchases"'
    assert f'retrograph_item_duration_seconds_bucket{{{labels},le="0.005",outcome="processed"}} 1.0' in found
    assert f'retrograph_item_duration_seconds_sum{{{labels},outcome="failed"}} 40.0' in found
    assert not any("_created" in line for line in found)


def test_a_run_tells_its_pace_while_it_lasts_and_its_retries_for_good() -> None:
    metrics = Metrics("stage")
    now = {"first": pressed(3)}
    metrics.opened("first", lambda: now["first"])
    pace = 'retrograph_throttle_pace{environment="stage",job="first",reason="429",service="products"} 2.5'
    retries = 'retrograph_retries_total{environment="stage",kind="429",service="products"}'
    assert pace in lines(metrics) and f"{retries} 3.0" in lines(metrics)
    now["first"] = pressed(5)
    assert f"{retries} 5.0" in lines(metrics)
    metrics.closed("first")
    metrics.closed("first")
    metrics.opened("second", lambda: pressed(1))
    assert pace not in lines(metrics) and f"{retries} 6.0" in lines(metrics)


def test_what_is_looked_up_is_told_as_it_was_seen() -> None:
    looked = Looked(
        jobs={"running": 2}, runs_here=1, lease_ages={"nightly": 4.5}, listeners=3, live={("t", "written"): 7}
    )
    found = lines(Metrics("stage"), looked)
    assert 'retrograph_jobs{environment="stage",state="running"} 2.0' in found
    assert 'retrograph_lease_age_seconds{environment="stage",job="nightly"} 4.5' in found
    assert 'retrograph_listeners{environment="stage"} 3.0' in found
    assert 'retrograph_live_events_total{environment="stage",outcome="written",topic="t"} 7.0' in found
    away = lines(Metrics("stage"), Looked(store_up=False))
    assert 'retrograph_store_up{environment="stage"} 0.0' in away
    assert not any(line.startswith("retrograph_jobs{") for line in away)
