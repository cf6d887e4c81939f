"""`retrograph sandbox events`: the history as event files, to rehearse a backfill of them."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.output import print_json, say
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.sandbox.event_files import FilesWanted, FilesWritten


def events(
    to: Annotated[str, typer.Option(help="Where to: `file:///folder` or `s3://bucket/prefix`.", metavar="URI")],
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with the four Parquet files. Default: the packaged sample.", metavar="DIR"),
    ] = None,
    files: Annotated[int, typer.Option(min=1, max=1_000_000, help="Over how many files.")] = 500,
    format: Annotated[
        list[str] | None,
        typer.Option(help="lines, array, csv, parquet or all; repeat it for more. Default: lines.", metavar="FORMAT"),
    ] = None,
    pack: Annotated[
        list[str] | None,
        typer.Option(help="plain, gzip, zstd or all; repeat it for more. Default: gzip.", metavar="PACKING"),
    ] = None,
    broken: Annotated[float, typer.Option(min=0, max=1, help="The share of files to add a broken copy of.")] = 0.0,
    seed: Annotated[int, typer.Option(help="What the order of events and the drawn formats follow from.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write the history as event files for `backfill events`.

    Every receipt and shop order stands in one file, in no order. Broken copies lie below `broken/`.
    """
    from retrograph.sandbox import SAMPLE, SandboxError
    from retrograph.sandbox.event_files import FORMATS, PACKINGS, FilesWanted

    wanted = FilesWanted(
        files=files,
        formats=_among("--format", format or ["lines"], FORMATS),
        packings=_among("--pack", pack or ["gzip"], PACKINGS),
        broken=broken,
        seed=seed,
    )
    try:
        written = asyncio.run(_write(data or SAMPLE, wanted, to))
    except SandboxError as error:
        raise UsageError(str(error)) from error
    if as_json:
        print_json({"files": written.files, "events": written.events, "broken": written.broken, "bytes": written.size})
    say(f"{written.events:,} events in {written.files:,} files, {written.broken:,} of them broken, are below {to}")


def _among(option: str, given: list[str], known: tuple[str, ...]) -> tuple[str, ...]:
    if "all" in given:
        return known
    for word in given:
        if word not in known:
            raise UsageError(f"{option} is one of {', '.join(known)} or all, not {word!r}")
    return tuple(given)


async def _write(data: Path, wanted: "FilesWanted", to: str) -> "FilesWritten":
    from retrograph.blobs.writing import Writing
    from retrograph.sandbox.data import load
    from retrograph.sandbox.event_files import write_events

    return await write_events(load(data), wanted, Writing(to))
