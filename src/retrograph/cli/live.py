"""`retrograph live`: the consumers, how far they are behind, and what they could not write."""

from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.output import print_json, print_json_list, print_table, say
from retrograph.cli.session import configured, run

if TYPE_CHECKING:
    from retrograph.config import Settings

app = typer.Typer(help="Join events into the graph as they come from Kafka.", rich_markup_mode=None)
letters = typer.Typer(help="Events that could not be written.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(letters, name="dead-letters")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Topic = Annotated[str, typer.Argument(help="A topic's name, or receipts, factoids or identity.", metavar="TOPIC")]


@app.callback(invoke_without_command=True)
def live(
    context: typer.Context,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="receipts, factoids or identity; repeat it. Default: all.")
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Bring an older graph up to date first.")] = False,
) -> None:
    """Consume events until Ctrl-C or SIGTERM, which finish the batches under way.

    What is down is waited for. Another process that consumes shares the partitions; one that dies loses nothing.
    """
    if context.invoked_subcommand is None:
        run(_live(configured(serves=True), only or [], migrate))


async def _live(settings: "Settings", only: list[str], migrate: bool) -> None:
    import asyncio

    from retrograph.cli.signals import Signals
    from retrograph.clock import SystemClock
    from retrograph.wiring.enrolments import open_enrolled
    from retrograph.wiring.flags import open_gate
    from retrograph.wiring.graphs import build_graph
    from retrograph.wiring.live import check_clusters, open_live, topics_of
    from retrograph.wiring.opening import Opening
    from retrograph.wiring.recounting import recounted

    clock = SystemClock()
    topics = topics_of(settings, only)
    await check_clusters(topics)
    opening = Opening(build_graph(settings, settings.graph, clock), migrate=migrate)
    try:
        await opening.at_once_or_later()
        async with (
            open_enrolled(settings, clock) as enrolled,
            open_gate(settings, clock, enrolled) as gate,
            open_live(settings, topics, opening.graph, gate.gate, clock) as consumers,
        ):

            async def end() -> None:
                consumers.end()
                waiting.cancel()

            with Signals(stop=end, pause=end).listening():
                waiting = asyncio.ensure_future(opening.keep_trying(clock))
                await asyncio.wait([waiting])
                recounting = asyncio.ensure_future(recounted(opening.graph, clock))
                for topic in topics:
                    say(f"consuming {topic.name} at {topic.cluster.brokers} as {topic.group}, until Ctrl-C")
                await consumers.run()
                recounting.cancel()
            for name, tally in consumers.tallies.items():
                ends = ", ".join(f"{count:,} {reason}" for reason, count in sorted(tally.counts.items()))
                say(
                    f"{name}: {tally.events:,} events; {ends or 'nothing written'}; {tally.dead_letters:,} dead letters"
                )
    finally:
        await opening.graph.close()


@app.command()
def lag(as_json: AsJson = False) -> None:
    """Say how far each group is behind, partition by partition. No backfill has to wait for it."""
    raise typer.Exit(run(_lag(configured(), as_json)))


async def _lag(settings: "Settings", as_json: bool) -> int:
    from retrograph.cli.exit_codes import of_error
    from retrograph.cli.output import complain
    from retrograph.clock import SystemClock
    from retrograph.wiring.live import topics_of
    from retrograph.wiring.live_board import look_at_lag

    found = await look_at_lag(settings, topics_of(settings), SystemClock())
    if as_json:
        print_json([topic.as_json() for topic in found])
    else:
        rows = [(lag.topic, lag.group, lag.partition, lag.words) for topic in found for lag in topic.partitions]
        if rows:
            print_table(("topic", "group", "partition", "how it stands"), rows, right=("partition",))
        for topic in found:
            if topic.error is not None:
                complain(f"{topic.topic.name}: {topic.error}")
    return max((int(of_error(topic.error)) for topic in found if topic.error is not None), default=0)


@app.command()
def reset(
    topic: Topic,
    latest: Annotated[bool, typer.Option("--latest", help="Go on at the end; what is there is left out.")] = False,
) -> None:
    """Go on at the earliest event there is, where Kafka no longer holds the one that would have come next.

    Only touches partitions whose committed offset is lost. Stop the consumers of the topic first. What was lost comes
    back with a backfill of the users, since a load joins their whole history.
    """
    run(_reset(configured(), topic, latest))


async def _reset(settings: "Settings", name: str, latest: bool) -> None:
    from retrograph.wiring.live import topic_named
    from retrograph.wiring.live_board import reset_lost

    found = topic_named(settings, name)
    count = await reset_lost(found, latest=latest)
    where = "the end" if latest else "the earliest event"
    partitions = "partition" if count == 1 else "partitions"
    said = f"{count:,} {partitions} of {found.name} will go on at {where}"
    say(said if count else f"no partition of {found.name} has lost its offset: nothing was changed")


@letters.command("list")
def list_letters(topic: Topic, as_json: AsJson = False) -> None:
    """List the dead letters of a topic, with the reason of each."""
    run(_list(configured(), topic, as_json))


async def _list(settings: "Settings", name: str, as_json: bool) -> None:
    from retrograph.wiring.live import topic_named
    from retrograph.wiring.live_board import dead_letters_of

    topic = topic_named(settings, name)
    filed = dead_letters_of(topic).filed(topic.name)
    if as_json:
        await print_json_list(letter.as_json() async for letter in filed)
        return
    rows = [
        (
            f"{letter.place[0]}/{letter.place[1]}",
            letter.headers.get("failed-at"),
            None if letter.key is None else letter.key.decode("utf-8", "replace"),
            f"{letter.headers.get('partition')}/{letter.headers.get('offset')}",
            f"{letter.headers.get('error-class')}: {letter.headers.get('error-message')}",
        )
        async for letter in filed
    ]
    if rows:
        print_table(("letter", "failed at", "key", "event", "why"), rows)
    else:
        say(f"{topic.name} has no dead letters")


@letters.command()
def replay(topic: Topic) -> None:
    """Send the dead letters that were not replayed yet to their topic again; what fails again comes back."""
    run(_replay(configured(), topic))


async def _replay(settings: "Settings", name: str) -> None:
    from retrograph.wiring.live import topic_named
    from retrograph.wiring.live_board import dead_letters_of

    topic = topic_named(settings, name)
    count = await dead_letters_of(topic).replay(topic.name)
    say(f"{count:,} {'event' if count == 1 else 'events'} sent to {topic.name} again")
