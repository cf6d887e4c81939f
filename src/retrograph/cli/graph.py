"""`retrograph graph`: what a graph holds, whether two hold the same, and how one is moved."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from retrograph.cli import graph_copy
from retrograph.cli.graph_identity import print_identity
from retrograph.cli.graph_purchases import print_purchases
from retrograph.cli.output import print_json, print_line, print_pairs, print_table, say, warn
from retrograph.cli.session import configured, run
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings

app = typer.Typer(
    help="Look into the graph, compare it, copy it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("copy")(graph_copy.copy)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def stats(
    as_json: AsJson = False,
    clusters: Annotated[
        bool, typer.Option("--clusters/--no-clusters", help="Also count the clusters of linked users.")
    ] = True,
) -> None:
    """Count the nodes and relationships; of identifiers those that are generic, and the clusters of linked users."""
    run(_stats(configured(), as_json, clusters))


async def _stats(settings: "Settings", as_json: bool, clusters: bool) -> None:
    from retrograph.cli.identity_rendering import identity_stats_rows
    from retrograph.cli.rendering import stats_rows
    from retrograph.graph.reading import GraphReader
    from retrograph.wiring.graphs import open_graph

    async with open_graph(settings, create=False) as graph:
        document = await GraphReader(graph, settings.identifiers.limits).stats(clusters=clusters)
    if as_json:
        print_json(document)
    else:
        rows = (*stats_rows(document), *identity_stats_rows(document["identity"]))
        print_table(("", "name", "count"), rows, right=("count",))


@app.command()
def digest(
    as_json: AsJson = False,
    only: Annotated[str | None, typer.Option(help="Only this part: `purchases` or `identity`.", metavar="PART")] = None,
    users: Annotated[Path | None, typer.Option(help="Only the users listed in this file.", metavar="FILE")] = None,
) -> None:
    """Hash the facts: graphs that hold the same have the same.

    Every fact and every derived value counts; when and by whom they were loaded does not.
    """
    run(_digest(configured(), as_json, only, users))


async def _digest(settings: "Settings", as_json: bool, only: str | None, users: Path | None) -> None:
    from retrograph.graph.digest import Only
    from retrograph.graph.digest import digest as digest_of
    from retrograph.graph.view import digest_document
    from retrograph.wiring.graphs import open_graph
    from retrograph.wiring.purchases import users_in_file

    part = next((known for known in get_args(Only) if known == only), None)
    if part != only:
        raise UsageError(f"--only is {only!r}: it can only be {' or '.join(get_args(Only))}")
    chosen = None if users is None else await users_in_file(str(users))
    listed = None if chosen is None else [user_id for chunk in chosen.ids.chunks() for user_id in chunk]
    async with open_graph(settings, create=False) as graph:
        found = await digest_of(graph, only=part, users=listed)
    if found.recount_pending:
        warn(f"{found.recount_pending} marks await a recount: until then the digest may differ from an equal graph's")
    if as_json:
        print_json(digest_document(found))
    else:
        print_line(found.digest)
        say(f"over {found.facts:,} {'identifiers of users' if part == 'identity' else 'purchases'}")


@app.command()
def show(user: Annotated[str, typer.Argument(help="The user's id.", metavar="USER")], as_json: AsJson = False) -> None:
    """Show one user: the purchases, retailers and categories, the identifiers, and who is linked by them."""
    run(_show(configured(), user, as_json))


async def _show(settings: "Settings", user: str, as_json: bool) -> None:
    from retrograph.graph.reading import GraphReader
    from retrograph.wiring.graphs import open_graph

    async with open_graph(settings, create=False) as graph:
        document = await GraphReader(graph, settings.identifiers.limits).show(user)
    if as_json:
        print_json(document)
        return
    print_pairs({name: value for name, value in document["user"].items() if value not in (None, [])})
    print_purchases(document)
    print_identity(document["identity"])


@app.command()
def migrate() -> None:
    """Bring the graph's schema up to this version."""
    run(_migrate(configured()))


async def _migrate(settings: "Settings") -> None:
    from retrograph.wiring.graphs import open_graph

    async with open_graph(settings, create=True, migrate=True) as graph:
        identity = graph.identity
        say(f"the graph at {graph.url} has schema {identity.schema_version}")
