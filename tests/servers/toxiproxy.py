"""Toxiproxy: stands between a client and a server and makes their connection slow, lossy or gone, when told to."""

import json
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import downloads
from tests.servers.server import HOST, Server, free_port

VERSION = "2.12.0"
MODULE = f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One proxied connection: clients connect to `port` on 127.0.0.1."""

    name: str
    port: int
    server: "ToxiproxyServer"

    def cut(self) -> None:
        """Refuses new connections and drops the present ones."""
        self.server.ask("POST", f"/proxies/{self.name}", {"enabled": False})

    def mend(self) -> None:
        """Undoes `cut`, and takes every toxic away."""
        self.server.ask("POST", "/reset")

    def restore(self) -> None:
        """Undoes `cut`; toxics stay."""
        self.server.ask("POST", f"/proxies/{self.name}", {"enabled": True})

    def add_toxic(self, kind: str, stream: str = "downstream", toxicity: float = 1.0, **attributes: int) -> None:
        """Adds a toxic: `latency` (latency=, jitter= in ms), `timeout`, `reset_peer`, `bandwidth`, `limit_data`, …

        There is no way back but `mend`, on connections at rest: Toxiproxy may hang when it takes one off a busy one.
        """
        toxic = {"type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        self.server.ask("POST", f"/proxies/{self.name}/toxics", toxic)


class ToxiproxyServer(Server):
    """One Toxiproxy process, told over its own HTTP interface what to do."""

    @property
    def title(self) -> str:
        return f"Toxiproxy {VERSION}"

    def obtain(self) -> None:
        self._binary()

    def prepare(self) -> None:
        """It keeps nothing."""

    def command(self) -> list[str]:
        return [str(self._binary()), "-host", HOST, "-port", str(self.port)]

    def ping(self) -> bool:
        try:
            self.ask("GET", "/version")
        except OSError:
            return False
        return True

    def proxy(self, port: int, listens: int | None = None) -> Proxy:
        """A new proxy in front of what listens on this port; it listens on a free one unless it is told."""
        proxy = Proxy(name=f"to-{port}-{len(self.ask('GET', '/proxies'))}", port=listens or free_port(), server=self)
        listen, upstream = f"{HOST}:{proxy.port}", f"{HOST}:{port}"
        self.ask("POST", "/proxies", {"name": proxy.name, "listen": listen, "upstream": upstream})
        return proxy

    def forget_proxies(self) -> None:
        """Closes every proxy."""
        for name in self.ask("GET", "/proxies"):
            self.ask("DELETE", f"/proxies/{name}")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request to the HTTP interface; an `OSError` if it does not answer or refuses."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://{HOST}:{self.port}{path}", data=data, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _binary(self) -> Path:
        return downloads.obtain(f"toxiproxy-{VERSION}", self._install) / "toxiproxy"

    def _install(self, target: Path) -> None:
        go = downloads.tool(self.title, "go")
        downloads.run(self.title, [go, "install", MODULE], {"GOBIN": str(target), "GOFLAGS": "-trimpath"})
        shutil.move(target / "server", target / "toxiproxy")
