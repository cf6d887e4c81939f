"""`retrograph sandbox publish`: the history as live events, to try the consumers."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.output import print_json, say
from retrograph.cli.session import configured, run
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings


def publish(
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with the four Parquet files. Default: the packaged sample.", metavar="DIR"),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="receipts, factoids or identity; repeat it. Default: all.")
    ] = None,
    users: Annotated[int | None, typer.Option(min=1, help="Only the first so many users. Default: all.")] = None,
    partitions: Annotated[int, typer.Option(min=1, max=1_000, help="Of a topic that is missing, and is made.")] = 2,
    seed: Annotated[int, typer.Option(help="What the order of events and the sign-ups follow from.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Publish the history as events, to the topics that `live` reads.

    Every receipt and shop order comes once, and a sign-up of each user, in no order. Do it again, and nothing changes
    in the graph: the same events are the same facts.
    """
    sent = run(_publish(configured(), data, only or [], users, partitions, seed))
    if as_json:
        print_json(dict(sent))
    forms = ", ".join(f"{count:,} {form}" for form, count in sorted(sent.items()))
    say(f"{sent.total():,} events were acknowledged: {forms}")


async def _publish(
    settings: "Settings", data: Path | None, only: list[str], users: int | None, partitions: int, seed: int
) -> Counter[str]:
    from retrograph.wiring.live import client_of, look_at_clusters, topics_of

    topics = topics_of(settings, only)
    await look_at_clusters(topics)

    from retrograph.sandbox import SAMPLE, SandboxError
    from retrograph.sandbox.data import load
    from retrograph.sandbox.stream import Target, publish, stream_of

    targets: dict[str, Target] = {each.form: Target(topic=each.name, client=client_of(each)) for each in topics}
    try:
        events = stream_of(load(data or SAMPLE), users=users, seed=seed)
        return await asyncio.to_thread(publish, events, targets, partitions=partitions)
    except SandboxError as error:
        raise UsageError(str(error)) from error
