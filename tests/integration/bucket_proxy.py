"""Stands in front of a bucket: hears what is asked of it, and answers some of that itself, as a busy one does."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import unquote

from tests.servers.server import HOST

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_OF_ONE_CONNECTION = ("connection", "transfer-encoding", "keep-alive", "content-length")


class Asked(NamedTuple):
    """One request. `key` is `None` for a listing; `first` the byte that it asks for first."""

    key: str | None
    first: int


Refuses = Callable[[Asked, int], bool]
"""Whether to refuse a request, which is the n-th of that key, counted from 0."""


@dataclass(slots=True, kw_only=True)
class BucketProxy:
    """`asked`: every request so far, in order."""

    port: int
    asked: list[Asked]

    def times(self, key: str) -> int:
        """How often an object was asked for."""
        return sum(one.key == key for one in self.asked)


def _never(asked: Asked, before: int) -> bool:
    del asked, before
    return False


@contextmanager
def bucket_proxy(port: int, refuses: Refuses = _never) -> Iterator[BucketProxy]:
    """In front of what listens on that port; it passes on what is signed as it came."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = _asked(self)
            with lock:
                before = sum(one.key == asked.key for one in proxy.asked)
                proxy.asked.append(asked)
            if refuses(asked, before):
                self._answer(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
            else:
                self._pass_on()

        def _pass_on(self) -> None:
            onward = http.client.HTTPConnection(HOST, port, timeout=30)
            try:
                onward.putrequest("GET", self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    onward.putheader(name, value)
                onward.endheaders()
                answer = onward.getresponse()
                self._answer(answer.status, dict(answer.getheaders()), answer.read())
            finally:
                onward.close()

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            try:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in _OF_ONE_CONNECTION:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    proxy = BucketProxy(port=server.server_address[1], asked=[])
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def _asked(request: BaseHTTPRequestHandler) -> Asked:
    path, _, query = request.path.partition("?")
    key = None if "list-type" in query else unquote(path).split("/", 2)[2]
    first = request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
    return Asked(key, int(first))
