"""Calls to one service: everything that can go wrong between two machines is decided here, in the same words for all.

A client (`purchase_history.py`, ...) knows paths and documents only.
"""

import random
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
import tenacity
from yarl import URL

from retrograph.errors import ConfigurationError, DependencyDown, MalformedAnswer, ServiceFailed
from retrograph.upstream import retries
from retrograph.upstream.bearer import Bearer
from retrograph.upstream.http import CallWatcher, Endpoint, Http, Pace

T = TypeVar("T")

READ_BLOCK_BYTES: Final = 65_536


class _Call(NamedTuple):
    method: str
    path: str
    url: URL
    body: bytes | None
    request_id: str


class _Reply(NamedTuple):
    status: int
    content_type: str
    body: bytes

    @property
    def is_page(self) -> bool:
        return self.content_type == "text/html"


def segment(raw: str) -> str:
    """An id as one segment of a path: everything is percent-encoded that could mean something else there."""
    encoded = quote(raw, safe="")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded


class Service:
    """One service: `fetch` a document, `probe` that it is the right one, `ping` that it is up."""

    def __init__(self, http: Http, endpoint: Endpoint, pace: Pace, watcher: CallWatcher | None = None) -> None:
        """`watcher` looks on instead of the session's. Raises ConfigurationError where the URL is none."""
        self._http = http
        self._watcher = watcher or http.watcher
        self._endpoint = endpoint
        self._base = _checked_base(endpoint)
        self._shown = _without_credentials(self._base)
        self._bearer = Bearer(
            token=endpoint.token, file=endpoint.token_file, setting=endpoint.token_setting, clock=http.clock
        )
        self._pace = pace

    @property
    def name(self) -> str:
        """As `doctor` prints it and errors name it."""
        return self._endpoint.service

    async def turn(self) -> None:
        """Waits for the turn that an item takes before its first call here."""
        await self._pace.turn()

    async def fetch(self, path: str, decoder: msgspec.json.Decoder[T], *, body: bytes | None = None) -> T | None:
        """The document at an already encoded path (POST where there is a body), or `None` for a 404.

        Raises ServiceFailed when every try failed or the status has no meaning here, MalformedAnswer for another
        document than `decoder` knows, ConfigurationError for a refused token or a redirect.
        """
        call = self._call(path, body)
        try:
            reply = await self._tried(call)
        except retries.Transient as fault:
            raise self.failed(path, f"failed {retries.TRIES} times, at last: {fault}", call.request_id) from fault
        if reply.status == 404:
            return None
        if not 200 <= reply.status < 300:
            raise self.failed(path, f"was answered with {reply.status}", call.request_id)
        return self._decoded(path, reply, decoder)

    async def probe(self, path: str, *, body: bytes | None = None, may_be_unknown: bool = False) -> None:
        """Asks, with retries, what the contract answers to anyone, to see that this URL is that service.

        Raises ConfigurationError where it is a web page, something else or closed to us, DependencyDown where
        nothing answers.
        """
        call = self._call(path, body)
        try:
            reply = await self._tried(call)
        except retries.Transient as fault:
            raise DependencyDown(self.name, f"{self.name} at {self._shown} does not answer: {fault}") from fault
        # An unknown user may well be a 404 with a page; it is a web site only if its health is a page too.
        known = reply.status != 404 or not may_be_unknown
        if reply.is_page and (known or await self._health_is_a_page()):
            raise self._misplaced("answers with a web page, not JSON")
        if reply.status == 404 and known:
            raise self._misplaced(f"does not know {path.partition('?')[0]}")

    async def ping(self) -> bool:
        """Whether the service is up: any answer below 500 to its health path, in one try."""
        try:
            status, _ = await self._health()
        except (aiohttp.ClientError, OSError, ConfigurationError):
            return False
        return status < 500

    def failed(self, path: str, why: str, request_id: str | None = None) -> ServiceFailed:
        """The error of a call, in the words that every service's failures share."""
        suffix = f" (X-Request-Id {request_id})" if request_id else ""
        return ServiceFailed(f"{self.name}: {path} {why}{suffix}", dependency=self.name)

    def malformed(self, path: str, why: str) -> MalformedAnswer:
        """The error of an answer that the contract does not know."""
        return MalformedAnswer(f"{self.name}: the answer to {path} is malformed: {why}", dependency=self.name)

    def _call(self, path: str, body: bytes | None) -> _Call:
        url = URL(f"{self._base}{path}", encoded=True)
        return _Call("GET" if body is None else "POST", path, url, body, f"{random.getrandbits(128):032x}")

    async def _tried(self, call: _Call) -> _Reply:
        """The machinery of retries costs as much CPU as a request: what succeeds at once does without it."""
        try:
            return await self._try(call)
        except retries.Transient as fault:
            return await self._tried_again(call, fault)

    async def _tried_again(self, call: _Call, fault: retries.Transient) -> _Reply:
        known = [fault]

        async def one() -> _Reply:
            if known:
                raise known.pop()
            return await self._try(call)

        retrying = tenacity.AsyncRetrying(
            sleep=self._http.clock.sleep,
            stop=tenacity.stop_after_attempt(retries.TRIES),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(retries.Transient),
            reraise=True,
        )
        return await retrying(one)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Called once before each further try, so this is where retries are counted."""
        fault = state.outcome.exception() if state.outcome is not None else None
        if not isinstance(fault, retries.Transient):
            return 0.0
        seconds = retries.wait_seconds(state.attempt_number, fault.retry_after, self._http.chance())
        self._watcher.retried(self.name, fault.kind, seconds)
        return seconds

    async def _try(self, call: _Call) -> _Reply:
        bearer = self._bearer.header()
        try:
            async with self._http.session.request(
                call.method,
                call.url,
                data=call.body,
                headers=_headers(call, bearer),
                allow_redirects=False,
            ) as response:
                self._refuse(response, bearer)
                return _Reply(response.status, response.content_type, await self._body(call.path, response))
        except (aiohttp.ClientError, OSError) as error:
            raise self._translated(call, error) from error

    def _refuse(self, response: aiohttp.ClientResponse, bearer: str | None) -> None:
        status = response.status
        if status in retries.PUSH_BACK:
            self._pace.push_back()
        if retries.retried_status(status):
            wish = retries.retry_after_seconds(response.headers.get("Retry-After"), self._http.clock.now())
            raise retries.Transient(str(status), f"status {status}", retry_after=wish)
        if status == 401 and self._bearer.renewed_since(bearer):
            raise retries.Transient("token", "status 401 while the token was renewed")
        if status in (401, 403):
            raise ConfigurationError(
                f"{self.name} answers {status} at {self._shown}: check {self._endpoint.token_setting}"
            )
        if 300 <= status < 400:
            raise self._misplaced(f"redirects to {response.headers.get('Location', 'somewhere else')}")

    async def _body(self, path: str, response: aiohttp.ClientResponse) -> bytes:
        """Reads at most the limit; a compressed or chunked answer says its size only as it comes."""
        limit = self._http.limits.body_bytes
        length = response.content_length
        if length is not None and length <= limit and "Content-Encoding" not in response.headers:
            return await response.read()
        parts, size = [], 0
        async for part in response.content.iter_chunked(READ_BLOCK_BYTES):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise self.malformed(path, f"it is larger than {limit} bytes")
        return b"".join(parts)

    def _translated(self, call: _Call, error: Exception) -> Exception:
        fault = retries.transport_fault(error)
        if isinstance(fault, retries.Untrusted):
            return self._misplaced(f"shows a certificate that is not trusted ({fault})")
        if isinstance(fault, retries.Broken):
            return self.failed(call.path, f"cannot be asked: {fault}", call.request_id)
        return fault

    def _decoded(self, path: str, reply: _Reply, decoder: msgspec.json.Decoder[T]) -> T:
        try:
            return decoder.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            why = "it is a web page, not JSON" if reply.is_page else str(error)
            raise self.malformed(path, why) from error

    def _misplaced(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self._endpoint.url_setting}: {self.name} at {self._shown} {what}")

    async def _health(self) -> tuple[int, str]:
        limits = self._http.limits
        bearer = self._bearer.header()
        async with self._http.session.get(
            URL(f"{self._base}/{self._endpoint.health_path.lstrip('/')}", encoded=True),
            headers={} if bearer is None else {"Authorization": bearer},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=limits.ping_seconds, sock_connect=limits.connect_seconds),
        ) as response:
            return response.status, response.content_type

    async def _health_is_a_page(self) -> bool:
        try:
            _, content_type = await self._health()
        except (aiohttp.ClientError, OSError):
            return False
        return content_type == "text/html"


def _headers(call: _Call, bearer: str | None) -> dict[str, str]:
    headers = {"X-Request-Id": call.request_id}
    if bearer is not None:
        headers["Authorization"] = bearer
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    return headers


def _checked_base(endpoint: Endpoint) -> str:
    """The base URL without its last slash. Raises ConfigurationError for what is no http(s) address."""
    try:
        parts = urlsplit(endpoint.url.strip())
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        _ = parts.port
    except ValueError:
        sound = False
    if not sound:
        shown = _without_credentials(endpoint.url.strip())
        raise ConfigurationError(f"{endpoint.url_setting}: {shown!r} is not an http:// or https:// address")
    if "@" in parts.netloc and (endpoint.token or endpoint.token_file):
        raise ConfigurationError(f"{endpoint.url_setting} holds a user, and {endpoint.token_setting} a token: keep one")
    return endpoint.url.strip().rstrip("/")


def _without_credentials(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
