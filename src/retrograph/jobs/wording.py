"""Figures and names as people say them, for sentences about jobs. Pure, and the same at every door."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from retrograph.clock import from_millis

_USERS: Final = ("user", "users")
_NOUNS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("purchases", "identity", "enrolment", "newly-enabled"), _USERS),
    "events": ("object", "objects"),
}
_VERBS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("purchases", "enrolment", "newly-enabled"), "Loading"),
    "identity": "Joining",
    "events": "Reading",
}
_SERVICES: Final[Mapping[str, str]] = {
    "purchase-history": "the purchase history service",
    "shop-orders": "the shop order service",
    "products": "the product service",
    "categories": "the category service",
    "graph": "the graph",
    "store": "the job store",
    "users": "the users table",
    "s3": "the bucket",
}
_KINDS: Final[Mapping[str, str]] = {
    "timeout": "did not answer in time",
    "connection": "could not be reached",
    "truncated": "broke off its answer",
    "token": "was given a new token",
}


_CALL: Final = re.compile(
    r"(?P<service>[\w-]+): (?:"
    r"/\S* (?:failed (?P<tries>\d+) times, at last: (?P<fault>.+?)|(?P<answer>was answered with .+?))"
    r"|the answer to /\S* (?P<shape>is malformed: .+?))(?: \(X-Request-Id [^)]*\))?"
)


class At(NamedTuple):
    """An instant in a sentence (milliseconds): each door shows it in the zone of whoever reads."""

    millis: int


Part = str | At


def plain(parts: tuple[Part, ...]) -> str:
    """The sentence with its instants in UTC."""
    return "".join(part if isinstance(part, str) else f"{from_millis(part.millis):%H:%M} UTC" for part in parts)


def counted(kind: str, count: int) -> str:
    """`1 user`, `2,377 users`."""
    one, many = _NOUNS.get(kind, ("item", "items"))
    return f"{count:,} {one if count == 1 else many}"


def failed(kind: str, count: int) -> str:
    """`1 failed user`, `21 failed users`."""
    one, many = _NOUNS.get(kind, ("item", "items"))
    return f"{count:,} failed {one if count == 1 else many}"


def noun_of_one(kind: str) -> str:
    """What one of a kind's items is called."""
    return _NOUNS.get(kind, ("item", "items"))[0]


def noun(kind: str) -> str:
    """What a kind's items are called, in the plural."""
    return _NOUNS.get(kind, ("item", "items"))[1]


def doing(kind: str, *, dry_run: bool) -> str:
    """What a run does with them: `Loading users`."""
    return f"{'Walking' if dry_run else _VERBS.get(kind, 'Walking')} {noun(kind)}"


def service_named(name: str | None) -> str:
    """A dependency as people call it."""
    return "a service" if name is None else _SERVICES.get(name, f"the service {name}")


def refused_how(kind: str) -> str:
    """What a service did, by the word that retries are counted under: `answered 429`."""
    return _KINDS.get(kind, f"answered {kind}")


def cause_first(message: str) -> str:
    """The message of a failed call for a place where only its beginning is seen: what went wrong, then at whom."""
    if (call := _CALL.fullmatch(message)) is None:
        return message
    tries = f" after {call['tries']} tries" if call["tries"] else ""
    shape = call["shape"] and f"its answer {call['shape']}"
    return f"{call['fault'] or call['answer'] or shape} ({call['service']}{tries})"


def span(seconds: float) -> str:
    """`40 s`, `15 min`, `1 h 10 min`, `3 d 4 h`: no finer than somebody waits for."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(whole / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def lasted(seconds: float) -> str:
    """The same of what is over: `under 1 s` rather than no time at all."""
    return "under 1 s" if 0 < seconds < 1 else span(seconds)


def pace(rate: float) -> str:
    """`0.42`, `9.6`, `1,204`: as many digits as mean something."""
    if rate >= 100:
        return f"{rate:,.0f}"
    digits = 1 if rate >= 1 else 2
    text = f"{rate:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ended(text: str) -> str:
    """A message as the end of a sentence, with one full stop."""
    return text.strip().rstrip(".") + "."
