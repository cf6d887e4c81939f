"""The demo: the whole sample, measured, and commands to try next that work when they are pasted."""

import re
import shlex
import subprocess
from pathlib import Path

from tests.integration.command_line import CommandLine


def test_the_whole_story_in_one_command(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, graph="bolt://127.0.0.1:9", store="postgresql://nobody@127.0.0.1:9/none")
    ended = cli.run("demo", "--directory", "my demo", patience=240)
    assert ended.code == 0, ended.err
    assert re.search(r"^users loaded +2,377$", ended.out, re.MULTILINE)
    assert re.search(r"^failed +0$", ended.out, re.MULTILINE)
    assert re.search(r"^purchases +133,897 of 23,992 products$", ended.out, re.MULTILINE)
    before, after = re.findall(r"^digest (?:before|after) +(sha256:[0-9a-f]{64})$", ended.out, re.MULTILINE)
    assert before == after
    assert "The digest is unchanged: 200 users were loaded twice" in ended.out
    assert "Sent 2377/2377 (100.0%)" in ended.err
    assert cli.left() == ["my demo"]

    into, *commands = [line.strip() for line in ended.out.partition("Try next:\n")[2].splitlines()]
    plain = CommandLine(tmp_path)
    assert len(commands) == 3
    for command in commands:
        tried = subprocess.run(
            ["sh", "-ec", f"{into} && {command}"],
            cwd=tmp_path,
            env=plain.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert tried.returncode == 0, f"{command}: {tried.stderr}"
        assert tried.stdout
    assert shlex.split(into) == ["cd", "my demo"]
