"""Log lines: where they go, what is bound on them."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from retrograph.telemetry.logging import configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_lines_go_to_standard_error_as_key_and_value(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", format="text", environment="stage")
    with structlog.contextvars.bound_contextvars(key="purchases-1"):
        structlog.get_logger().info("run-started", total=3)
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "run-started environment=stage key=purchases-1 total=3" in streams.err
    assert "\x1b" not in streams.err


def test_json_has_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", format="json", environment="stage")
    structlog.get_logger().info("run-started", key="ü")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["key"], line["environment"], line["level"]) == ("run-started", "ü", "stage", "info")


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="warning", format="text", environment="local")
    structlog.get_logger().info("quiet")
    assert capsys.readouterr().err == ""


def test_what_libraries_log_has_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", format="json", environment="local")
    logging.getLogger("sqlalchemy.pool").warning("lost %s", "it")
    logging.getLogger("neo4j.io").error("what comes out in our own words")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["logger"], line["level"]) == ("lost it", "sqlalchemy.pool", "warning")
