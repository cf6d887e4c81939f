"""A reverse proxy that has signed people in: its header counts on its own connections, and on no others."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from retrograph.config import ProxySettings
from retrograph.web.auth.refused import Refused


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
        try:
            address: IPv4Address | IPv6Address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)  # how a socket for both families names IPv4
        address = mapped or address
        return any(address.version == network.version and address in network for network in self._networks)
