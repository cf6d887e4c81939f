"""From what somebody typed or a device sent to the identifier that is stored: judged, normalised, hashed.

E-mail addresses and phone numbers are judged by the libraries that know them. Where nearly all values have a plain
shape, the libraries' own data answers for it without their detours; tests hold both to the same answer.
"""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from retrograph.facts import Identifier, InvalidId, clean_id
from retrograph.loading.blocking import BlockList
from retrograph.loading.emails import normal_email
from retrograph.loading.phones import PhoneNumbers

_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN_IPV4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)


class Judged(NamedTuple):
    """An identifier, and the class it is blocked by."""

    identifier: Identifier
    blocked: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HashKey:
    """A secret for HMAC-SHA-256, and the name under which its hashes are stored."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"HashKey({self.key_id})"

    @property
    def fingerprint(self) -> str:
        """Tells one secret from another without giving it away."""
        return hmac.digest(self.secret, b"retrograph key fingerprint", "sha256").hex()[:16]

    def hashed(self, value: str) -> str:
        """The value as it is stored."""
        return f"{self.key_id}:{hmac.digest(self.secret, value.encode(), hashlib.sha256).hex()}"


class Identifiers:
    """Judges values by one configuration."""

    def __init__(self, block_list: BlockList, *, key: HashKey | None = None, region: str | None = None) -> None:
        self._block_list = block_list
        self._key = key
        self._normal: Mapping[str, Callable[[str], str | None]] = {
            "email": normal_email,
            "phone": PhoneNumbers(region).normal,
            "device": normal_text,
            "ip": normal_ip,
            "payment": normal_text,
        }

    def judge(self, type_: str, raw: str) -> Judged | None:
        """The identifier of a value; `None` where it is invalid."""
        text = raw.strip().lower()
        blocked = self._block_list.class_of(type_, text)
        value = self._normal[type_](text)
        if value is None:
            value = normal_text(text) if blocked is not None else None
        elif value != text:
            blocked = blocked or self._block_list.class_of(type_, value)
        if value is None:
            return None
        return Judged(Identifier(type_, value if self._key is None else self._key.hashed(value)), blocked)


def normal_text(text: str) -> str | None:
    """A device's id or a means of payment: the rule for ids, in lower case."""
    try:
        return clean_id(text.lower())
    except InvalidId:
        return None


def normal_ip(text: str) -> str | None:
    """An IP address in its shortest form; an IPv4 address that is written as IPv6 is an IPv4 address."""
    if _PLAIN_IPV4.fullmatch(text):
        return text
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
