"""Settings of who may enter: the allow-list, the ways in, and how long a session lasts."""

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from retrograph.config.values import SecretFile, secret_of

_FORBIDDEN_HEADERS = frozenset(
    ("authorization", "cookie", "forwarded", "host", "origin", "referer", "x-forwarded-for", "x-real-ip")
)
"""Headers that callers send by themselves, or that mean something else."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def names_a_file(admins: str) -> bool:
    """Whether `RETROGRAPH_ADMINS` is the path of a file rather than the addresses themselves."""
    return admins.startswith(("/", "./", "../")) or "@" not in admins


def wrong_address(text: str) -> str | None:
    """What is wrong with an address of the allow-list, or `None`."""
    if "*" in text:
        return "a wildcard is not an address: name each person"
    name, at, domain = text.partition("@")
    if not (name and at and domain) or "@" in domain or any(not character.isprintable() for character in text):
        return "it is not an e-mail address"
    return None


def addresses_in(text: str) -> list[str]:
    """The addresses of a text: separated by commas or white space, `#` begins a comment."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [word for line in lines for word in line.replace(",", " ").split()]


def _admins(text: str) -> str:
    text = text.strip()
    if names_a_file(text):
        _check_admins_file(Path(text))
        return text
    for address in addresses_in(text):
        if wrong := wrong_address(address):
            raise ValueError(f"holds {address!r}: {wrong}")
    return text


def _check_admins_file(file: Path) -> None:
    try:
        found = addresses_in(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"names the file {file}, which does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"names the file {file}, which cannot be read: {getattr(error, 'strerror', 'it is not text')}"
        ) from None
    for address in found:
        if wrong := wrong_address(address):
            raise ValueError(f"names the file {file}, which holds {address!r}: {wrong}")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this machine, and nobody else can reach it."""
    bare = host.strip("[]")
    if bare.lower() == "localhost":
        return True
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def _guarded_url(text: str) -> str:
    """A URL that secrets may travel to: encrypted, unless it never leaves the machine."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a URL: write one that starts with https://")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must start with https://: only this machine itself can be reached without encryption")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("holds more than an address: write it without user, query and fragment")
    return text


def _public_url(text: str) -> str:
    url = _guarded_url(text).rstrip("/")
    if urlsplit(url).path:
        raise ValueError("has a path: the console is served at the root of its host")
    return url


def _networks(text: str) -> str:
    for word in text.replace(",", " ").split():
        try:
            network = ip_network(word)
        except ValueError as error:
            raise ValueError(f"holds {word!r}, which is no network: {error}") from None
        if network.prefixlen == 0:
            raise ValueError(f"holds {word}, which is everybody: name the proxies alone")
    return text


def _header(name: str) -> str:
    if name.lower() in _FORBIDDEN_HEADERS:
        raise ValueError(f"is {name}, which callers send by themselves: choose one that only the proxy sets")
    return name


class OidcSettings(_Group):
    """Sign-in by an OpenID Connect provider: code flow with PKCE.

    Register `PUBLIC_URL/sign-in/callback` as redirect URI, and `PUBLIC_URL/sign-in` as post-logout redirect URI. The
    provider must say that the address is verified (`email_verified`).
    """

    issuer: Annotated[str, AfterValidator(_guarded_url)] | None = Field(
        default=None, description="The provider's issuer URL, exactly as its tokens name it. None: no such sign-in."
    )
    client_id: str | None = Field(default=None, pattern=r"\S", description="The client's id at the provider.")
    client_secret: SecretStr | None = Field(
        default=None, description="The client's secret. None: a public client, which PKCE alone protects."
    )
    client_secret_file: SecretFile | None = Field(default=None, description="A file that holds that secret.")
    clock_skew_seconds: int = Field(
        default=60,
        ge=0,
        le=300,
        description="Seconds that the provider's clock may differ from this machine's. Machines that keep their time "
        "differ by far less.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.client_secret and self.client_secret_file:
            raise ValueError("the client secret and its file are both set: keep one of them")
        if (self.issuer is None) != (self.client_id is None):
            raise ValueError("the issuer and the client id belong together: set both, or none")
        return self

    @property
    def secret(self) -> SecretStr | None:
        """The client's secret, wherever it is kept."""
        return secret_of(self.client_secret_file) if self.client_secret_file else self.client_secret


class ProxySettings(_Group):
    """Sign-in by a reverse proxy that has signed people in already, and names them in a header.

    The header counts only on connections that come from the proxies' own addresses; from anywhere else a request that
    carries it is refused. What `X-Forwarded-For` says on the proxies' own connections tells whose attempts to sign in
    are counted, and nothing else.
    """

    header: Annotated[str, AfterValidator(_header)] | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9-]+$",
        description="The header that holds the verified e-mail address, such as `X-Forwarded-Email`. The proxy must "
        "set it on every request, whatever the caller sent. None: no such sign-in.",
    )
    networks: Annotated[str, AfterValidator(_networks)] | None = Field(
        default=None,
        description="The proxies' addresses or networks, separated by commas: `10.0.3.7, 10.1.0.0/28`. Without a "
        "header they sign nobody in; attempts to sign in are then counted by who speaks to them.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.header is not None and self.networks is None:
            raise ValueError("the header counts on connections of proxies alone: set their networks as well")
        return self


class SessionSettings(_Group):
    """How long somebody who signed in with a browser stays signed in, and how often it may be tried."""

    idle_minutes: int = Field(
        default=120,
        ge=1,
        le=10_080,
        description="Minutes without a request after which a session ends. An open page that only waits for news "
        "sends none.",
    )
    absolute_hours: int = Field(
        default=12, ge=1, le=168, description="Hours after which a session ends in any case: a working day."
    )
    sign_ins_per_minute: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="Attempts to sign in that one address may make in a minute. Behind a proxy of "
        "`RETROGRAPH_PROXY_NETWORKS` it is the address that the proxy was spoken to from (`X-Forwarded-For`); without "
        "them everybody has the proxy's.",
    )


Admins = Annotated[str, AfterValidator(_admins)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
