"""What a row of a users table says of its user, and how that item ends: pure, so that order changes nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from retrograph.facts import (
    Identifier,
    IdentityFacts,
    InvalidId,
    InvalidInstant,
    Sighting,
    clean_id,
    clean_instant,
)
from retrograph.graph.identity import join_sightings
from retrograph.jobs.work import Outcome
from retrograph.loading.identifiers import Identifiers
from retrograph.sources.users_walk import UserRow

INVALID_USER = Outcome(status="skipped", reason="invalid-user-id")


def facts_of(row: UserRow, identifiers: Identifiers, latest: int) -> tuple[IdentityFacts | None, Outcome]:
    """What a row says, and what is left out of it; no facts where its user's id breaks the rule for ids. Pure.

    An instant that is absurd is left out alone: its identifier stays, without it.
    """
    try:
        user_id = clean_id(row.key)
    except InvalidId:
        return None, INVALID_USER
    refused: dict[str, int] = {}
    created = _instant(row.created_at, latest, refused)
    sightings: dict[Identifier, Sighting] = {}
    blocked: dict[Identifier, str] = {}
    for raw in row.identifiers:
        judged = identifiers.judge(raw.type, raw.value)
        if judged is None:
            _count(refused, f"invalid-{raw.type}")
            continue
        identifier, name = judged
        at = created if raw.at is None else _instant(raw.at, latest, refused)
        sighting = Sighting(at, at, _sources(raw.source))
        held = sightings.get(identifier)
        sightings[identifier] = sighting if held is None else join_sightings(held, sighting)
        if name is not None:
            blocked[identifier] = name
    facts = IdentityFacts(user_id=user_id, first_seen_at=created, sightings=sightings, blocked=blocked)
    return facts, _outcome(len(sightings), refused)


def _outcome(identifiers: int, refused: Mapping[str, int], written: int = 0) -> Outcome:
    """How a user ends who is known by so many identifiers."""
    done = _done(identifiers, written)
    return replace(done, refused=refused) if refused else done


@lru_cache(maxsize=1_024)
def _done(identifiers: int, written: int) -> Outcome:
    if not identifiers:
        return Outcome(status="processed", found={"identifiers": 0, "users-without-identifiers": 1})
    return Outcome(status="processed", found={"identifiers": identifiers, "edges-written": written})


@lru_cache(maxsize=1_024)
def _sources(source: str) -> frozenset[str]:
    return frozenset((source,))


def _count(refused: dict[str, int], reason: str) -> None:
    refused[reason] = refused.get(reason, 0) + 1


def _instant(at: int | None, latest: int, refused: dict[str, int]) -> int | None:
    if at is None:
        return None
    try:
        return clean_instant(at, latest)
    except InvalidInstant:
        _count(refused, "invalid-instant")
        return None


def together(before: Outcome | None, outcome: Outcome) -> Outcome:
    """Two rows of one user are one item."""
    if before is None:
        return outcome
    refused = Counter(before.refused)
    refused.update(outcome.refused)
    if outcome.status == "skipped":
        return replace(outcome, refused=refused)
    return _outcome(_identifiers(before) + _identifiers(outcome), refused)


def with_written(outcome: Outcome, written: int) -> Outcome:
    """The same, with the edges that were written."""
    if outcome.status == "skipped":
        return outcome
    return _outcome(_identifiers(outcome), outcome.refused, written)


def _identifiers(outcome: Outcome) -> int:
    return outcome.found.get("identifiers", 0)
