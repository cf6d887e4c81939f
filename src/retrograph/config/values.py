"""The types of settings whose text must be checked, and must not be shown as it stands."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pydantic import AfterValidator, Secret, SecretStr

GRAPH_SCHEMES = ("sqlite", "bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
STORE_SCHEMES = ("sqlite", "postgresql")
CACHE_SCHEMES = ("sqlite", "valkey", "valkeys", "redis", "rediss")
SERVICE_SCHEMES = ("http", "https")

_SECRET_PARAMETER = re.compile(r"(?i)((?:password|token|secret|key)[^=&]*)=[^&]*")


def redacted(url: str) -> str:
    """The URL as people may see it: a password, and parameters that look like one, are three stars."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    query = _SECRET_PARAMETER.sub(r"\1=***", parts.query)
    if "@" not in parts.netloc:
        return urlunsplit(parts._replace(query=query)) if query != parts.query else url
    who, _, host = parts.netloc.rpartition("@")
    user, colon, _ = who.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}{':***' if colon else ''}@{host}", query=query))


class Url(Secret[str]):
    """A URL that may hold a password: it shows itself redacted, `get_secret_value()` is the real one."""

    def _display(self) -> str:
        return redacted(self.get_secret_value())

    def __repr__(self) -> str:
        return f"Url({self._display()!r})"

    @property
    def scheme(self) -> str:
        return self.get_secret_value().partition(":")[0].lower()

    @property
    def path(self) -> Path:
        """Where a `sqlite:///` URL points to; relative to the working directory unless it has a fourth slash."""
        return Path(self.get_secret_value().removeprefix("sqlite:///"))


def _one_of(*schemes: str) -> Callable[[Url], Url]:
    def check(url: Url) -> Url:
        text = url.get_secret_value().strip()
        if "://" not in text:
            raise ValueError(f"is not a URL: write one that starts with {_choice(schemes)}")
        parts = _split(text)
        if parts.scheme not in schemes:
            raise ValueError(f"has the scheme {parts.scheme}://, which is not known here: use {_choice(schemes)}")
        return Url(_sqlite(text) if parts.scheme == "sqlite" else _with_host(text, parts))

    return check


def _choice(schemes: tuple[str, ...]) -> str:
    *most, last = [f"{scheme}:///" if scheme == "sqlite" else f"{scheme}://" for scheme in schemes]
    return f"{', '.join(most)} or {last}" if most else last


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from None
    return parts


def _sqlite(text: str) -> str:
    if not text.startswith("sqlite:///") or text == "sqlite:///" or "?" in text or text.endswith("/"):
        raise ValueError("names no file: write sqlite:///FILE, or sqlite:////absolute/FILE")
    return text


def _with_host(text: str, parts: SplitResult) -> str:
    if not parts.hostname:
        raise ValueError(f"names no host: write {parts.scheme}://HOST:PORT")
    return text


def _service(url: Url) -> Url:
    text = _one_of(*SERVICE_SCHEMES)(url).get_secret_value()
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise ValueError("holds a user or password: services take a token, in the setting that ends in TOKEN")
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment: write the base URL alone")
    return Url(text.rstrip("/"))


def _readable_secret(file: Path) -> Path:
    secret_of(file)
    return file


def secret_of(file: Path) -> SecretStr:
    """The secret that a file holds, without white space around it. Raises ValueError that says what is wrong."""
    try:
        text = file.read_text("utf-8").strip()
    except FileNotFoundError:
        raise ValueError(f"names {file}, which does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"names {file}, which cannot be read: {getattr(error, 'strerror', 'it is not text')}"
        ) from None
    if not text:
        raise ValueError(f"names {file}, which is empty")
    return SecretStr(text)


GraphUrl = Annotated[Url, AfterValidator(_one_of(*GRAPH_SCHEMES))]
StoreUrl = Annotated[Url, AfterValidator(_one_of(*STORE_SCHEMES))]
CacheUrl = Annotated[Url, AfterValidator(_one_of(*CACHE_SCHEMES))]
ServiceUrl = Annotated[Url, AfterValidator(_service)]
SecretFile = Annotated[Path, AfterValidator(_readable_secret)]
