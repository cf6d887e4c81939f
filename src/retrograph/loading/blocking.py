"""The block list: which values name nobody, and of which class they are. Decided before anything is hashed."""

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from ipaddress import IPv6Address, ip_network
from pathlib import Path
from socket import AF_INET, inet_pton
from typing import Final

from retrograph.errors import ConfigurationError
from retrograph.facts import IDENTIFIER_TYPES

_SETTING: Final = "RETROGRAPH_IDENTIFIERS_BLOCK_LIST"
_TAKEN_BACK: Final = "-"


class BlockList:
    """Classes by type and value. Of several lines that fit, the last one counts."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], tuple[int, str]] = {}
        self._patterns: dict[str, list[tuple[int, re.Pattern[str], str]]] = {name: [] for name in IDENTIFIER_TYPES}
        self._networks: list[tuple[int, int, int, int, str]] = []
        self._lines = 0
        self.network_of = lru_cache(maxsize=65_536)(self._network_of)

    def add(self, types: Iterable[str], value: str, name: str) -> None:
        """One line. Raises ValueError where the value cannot be read."""
        self._lines += 1
        for type_ in types:
            if len(value) > 2 and value.startswith("/") and value.endswith("/"):
                self._patterns[type_].append((self._lines, re.compile(value[1:-1]), name))
            elif type_ == "ip" and "/" in value and value[0] in "0123456789abcdef:":
                network = ip_network(value)
                ends = int(network.network_address), int(network.broadcast_address)
                self._networks.append((self._lines, network.version, *ends, name))
            else:
                self._texts[type_, value.lower()] = (self._lines, name)

    def class_of(self, type_: str, value: str) -> str | None:
        """The class of a value in lower case; `None` where it may name somebody."""
        found = self._texts.get((type_, value), (0, _TAKEN_BACK))
        for line, pattern, name in self._patterns[type_]:
            if line > found[0] and pattern.fullmatch(value):
                found = (line, name)
        if type_ == "ip":
            found = max(found, self.network_of(value))
        return None if found[1] == _TAKEN_BACK else found[1]

    def _network_of(self, value: str) -> tuple[int, str]:
        try:
            version, address = (4, _ipv4(value)) if ":" not in value else (6, int(IPv6Address(value)))
        except (OSError, ValueError):
            return (0, _TAKEN_BACK)
        found = (0, _TAKEN_BACK)
        for line, of_version, first, last, name in self._networks:
            if first <= address <= last and of_version == version:
                found = (line, name)
        return found


def _ipv4(text: str) -> int:
    return int.from_bytes(inet_pton(AF_INET, text), "big")


def read_block_list(file: Path | None) -> BlockList:
    """The packaged list, and an operator's lines after it. Raises ConfigurationError naming the line that is wrong."""
    block_list = BlockList()
    _read(block_list, files("retrograph.loading").joinpath("block_list.txt").read_text("utf-8"), "the packaged list")
    if file is not None:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{_SETTING} names {file}, which cannot be read: {error}") from error
        _read(block_list, text, str(file))
    return block_list


def _read(block_list: BlockList, text: str, name: str) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        types = IDENTIFIER_TYPES if words[0] == "*" else (words[0],)
        if len(words) != 3 or not set(types) <= set(IDENTIFIER_TYPES):
            known = ", ".join(IDENTIFIER_TYPES)
            raise ConfigurationError(f"{_SETTING}: {name}, line {number} must be TYPE VALUE CLASS, TYPE one of {known}")
        try:
            block_list.add(types, words[1], words[2])
        except (ValueError, re.error) as error:
            raise ConfigurationError(f"{_SETTING}: {name}, line {number} cannot be read: {error}") from error
