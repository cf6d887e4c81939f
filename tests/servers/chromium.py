"""Chromium, as the system has it installed; where this is root on Debian, it is installed when it is missing."""

import os
import shutil
from pathlib import Path
from typing import Final

from tests.servers import downloads
from tests.servers.downloads import Unavailable

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")


class Chromium:
    """A browser is no server: tests start it themselves, by its path."""

    title: Final = "Chromium"

    def obtain(self) -> Path:
        """The path of the program. Raises Unavailable."""
        return _installed() or _newly_installed()


def _installed() -> Path | None:
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def _newly_installed() -> Path:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"{Chromium.title}: none of {', '.join(NAMES)} is installed")
    quietly = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"]
    try:
        downloads.run(Chromium.title, install, quietly)
    except Unavailable:  # the list of packages may be old, or missing
        downloads.run(Chromium.title, ["apt-get", "update", "--quiet"], quietly)
        downloads.run(Chromium.title, install, quietly)
    found = _installed()
    if found is None:
        raise Unavailable(f"{Chromium.title}: it was installed and is not there")
    return found
