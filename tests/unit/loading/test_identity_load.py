"""Rows of a users table as items: what each says, how they share transactions, whose failure is whose."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from retrograph.clock import SystemClock
from retrograph.errors import DependencyDown, LeaseLost, WriteFailed
from retrograph.facts import EARLIEST_INSTANT, Identifier, IdentityFacts, Sighting
from retrograph.jobs.work import Permit, unconditionally
from retrograph.loading.blocking import read_block_list
from retrograph.loading.identifiers import Identifiers
from retrograph.loading.identity import Desk, IdentityHooks, IdentityLoad, IdentitySource, facts_of, groups
from retrograph.sources.users_walk import RawIdentifier, UserRow

IDENTIFIERS = Identifiers(read_block_list(None))
AT = EARLIEST_INSTANT + 1_000
LATEST = AT + 1_000


def row(key: str, *values: tuple[str, str], at: int | None = AT, seen: int | None = None) -> UserRow:
    return UserRow(key, f"after {key}", at, [RawIdentifier(type_, value, seen, "users") for type_, value in values])


def test_a_row_says_who_was_seen_with_what() -> None:
    facts, outcome = facts_of(row("ann", ("email", "Ann@example.com"), ("ip", "10.0.0.1")), IDENTIFIERS, LATEST)

    mail, address = Identifier("email", "ann@example.com"), Identifier("ip", "10.0.0.1")
    seen = Sighting(AT, AT, frozenset(["users"]))
    assert facts == IdentityFacts(
        user_id="ann", first_seen_at=AT, sightings={mail: seen, address: seen}, blocked={address: "private"}
    )
    assert (outcome.status, outcome.refused) == ("processed", {})


def test_invalid_values_are_left_out_and_counted_by_type() -> None:
    facts, outcome = facts_of(
        row("ann", ("email", "ann@"), ("email", "no"), ("phone", "1"), ("device", "d1")), IDENTIFIERS, LATEST
    )

    assert facts is not None
    assert list(facts.sightings) == [("device", "d1")]
    assert outcome.refused == {"invalid-email": 2, "invalid-phone": 1}


@pytest.mark.parametrize("at", [EARLIEST_INSTANT - 1, LATEST + 1, -1])
def test_an_absurd_instant_is_left_out_alone(at: int) -> None:
    facts, outcome = facts_of(row("ann", ("device", "d1"), at=at), IDENTIFIERS, LATEST)

    assert facts is not None
    assert facts.first_seen_at is None
    assert facts.sightings == {Identifier("device", "d1"): Sighting(None, None, frozenset(["users"]))}
    assert outcome.refused == {"invalid-instant": 1}


def test_two_writings_of_one_value_are_one_identifier() -> None:
    facts, _ = facts_of(row("ann", ("ip", "81.0.0.1"), ("ip", "::ffff:81.0.0.1")), IDENTIFIERS, LATEST)

    assert facts is not None
    assert list(facts.sightings) == [("ip", "81.0.0.1")]


def test_a_user_whose_id_breaks_the_rule_is_skipped() -> None:
    facts, outcome = facts_of(row("a\x00nn", ("device", "d1")), IDENTIFIERS, LATEST)

    assert facts is None
    assert (outcome.status, outcome.reason) == ("skipped", "invalid-user-id")


class Writer:
    """Takes what it is given, but refuses some users, and can be down."""

    lanes = 1

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.batches: list[list[str]] = []
        self.down = False

    async def join(self, facts: Sequence[IdentityFacts], permit: Permit = unconditionally) -> Mapping[str, int]:
        permit()
        await asyncio.sleep(0)
        if self.down:
            raise DependencyDown("graph", "it does not answer")
        users = [fact.user_id for fact in facts]
        if self.refused & set(users):
            raise WriteFailed("the graph refused the data")
        self.batches.append(users)
        return {user: 1 for user in users if user != "e"}


class Walk:
    """A table that is a list of pages."""

    def __init__(self, *pages: list[UserRow]) -> None:
        self._pages = pages
        self.looked_up: list[str] = []

    async def count(self, after: str | None) -> int:
        return sum(map(len, self._pages))

    async def pages(self, after: str | None) -> AsyncIterator[list[UserRow]]:
        for page in self._pages:
            yield page

    async def rows(self, keys: Sequence[str]) -> list[UserRow]:
        self.looked_up += keys
        return [found for page in self._pages for found in page if found.key in keys]


async def nothing() -> None:
    return None


def opened(walk: Any, writer: Any, *, group: int = 3, most: int = 100) -> tuple[IdentitySource, IdentityLoad]:
    desk = Desk(most=most)
    source = IdentitySource(walk, desk, lanes=writer.lanes, group=group, after=None, already=0)
    hooks = IdentityHooks(ping_graph=nothing, ping_table=nothing)
    return source, IdentityLoad(desk, walk, IDENTIFIERS, writer, hooks, SystemClock())


async def test_the_users_of_a_group_share_a_transaction_and_each_is_an_item() -> None:
    walk, writer = Walk([row(key, ("device", key)) for key in "abcd"], [row("e")]), Writer()
    source, load = opened(walk, writer)

    items = [item async for item in source.walk(None)]
    outcomes = await asyncio.gather(*(load.load(item.key) for item in items))

    assert [item.key for item in items] == list("abcde")
    assert [outcome.status for outcome in outcomes] == ["processed"] * 5
    assert [outcome.found for outcome in outcomes] == [
        *[{"identifiers": 1, "edges-written": 1}] * 4,
        {"identifiers": 0, "users-without-identifiers": 1},
    ]
    assert writer.batches == [["a", "b", "c"], ["d"], ["e"]]
    assert walk.looked_up == []


async def test_only_the_user_whose_data_is_refused_fails() -> None:
    source, load = opened(Walk([row(key) for key in "abc"]), writer := Writer("b"))
    items = [item async for item in source.walk(None)]

    outcomes = await asyncio.gather(*(load.load(item.key) for item in items), return_exceptions=True)

    assert [type(outcome).__name__ for outcome in outcomes] == ["Outcome", "WriteFailed", "Outcome"]
    assert writer.batches == [["a"], ["c"]]


async def test_a_graph_that_is_down_charges_nobody_and_the_group_is_written_later() -> None:
    source, load = opened(Walk([row(key) for key in "ab"]), writer := Writer())
    items = [item async for item in source.walk(None)]
    writer.down = True
    for item in items:
        with pytest.raises(DependencyDown):
            await load.load(item.key)

    writer.down = False

    assert (await load.load("a")).status == "processed"
    assert writer.batches == [["a", "b"]]


async def test_nothing_is_written_without_a_permit() -> None:
    source, load = opened(Walk([row("a")]), writer := Writer())
    [_ async for _ in source.walk(None)]

    def lost() -> None:
        raise LeaseLost("it has ended")

    with pytest.raises(LeaseLost):
        await load.load("a", lost)
    assert writer.batches == []


async def test_a_user_who_failed_before_is_looked_up_again_and_one_who_has_gone_is_skipped() -> None:
    walk = Walk([row("a")])
    _, load = opened(walk, writer := Writer())

    assert (await load.load("a")).status == "processed"
    assert (await load.load("gone")).reason == "gone"
    assert writer.batches == [["a"]]
    assert walk.looked_up == ["a", "gone"]


async def test_what_nobody_fetches_does_not_fill_the_memory() -> None:
    walk = Walk([row(key) for key in "abcdef"])
    source, load = opened(walk, Writer(), group=2, most=4)

    [_ async for _ in source.walk(None)]

    assert (await load.load("a")).status == "processed"
    assert walk.looked_up == ["a"]
    await load.load("f")
    assert walk.looked_up == ["a"]


async def test_rows_of_one_key_are_one_item() -> None:
    source, load = opened(Walk([row("a", ("device", "d1")), row("a", ("email", "no"))]), Writer())

    assert [item.key async for item in source.walk(None)] == ["a"]
    outcome = await load.load("a")
    assert outcome.refused == {"invalid-email": 1}
    assert outcome.found == {"identifiers": 1, "edges-written": 1}


def test_neighbours_go_to_different_lanes() -> None:
    page = [row(key) for key in "abcdefgh"]

    assert ["".join(found.key for found in group) for group in groups(page, 3, 2)] == ["ad", "be", "cf", "g", "h"]
    assert ["".join(found.key for found in group) for group in groups(page, 1, 5)] == ["abcde", "fgh"]
