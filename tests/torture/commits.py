"""A relay in front of a proxy, which can withhold the answer to a commit until the proxy has cut the connection.

A cut at a random moment may hit a commit; one that is made now has hit one for certain.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.servers.server import HOST

BOLT = b"\x00\x02\xb0\x12\x00\x00"
"""A whole message: one chunk of two bytes, the COMMIT structure without fields, and its end."""
POSTGRES = b"COMMIT\x00"
PATIENCE_SECONDS = 120.0


class CommitRelay:
    """Forwards connections to a port of this machine, and looks for one sort of message."""

    def __init__(self, target: int, commit: bytes) -> None:
        self._target = target
        self._commit = commit
        self._wanted = threading.Event()
        self._held = threading.Event()
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hold_a_commit(self) -> None:
        """Waits until one has been sent; it is handed on, and no answer comes back on its connection any more."""
        assert self.held_a_commit(PATIENCE_SECONDS), "nobody commits anything"

    def held_a_commit(self, patience: float) -> bool:
        """The same; whether one was sent within that time, in seconds."""
        self._held.clear()
        self._wanted.set()
        held = self._held.wait(patience)
        self._wanted.clear()
        return held

    def reset(self) -> None:
        """Resets every connection, on both sides."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.reset()

    def lead_to(self, target: int) -> None:
        """Forwards to another port from now on, and resets the connections to the former one."""
        self._target = target
        self.reset()

    def close(self) -> None:
        """Takes no more connections; those that are open end with their peers."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for the next one
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection((HOST, self._target))
            except OSError:
                return
            with server:
                link = _Link(client, server)
                with self._lock:
                    self._links.add(link)
                answers = threading.Thread(target=link.bring_answers, daemon=True)
                answers.start()
                self._send(link)
                answers.join()
                with self._lock:
                    self._links.remove(link)

    def _send(self, link: "_Link") -> None:
        with suppress(OSError):
            while piece := link.client.recv(65_536):
                if self._wanted.is_set() and self._commit in piece:
                    link.silent = True
                    self._wanted.clear()
                    self._held.set()
                link.server.sendall(piece)
        link.end()


class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.silent = False

    def bring_answers(self) -> None:
        with suppress(OSError):
            while piece := self.server.recv(65_536):
                if not self.silent:
                    self.client.sendall(piece)
        self.end()

    def reset(self) -> None:
        with suppress(OSError):
            for end in (self.client, self.server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RD)  # wakes who reads from it; closing it then sends the reset

    def end(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)


@contextmanager
def commits_to(target: int, commit: bytes) -> Iterator[CommitRelay]:
    """A relay that ends with the block."""
    relay = CommitRelay(target, commit)
    try:
        yield relay
    finally:
        relay.close()
