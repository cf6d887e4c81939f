"""What workers remember of requests that belong to no job, to spare work. It may forget everything at any time."""

from typing import Protocol

from retrograph.queue.message import LoadRequest


class Memory(Protocol):
    """Remembers requests. Whatever fails in it is as if nothing were remembered: nothing rests on it."""

    async def is_done(self, request: LoadRequest) -> bool:
        """Whether the request was done before, or its user is loaded as it asks already."""
        ...

    async def note(self, request: LoadRequest) -> None:
        """The request is done, and the graph holds it."""
        ...
