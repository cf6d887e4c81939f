"""`retrograph tokens`: the keys that programs enter the server with."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrograph.cli.output import print_json, print_line, print_table, say, warn
from retrograph.cli.session import configured, run

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.entry.store import Token

app = typer.Typer(help="Make, list and revoke API tokens.", no_args_is_help=True, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def create(
    email: Annotated[str, typer.Option(help="Whose rights it has: an address of RETROGRAPH_ADMINS.")],
    name: Annotated[str, typer.Option(help="What logs call it: what it is for.")],
    expires: Annotated[str, typer.Option(help="How long it lasts: 30m, 12h, 90d, or never.")] = "90d",
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once.

    Programs send it as `Authorization: Bearer TOKEN`. Only its hash is kept.
    """
    run(_create(configured(), email, name, expires, as_json))


async def _create(settings: "Settings", email: str, name: str, expires: str, as_json: bool) -> None:
    from retrograph.cli.foreground import who
    from retrograph.entry.allow_list import allow_list
    from retrograph.entry.tokens import create_token
    from retrograph.wiring.entry import open_entry_store

    async with open_entry_store(settings) as store:
        minted = await create_token(store, email=email, name=name, expires=expires, created_by=who())
    if settings.admins is None and email == who():
        say("it opens a server that you yourself try out with `serve --sandbox`; others need RETROGRAPH_ADMINS")
    elif not allow_list(settings.admins).holds(email):
        warn(f"{email} is not in RETROGRAPH_ADMINS here: the token opens nothing until the server's list holds it")
    if as_json:
        print_json({**token_as_json(minted.token), "token": minted.secret})
        return
    say("This is the only time that it is shown:")
    print_line(minted.secret)


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the tokens, the latest first, without their secrets."""
    run(_list(configured(), as_json))


async def _list(settings: "Settings", as_json: bool) -> None:
    from retrograph.clock import SystemClock, to_millis
    from retrograph.entry import tokens
    from retrograph.wiring.entry import open_entry_store

    async with open_entry_store(settings) as store:
        found = await tokens.list_tokens(store)
    if as_json:
        print_json([token_as_json(token) for token in found])
    elif not found:
        say("there are no tokens: make one with retrograph tokens create")
    else:
        now = to_millis(SystemClock().now())
        columns = ("name", "email", "state", "expires (UTC)", "last used (UTC)", "created by", "id")
        print_table(columns, (_row(token, now) for token in found))


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="The token's name, or its id.", metavar="NAME")], as_json: AsJson = False
) -> None:
    """End a token; the next request with it is refused."""
    run(_revoke(configured(), token, as_json))


async def _revoke(settings: "Settings", named: str, as_json: bool) -> None:
    from retrograph.entry import tokens
    from retrograph.wiring.entry import open_entry_store

    async with open_entry_store(settings) as store:
        revoked = await tokens.revoke_token(store, named)
    if as_json:
        print_json(token_as_json(revoked))
    else:
        say(f"{revoked.name} of {revoked.email} is revoked")


@app.command()
def link(
    address: Annotated[
        str | None,
        typer.Option(help="The server's address, as it printed it. Default: this machine at RETROGRAPH_LISTEN_PORT."),
    ] = None,
) -> None:
    """Print a link that signs a browser in once, on the machine of a server that listens on loopback alone.

    It lasts 15 minutes. A server that people sign in to by name knows no such links.
    """
    settings = configured()
    run(_link(settings, address or f"http://127.0.0.1:{settings.listen_port or 8080}"))


async def _link(settings: "Settings", address: str) -> None:
    from retrograph.cli.foreground import who
    from retrograph.entry.links import make_link
    from retrograph.wiring.entry import open_entry_store

    async with open_entry_store(settings) as store:
        print_line(await make_link(store, address, who()))


def token_as_json(token: "Token") -> dict[str, Any]:
    """A token as documents show it."""
    return {
        "token_id": token.token_id,
        "name": token.name,
        "email": token.email,
        "created_by": token.created_by,
        "created_at": _instant(token.created_at),
        "expires_at": _instant(token.expires_at),
        "revoked_at": _instant(token.revoked_at),
        "used_at": _instant(token.used_at),
    }


def _instant(millis: int | None) -> str | None:
    from retrograph.clock import iso

    return None if millis is None else iso(millis)


def _row(token: "Token", now: int) -> tuple[str | None, ...]:
    expires = _instant(token.expires_at) or "never"
    used = _instant(token.used_at)
    return (token.name, token.email, token.state(now), expires, used, token.created_by, token.token_id)
