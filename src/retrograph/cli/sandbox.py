"""`retrograph sandbox`: the services that history is read from, on this machine, from Parquet files."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrograph.cli import sandbox_events, sandbox_publish
from retrograph.cli.output import print_json, print_line, say
from retrograph.cli.session import run_until_interrupted
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.sandbox import Faults, Sandbox, SandboxOptions


app = typer.Typer(
    help="History services, or a users table, on this machine.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def sandbox(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with the four Parquet files. Default: the packaged sample.", metavar="DIR"),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 0,
    token: Annotated[str | None, typer.Option(help="The bearer token to ask for.")] = None,
    users: Annotated[int, typer.Option(min=0, help="Invented users to add.")] = 0,
    heavy_users: Annotated[
        int, typer.Option(min=0, help="Users `heavy-0000001`… with very many receipts, and 288 shop orders.")
    ] = 0,
    heavy_receipts: Annotated[int, typer.Option(min=1, help="Receipts of each heavy user.")] = 100_000,
    paged_users: Annotated[
        int, typer.Option(min=0, help="Users `paged-0000001`… with several pages of receipts, and 60 shop orders.")
    ] = 0,
    empty_users: Annotated[int, typer.Option(min=0, help="Users `empty-0000001`… who have bought nothing.")] = 0,
    unknown_users: Annotated[
        int, typer.Option(min=0, help="Ids `unknown-0000001`… that are listed, and that no service knows.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="What the invented and the faults follow from.")] = 0,
    write_ids: Annotated[
        Path | None,
        typer.Option(help="Write the ids of all users to a file, for --user-file.", metavar="FILE"),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(
            help='Faults by service, as JSON or a file of it: {"all": {"too_many_requests": 0.1}}.',
            metavar="JSON|FILE",
        ),
    ] = None,
    until_input_ends: Annotated[bool, typer.Option("--until-input-ends", hidden=True)] = False,
) -> None:
    """Serve the history services on this machine; or, with `users`, make a users table.

    Prints the setting that points to them, and serves until Ctrl-C. The sample's purchases end on 2018-01-02: load it
    with `--as-of 2018-01-02`.
    """
    if context.invoked_subcommand is not None:
        return

    from retrograph.sandbox import SAMPLE, InvalidFaults, SandboxError, SandboxOptions

    try:
        options = SandboxOptions(
            host=host,
            port=port,
            data=data or SAMPLE,
            users=users,
            heavy_users=heavy_users,
            heavy_receipts=heavy_receipts,
            paged_users=paged_users,
            empty_users=empty_users,
            unknown_users=unknown_users,
            seed=seed,
            token=token,
            faults=_faults(faults),
        )
        run_until_interrupted(_serve(options, write_ids), until_input_ends=until_input_ends)
    except (SandboxError, InvalidFaults) as error:
        raise UsageError(str(error)) from error


app.command("events")(sandbox_events.events)
app.command("publish")(sandbox_publish.publish)


@app.command("users")
def users_table(
    to: Annotated[str, typer.Option(help="The database, as a URL: sqlite:///FILE, postgresql://…", metavar="URL")],
    count: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many users.")] = 10_000,
    seed: Annotated[int, typer.Option(help="What everything about them follows from.")] = 0,
    write_clusters: Annotated[
        Path | None,
        typer.Option(help="Write each linked user and its cluster's id to a CSV file.", metavar="FILE"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a users table for `backfill identity`, and say who is truly linked.

    Households share devices and addresses, phone numbers are recycled, offices have thousands of users behind one
    address, some values are garbage, some users have none. Prints the settings that map the table.
    """
    from retrograph.sandbox import SandboxError
    from retrograph.sandbox.users_database import SETTINGS, write_users

    try:
        truth = write_users(to, count, seed)
    except SandboxError as error:
        raise UsageError(str(error)) from error
    if write_clusters is not None:
        _write_clusters(truth.clusters, write_clusters)
    settings = {"RETROGRAPH_USERS_URL": to, **SETTINGS}
    found = truth.document()
    if as_json:
        print_json({**found, "settings": settings})
        return
    for name, value in settings.items():
        print_line(f"{name}={value}")
    say(
        f"{found['users']:,} users, {found['without_identifiers']:,} of them without identifiers; truly "
        f"{found['clusters']:,} clusters of {found['linked_users']:,} users, the largest of {found['largest_cluster']}"
    )


def _write_clusters(clusters: Mapping[str, str], file: Path) -> None:
    try:
        with file.open("w", encoding="utf-8") as lines:
            lines.write("user_id,cluster\n")
            lines.writelines(f"{user_id},{cluster}\n" for user_id, cluster in sorted(clusters.items()))
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error


async def _serve(options: "SandboxOptions", write_ids: Path | None) -> None:
    from retrograph.cli.sandbox_process import SAMPLE_ENDS
    from retrograph.sandbox import serve
    from retrograph.sandbox.options import SAMPLE

    def ready(started: "Sandbox") -> None:
        if write_ids is not None:
            written = write_user_ids(started.population.user_ids(), write_ids)
            say(f"{written:,} user ids are in {write_ids}")
        print_line(f"RETROGRAPH_UPSTREAM={started.base_url}")
        sys.stdout.flush()
        if options.data == SAMPLE:
            say(f"what is bought here ends before {SAMPLE_ENDS}: load it with --as-of {SAMPLE_ENDS}")
        say("serving until Ctrl-C")

    await serve(options, ready)


def write_user_ids(ids: Any, file: Path) -> int:
    """Writes ids, one a line, and returns how many."""
    try:
        with file.open("w", encoding="utf-8") as lines:
            count = sum(bool(lines.write(user_id + "\n")) for user_id in ids)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    return count


def _faults(given: str | None) -> "dict[str, Faults]":
    from retrograph.sandbox import read_plan

    if given is None:
        return {}
    try:
        text = given if given.lstrip().startswith("{") else Path(given).read_text("utf-8")
        return read_plan(json.loads(text))
    except OSError as error:
        raise UsageError(f"--faults names {given}, which cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise UsageError(f"--faults is not JSON: {error}") from error
