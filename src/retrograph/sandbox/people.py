"""People who share things: what each of them has, as some form would have taken it, and what it truly is."""

import random
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

HOUSEHOLDS: Final = ((1, 0.55), (2, 0.25), (3, 0.12), (4, 0.05), (5, 0.03))
"""Sizes of households, and how frequent they are."""
WITHOUT_ANYTHING: Final = 0.03
GARBAGE: Final = 0.02
IN_AN_OFFICE: Final = 0.3
RECYCLED_NUMBER: Final = 0.02
HANDED_ON_NUMBER: Final = 0.004

_NAMES: Final = ("ann", "ben", "cleo", "dan", "eve", "finn", "gus", "hanna", "ida", "jon", "kim", "lea", "max", "nora")
_DOMAINS: Final = ("example.com", "mail.example.com", "example.org", "post.example.net", "example.co.uk")
_AREAS: Final = ("212", "213", "312", "415", "617", "646", "702", "718", "917")
_GARBAGE: Final = {
    "email": (("null", "~"), ("N/A", "~"), ("ann@", None), ("@example.com", None), ("no email", None)),
    "phone": (("0000000000", "~"), ("+1 11", None), ("unknown", "~"), ("call me", None), ("+999123456789", None)),
    "device": (("00000000-0000-0000-0000-000000000000", "~"), ("null", "~"), ("a" * 300, None)),
    "ip": (("192.168.1.10", "~"), ("0.0.0.0", "~"), ("999.1.2.3", None), ("localhost", None)),
    "payment": (("none", "~"), ("0000-0000", "~")),
}


class Raw(NamedTuple):
    """A value as the table holds it. `truth`: what it stands for; `~`: a word that names nobody; `None`: garbage."""

    type: str
    value: str
    truth: str | None


def draw_people(count: int, seed: int) -> Iterator[list[Raw]]:
    """What each of `count` people has, in the order of their sign-up: members of one household come at any time."""
    chance = random.Random(f"people {seed}")
    people: list[list[Raw]] = []
    offices = _offices(count, chance)
    recycled = [_number(2_000_000 + number) for number in range(max(1, count // 400))]
    while len(people) < count:
        size = chance.choices([size for size, _ in HOUSEHOLDS], [weight for _, weight in HOUSEHOLDS])[0]
        people += _household(len(people), size, chance)
    del people[count:]
    for number, person in enumerate(people):
        if chance.random() < IN_AN_OFFICE:
            office = chance.choice(offices)
            person.append(Raw("ip", office, office))
        if chance.random() < RECYCLED_NUMBER:
            person[:] = [raw for raw in person if raw.type != "phone"]
            recycled_number = chance.choice(recycled)
            person.append(Raw("phone", _written_number(recycled_number, chance), recycled_number))
        elif number and chance.random() < HANDED_ON_NUMBER:
            former = next((raw for raw in people[chance.randrange(number)] if raw.type == "phone" and raw.truth), None)
            if former is not None:
                person[:] = [*(raw for raw in person if raw.type != "phone"), former]
        if chance.random() < GARBAGE:
            _spoil(person, chance)
        if chance.random() < WITHOUT_ANYTHING:
            person.clear()
    chance.shuffle(people)
    yield from people


def _offices(count: int, chance: random.Random) -> list[str]:
    """Each office has about 4,000 people, so that its address is far over any limit."""
    number = max(1, count // 13_000)
    first = chance.randrange(1, 200)
    return [f"198.51.{100 + office // 250}.{(first + office) % 250 + 1}" for office in range(number)]


def _household(first: int, size: int, chance: random.Random) -> list[list[Raw]]:
    home = _home_address(first)
    tablet = _device(first, "tablet", chance)
    card = f"card-{first:08d}-fp"
    members: list[list[Raw]] = []
    for number in range(first, first + size):
        member = [_email(number, chance)]
        if chance.random() < 0.8:
            truth = _number(number)
            member.append(Raw("phone", _written_number(truth, chance), truth))
        if chance.random() < 0.7:
            member.append(_device(number, "phone", chance))
        if size > 1 and chance.random() < 0.6:
            member.append(tablet)
        if chance.random() < 0.8:
            member.append(Raw("ip", _written_address(home, chance), home))
        if chance.random() < 0.4:
            member.append(Raw("payment", card if size > 1 else card.upper(), card))
        members.append(member)
    return members


def _email(number: int, chance: random.Random) -> Raw:
    truth = f"{chance.choice(_NAMES)}.{number}@{chance.choice(_DOMAINS)}"
    writings: tuple[Callable[[str], str], ...] = (str, str, str, str.title, str.upper, " {} ".format)
    return Raw("email", chance.choice(writings)(truth), truth)


def _device(number: int, kind: str, chance: random.Random) -> Raw:
    bits = random.Random(f"{kind} {number}").getrandbits(128)
    text = f"{bits:032x}"
    truth = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return Raw("device", truth.upper() if chance.random() < 0.3 else truth, truth)


def _home_address(number: int) -> str:
    """An address of a provider: of version 4, and for every tenth household of version 6."""
    if number % 10:
        return f"{81 + number // 16_000_000}.{number // 65_536 % 256}.{number // 256 % 256}.{number % 256}"
    return f"2001:db8:{number // 65_536:x}:{number % 65_536 or 1:x}::1"


def _written_address(truth: str, chance: random.Random) -> str:
    if ":" in truth:
        return truth.upper() if chance.random() < 0.5 else truth
    return f"::ffff:{truth}" if chance.random() < 0.05 else truth


def _number(number: int) -> str:
    """A valid number for each: of Germany or the United States."""
    if number % 3 == 0:
        return f"+49151{20_000_000 + number // 3:08d}"
    area, rest = _AREAS[number % len(_AREAS)], number // len(_AREAS)
    return f"+1{area}{2_220_000 + rest:07d}"


def _written_number(truth: str, chance: random.Random) -> str:
    split = 3 if truth.startswith("+4") else 2
    country, rest = truth[:split], truth[split:]
    return chance.choice(
        (truth, truth, truth, f"{country} {rest[:3]} {rest[3:]}", f"{country} ({rest[:3]}) {rest[3:6]}-{rest[6:]}")
    )


def _spoil(person: list[Raw], chance: random.Random) -> None:
    """One of the values is garbage, or there is garbage beside them."""
    type_ = chance.choice(sorted(_GARBAGE))
    value, truth = chance.choice(_GARBAGE[type_])
    if type_ in ("email", "phone", "payment"):  # of which the table has one a user
        person[:] = [raw for raw in person if raw.type != type_]
    person.append(Raw(type_, value, truth))
