"""libfaketime: lets one process see another time than the machine's, and lets that time be stepped while it runs.

Debian's package is unpacked into the downloads' folder, so neither root nor an installation is needed.
"""

from pathlib import Path

from tests.servers import downloads
from tests.servers.downloads import Unavailable

TITLE = "libfaketime"
LIBRARY = "libfaketimeMT.so.1"
"""The one for programs with several threads."""


class SteppedTime:
    """The wall clock of the processes that get `environment`; what only counts seconds is left alone."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._library = library()
        self.step(0)

    def step(self, seconds: int) -> None:
        """Puts the clock so far ahead of the machine's (or behind); the processes see it within a second."""
        partial = self._file.with_suffix(".new")
        partial.write_text(f"{seconds:+d}\n")
        partial.rename(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else each wait for Python's own lock takes far too long
            "FAKETIME_CACHE_DURATION": "1",
        }


def library() -> Path:
    """The library to be loaded before all others. Raises Unavailable where it cannot be had."""
    for found in (*Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"), *_unpacked().glob(f"usr/lib/*/faketime/{LIBRARY}")):
        return found
    raise Unavailable(f"{TITLE}: its package holds no {LIBRARY}")


def _unpacked() -> Path:
    return downloads.obtain("faketime", _download)


def _download(target: Path) -> None:
    fetch = [downloads.tool(TITLE, "apt-get"), "download", "libfaketime"]
    try:
        downloads.run(TITLE, fetch, folder=target)
    except Unavailable:  # a machine that has never asked which packages there are
        downloads.run(TITLE, [fetch[0], "update"])
        downloads.run(TITLE, fetch, folder=target)
    [package] = target.glob("libfaketime_*.deb")
    downloads.run(TITLE, [downloads.tool(TITLE, "dpkg-deb"), "-x", str(package), str(target)])
    package.unlink()
