"""The door itself: parses, calls, and turns whatever happens into one sentence and an exit code.

Everything that takes long to import is imported by the command that needs it, so that `--help` is immediate.
"""

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Annotated, Final, NoReturn

import typer

from retrograph import __version__
from retrograph.cli import (
    backfill,
    cache,
    demo,
    detect,
    doctor,
    flags,
    graph,
    jobs,
    live,
    queue,
    sandbox,
    serve,
    tokens,
    worker,
)
from retrograph.cli.exit_codes import ExitCode, of_error
from retrograph.cli.output import complain
from retrograph.errors import RetrographError

app = typer.Typer(
    name="retrograph",
    help="Brings the past into a live graph: the same graph, whatever the order, the replays, the crashes.",
    no_args_is_help=True,
    rich_markup_mode=None,  # the other modes import Rich's Markdown, which alone takes longer than everything else
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.add_typer(backfill.app, name="backfill")
app.add_typer(jobs.app, name="jobs")
app.add_typer(graph.app, name="graph")
app.add_typer(flags.app, name="flags")
app.add_typer(live.app, name="live")
app.add_typer(queue.app, name="queue")
app.add_typer(cache.app, name="cache")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(tokens.app, name="tokens")
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("detect")(detect.detect)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"retrograph {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


NATIVE: Final = frozenset({"obstore", "confluent_kafka"})
"""Libraries with threads of their own."""


def main() -> None:
    """The entry point of the `retrograph` command."""
    code = run(sys.argv[1:])
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        _leave(code)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains when it flushes
    _leave(code)


def _leave(code: int) -> NoReturn:
    """Threads of a native library outlive what the interpreter knows of, and one that speaks to it while it is being
    taken down aborts the process, whatever its exit code was to be. Where there may be such threads, nothing is left
    to be done, so nothing is taken down."""
    if NATIVE & sys.modules.keys():
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; no exception leaves it."""
    try:
        return int(app(list(arguments), prog_name="retrograph", standalone_mode=False) or ExitCode.DONE)
    except RetrographError as error:
        complain(str(error))
        return of_error(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.DONE
    except BaseExceptionGroup as group:
        return _first_of(group)
    except Exception as error:
        return _usage(error) if hasattr(error, "format_message") else _unexpected(error)


def _usage(error: Exception) -> int:
    """A mistake that the parser found; its own class is private to Typer."""
    context = getattr(error, "ctx", None)
    message = str(error.format_message()).strip()  # type: ignore[attr-defined]
    if message.startswith("Usage:"):  # nothing was asked for, which shows the help
        sys.stderr.write(message + "\n")
    elif message:
        complain(message + (f" (see {context.command_path} --help)" if context is not None else ""))
    return ExitCode.USAGE


def _first_of(group: BaseExceptionGroup[BaseException]) -> int:
    """A task group that several tasks failed in says what its first one on purpose says."""
    ours, rest = group.split(RetrographError)
    found = _leaf(ours or rest or group)
    if isinstance(found, RetrographError):
        complain(str(found))
        return of_error(found)
    return ExitCode.INTERRUPTED if isinstance(found, KeyboardInterrupt) else _unexpected(found)


def _leaf(error: BaseException) -> BaseException:
    return _leaf(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _unexpected(error: BaseException) -> int:
    """One sentence, and the details where they do not bury it."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="retrograph-", suffix=".log", delete=False) as file:
            file.write("".join(traceback.format_exception(error)))
        details = f"the details are in {file.name}"
    except OSError:
        details = "the details could not be written to a file"
    complain(f"this should not have happened ({type(error).__name__}): {details}")
    return ExitCode.FAILED


if __name__ == "__main__":
    main()
