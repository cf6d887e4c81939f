"""What a page carries along: kept by browsers for as long as its address holds, which changes with its content."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).parent / "static"
ROOT: Final = "/static"


@lru_cache(maxsize=1)
def version() -> str:
    """Another one for every content of the folder."""
    digest = sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def address() -> str:
    """Where templates find the folder: addresses within it are relative, so they all change together."""
    return f"{ROOT}/{version()}"


class Assets(StaticFiles):
    """The folder under its present version, to be kept; and without one, to be asked about each time."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        named, _, rest = path.partition("/")
        kept = named == version() and rest != ""
        response = await super().get_response(rest if kept else path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response
