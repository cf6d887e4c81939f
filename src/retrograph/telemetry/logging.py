"""Logging: one configuration of structlog, to standard error, with what a job binds on every line of it.

Events are constant names with fields. Nothing here knows a secret: settings show themselves redacted.
"""

import logging
import sys
from typing import Any, Literal, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["text", "json"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LIBRARIES = (
    "retrograph",
    "sqlalchemy",
    "neo4j",
    "aiohttp",
    "alembic",
    "asyncio",
    "psycopg",
    "uvicorn",
    "sse_starlette",
)


class _CurrentStderr:
    """Whatever standard error is at the moment of writing: a live display replaces it to stay below the lines."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _ToStructlog(logging.Handler):
    """Lets what libraries log appear like our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        structlog.get_logger().log(_LEVELS.get(level, logging.ERROR), record.getMessage(), logger=record.name)


def configure_logging(*, level: str, format: Format, environment: str) -> None:
    """Sets logging up for this process; `environment` is on every line."""
    as_json = format == "json"
    colours = not as_json and sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _label(environment),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendering(as_json, colours),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=cast(Any, _CurrentStderr())),
        cache_logger_on_first_use=False,
    )
    _adopt_libraries()


def _label(environment: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("environment", environment)
        return event

    return add


def _rendering(as_json: bool, colours: bool) -> list[Processor]:
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, exception_formatter=plain)]


def _adopt_libraries() -> None:
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [_ToStructlog()]
        library.propagate = False
        # What the graph's driver meets reaches people in our own words, without its addresses.
        library.setLevel(logging.CRITICAL if name == "neo4j" else logging.WARNING)
