"""Chance that can be repeated: numbers that follow from a seed and what they are drawn for, never from the order."""

from hashlib import blake2b

_SCALE = 2.0**-53


def draw(seed: int, *parts: object) -> int:
    """A number of 64 bits that follows from the seed and the parts alone."""
    text = "\x1f".join((str(seed), *map(str, parts)))
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def share(number: int) -> float:
    """The drawn number as a float, at least 0 and less than 1."""
    return (number >> 11) * _SCALE
