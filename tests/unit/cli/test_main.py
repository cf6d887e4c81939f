"""Whatever happens becomes one sentence and an exit code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from retrograph import __version__
from retrograph.cli import main
from retrograph.cli.main import run
from retrograph.errors import DependencyDown, UsageError


def test_the_version_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"retrograph {__version__}\n"


def test_without_a_command_there_is_help_and_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    streams = capsys.readouterr()
    assert "Usage: retrograph" in streams.out + streams.err
    assert "error:" not in streams.err


@pytest.mark.parametrize("arguments", [["nonsense"], ["jobs", "nonsense"], ["graph", "show"], ["demo", "--nonsense"]])
def test_wrong_usage_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert re.fullmatch(r"error: .+ \(see retrograph.* --help\)\n", streams.err)


def test_an_error_that_nobody_foresaw_leaves_its_details_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main._unexpected(ZeroDivisionError("by nothing")) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: this should not have happened (ZeroDivisionError): the details are in ")
    details = Path(told.rpartition(" ")[2].strip())
    try:
        assert "ZeroDivisionError: by nothing" in details.read_text()
        assert details.stat().st_mode & 0o077 == 0
    finally:
        details.unlink()


def test_of_several_errors_the_one_on_purpose_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    group = BaseExceptionGroup("", [ValueError("x"), BaseExceptionGroup("", [DependencyDown("graph", "it is down")])])
    assert main._first_of(group) == 3
    assert capsys.readouterr().err == "error: it is down\n"


def test_wrong_input_in_a_group_is_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main._first_of(BaseExceptionGroup("", [UsageError("that is wrong")])) == 2
    assert capsys.readouterr().err == "error: that is wrong\n"


def test_threads_of_a_native_library_do_not_change_the_exit_code() -> None:
    """Here an exit handler stands for such a thread: it aborts the process while the interpreter is taken down."""
    code = "import atexit, os, sys, obstore; atexit.register(os.abort); sys.argv = ['retrograph', '--no-such-option']"
    code += "; from retrograph.cli.main import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, "--no-such-option" in ended.stderr) == (2, True)
