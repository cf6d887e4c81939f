"""A reverse proxy that has signed people in: its header counts on its own connections, and on no others."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from retrograph.config import ProxySettings
from retrograph.web.auth.refused import Refused

_ONE_CUSTOMER: Final = 64
"""The bits of an IPv6 address that tell one subscriber from another."""


class TrustedProxy:
    """Reads the header. The peer is the other end of the connection: nothing that a request says replaces it."""

    def __init__(self, settings: ProxySettings) -> None:
        self.header = (settings.header or "").lower()
        self._networks = tuple(ip_network(word) for word in (settings.networks or "").replace(",", " ").split())

    def email(self, values: Sequence[str], peer: str) -> str | None:
        """The address that the proxy vouches for; `None` where the header is missing. Raises Refused."""
        if not values:
            return None
        if not self.trusts(peer):
            raise Refused(
                403, "PROXY_NOT_TRUSTED", "this connection does not come from a trusted proxy, and has its header"
            )
        if len(values) > 1:
            raise Refused(403, "PROXY_HEADER_TWICE", "the proxy's header is there more than once")
        return values[0] or None

    def trusts(self, peer: str) -> bool:
        """Whether the other end of the connection is one of the proxies."""
        address = _address(peer)
        if address is None:
            return False
        return any(address.version == network.version and address in network for network in self._networks)

    def sender(self, peer: str, forwarded: Sequence[str]) -> str:
        """Whose attempt to sign in it is: the peer's or, where that is a proxy, the nearest address that the proxies
        were spoken to from (`X-Forwarded-For`) and that is none of them. What a caller writes before it counts for
        nothing. Of IPv6 it is the network: whoever has one address there has all of them."""
        words = [word.strip() for value in forwarded for word in value.split(",")]
        found = peer
        while words and self.trusts(found):
            if _address(words[-1]) is None:
                break
            found = words.pop()
        address = _address(found)
        if isinstance(address, IPv6Address):
            return str(ip_network((address, _ONE_CUSTOMER), strict=False))
        return found if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)  # how a socket for both families names IPv4
    return mapped or address
