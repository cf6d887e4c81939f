"""`retrograph cache …`: what workers remember, and how it is forgotten."""

from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.output import say
from retrograph.cli.session import configured, run

if TYPE_CHECKING:
    from retrograph.config import Settings

app = typer.Typer(help="Forget what is remembered to spare work.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Keeps the one command a command of the group."""


@app.command()
def forget(users: Annotated[list[str], typer.Argument(help="The users' ids.", metavar="USER…")]) -> None:
    """Forget that users were loaded: the next request for them loads them, however recent the last load is."""
    run(_forget(configured(), users))


async def _forget(settings: "Settings", users: list[str]) -> None:
    from retrograph.cache.keys import loaded_key
    from retrograph.clock import SystemClock
    from retrograph.errors import UsageError
    from retrograph.facts import InvalidId, clean_id
    from retrograph.wiring.caches import open_cache

    try:
        keys = [loaded_key(clean_id(user)) for user in users]
    except InvalidId as error:
        raise UsageError(f"that is no user: {error}") from error
    async with open_cache(settings, SystemClock()) as cache:
        forgotten = await cache.forget(keys)
    say(f"{forgotten:,} of {len(keys):,} users were remembered, and are forgotten")
