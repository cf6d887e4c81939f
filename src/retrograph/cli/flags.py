"""`retrograph flags`: which users a feature is on for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrograph.cli.output import print_json, print_line, print_table, say, warn
from retrograph.cli.session import configured, run

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.flags.flag import FlagSet, Segment

app = typer.Typer(help="See which users a feature is on for.", no_args_is_help=True, rich_markup_mode=None)

Flag = Annotated[str, typer.Argument(help="The flag's name.", metavar="FLAG")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_flags(as_json: AsJson = False) -> None:
    """List the flags with their segments, and how many users each names."""
    run(_list(configured(), as_json))


async def _list(settings: "Settings", as_json: bool) -> None:
    from retrograph.wiring.flags import open_flags

    coverage = (await open_flags(settings)).coverage
    rows = [
        (flag.key, segment.name, _names(segment, coverage.flags), coverage.count(segment), segment.rollout)
        for flag in coverage.flags.flags.values()
        for segment in flag.segments
    ]
    columns = ("flag", "segment", "names", "ids", "rollout")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif rows:
        shown = ((*row[:-1], f"{row[-1]}%") for row in rows)
        print_table(columns, shown, right=("ids", "rollout"))
    else:
        say("there are no flags")


def _names(segment: "Segment", flags: "FlagSet") -> str:
    named = ["ids"] if segment.ids is not None else []
    named += [segment.file] if segment.file is not None else []
    if segment.internal:
        named.append(
            "internal users" + (f" (*{', *'.join(flags.internal.suffixes)})" if flags.internal.suffixes else "")
        )
    return ", ".join(named) or "everybody"


@app.command()
def check(
    user: Annotated[str, typer.Argument(help="The user's id.", metavar="USER")],
    flag: Annotated[str | None, typer.Option("--flag", help="Only this flag.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which flags cover a user, and by which of their segments."""
    run(_check(configured(), user, flag, as_json))


async def _check(settings: "Settings", user: str, only: str | None, as_json: bool) -> None:
    from retrograph.errors import UsageError
    from retrograph.facts import InvalidId, clean_id
    from retrograph.wiring.flags import open_flags

    try:
        user_id = clean_id(user)
    except InvalidId as error:
        raise UsageError(f"the user's id {user!r}: {error}") from error
    flags = await open_flags(settings, only=only)
    keys = [only] if only is not None else sorted(flags.coverage.flags.flags)
    covered = {key: flags.flag(key).covers(user_id) for key in keys}
    segments = {key: list(flags.flag(key).covering(user_id)) for key in keys}
    if as_json:
        print_json({"user_id": user_id, "flags": covered, "segments": segments})
    else:
        rows = ((key, "yes" if covered[key] else "no", ", ".join(segments[key]) or "–") for key in keys)
        print_table(("flag", "covers", "by segment"), rows)


@app.command()
def ids(
    flag: Flag,
    extra_ids: Annotated[
        list[str] | None, typer.Option("--extra-ids", help="More users, separated by commas; repeat it for more.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write them to this file.")] = None,
) -> None:
    """Print every user that a flag names and covers, one a line: the input of a backfill."""
    run(_ids(configured(), flag, extra_ids or [], output))


async def _ids(settings: "Settings", key: str, extra: list[str], output: Path | None) -> None:
    from retrograph.errors import UsageError
    from retrograph.facts import InvalidId, clean_id
    from retrograph.flags.listing import unlisted
    from retrograph.wiring.flags import open_flags, users_of_flag

    try:
        more = [clean_id(one) for text in extra for one in text.split(",") if one.strip()]
    except InvalidId as error:
        raise UsageError(f"--extra-ids: {error}") from error
    flags = await open_flags(settings, only=key)
    count = 0
    if output is None:
        async for user_id in users_of_flag(settings, flags, key, more):
            print_line(user_id)
            count += 1
    else:
        count = await _written(users_of_flag(settings, flags, key, more), output)
    for sentence in unlisted(flags.flag(key), flags.coverage.flags):
        warn(f"not listed: {sentence}")
    say(f"{count:,} users" + (f" in {output}" if output is not None else ""))


async def _written(users: Any, output: Path) -> int:
    """The file appears when it is whole: half a list would be taken for the whole one."""
    from retrograph.errors import UsageError

    part = output.with_name(output.name + ".part")
    count = 0
    try:
        with part.open("w", encoding="utf-8") as file:
            async for user_id in users:
                file.write(user_id + "\n")
                count += 1
        part.replace(output)
    except OSError as error:
        raise UsageError(f"--output names {output}, which cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return count
