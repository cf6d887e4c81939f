"""Who asks: the name that a job's log shows."""

from starlette.requests import Request


def who(request: Request) -> str:
    """The viewer as a job's log names them."""
    viewer = getattr(request.state, "viewer", None)
    return str(viewer) if viewer is not None else "local"
