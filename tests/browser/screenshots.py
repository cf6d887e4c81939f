"""`make screenshots`: photographs every page of the console, light and dark, wide and narrow."""

import argparse
import asyncio
import base64
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, get_args

from playwright.async_api import Browser, BrowserContext, Page, StorageState, async_playwright, expect

from tests.browser.looking import PATIENCE
from tests.browser.scenery import Scene, furnish
from tests.browser.stage import Stage, stage
from tests.servers.chromium import Chromium
from tests.servers.downloads import Unavailable
from tests.servers.versitygw import VersitygwServer

Scheme = Literal["light", "dark"]
WIDTHS: Final = {"wide": (1480, 940), "narrow": (360, 780)}
MOST_HEIGHT: Final = 2_400
QUALITY: Final = 0.75
_PACK: Final = """
async ([png, quality, mostHeight]) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + png;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = Math.min(image.height, mostHeight);
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL('image/webp', quality).split(',')[1];
}"""
"""The browser packs its own pictures, as WebP."""


async def photograph(made: Stage, browser: Browser, folder: Path, only: Sequence[str]) -> int:
    """Writes the pictures; returns how many bytes they have."""
    scenes = [scene for scene in await asyncio.to_thread(furnish, made) if not only or scene.name in only]
    packer = await browser.new_page()
    kept = await _signed_in(browser, made)
    size = 0
    for scheme in get_args(Scheme):
        for name, (width, height) in WIDTHS.items():
            context = await browser.new_context(
                base_url=made.url,
                color_scheme=scheme,
                viewport={"width": width, "height": height},
                reduced_motion="reduce",
                storage_state=kept,
            )
            for scene in scenes:
                if not scene.signed_in:
                    await context.clear_cookies()
                picture = await _picture(context, scene)
                await context.add_cookies(kept["cookies"])  # type: ignore[arg-type]
                packed = await _packed(packer, picture)
                (folder / f"{scene.name}-{scheme}-{name}.webp").write_bytes(packed)
                size += len(packed)
            await context.close()
    return size


async def _signed_in(browser: Browser, made: Stage) -> StorageState:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(made.server.one_time_link())
    kept = await context.storage_state()
    await context.close()
    return kept


async def _picture(context: BrowserContext, scene: Scene) -> bytes:
    page = await context.new_page()
    await page.goto(scene.address)
    await page.wait_for_load_state("load")
    await page.evaluate("document.fonts.ready")
    await expect(page.locator("#connection:not([data-state=live])")).to_have_count(0, timeout=PATIENCE)
    await expect(page.locator(".htmx-request, .loading")).to_have_count(0, timeout=PATIENCE)
    picture = await page.screenshot(full_page=True, animations="disabled")
    await page.close()
    return picture


async def _packed(packer: Page, picture: bytes) -> bytes:
    packed: str = await packer.evaluate(_PACK, [base64.b64encode(picture).decode(), QUALITY, MOST_HEIGHT])
    return base64.b64decode(packed)


@contextmanager
def _gateway() -> Iterator[VersitygwServer]:
    gateway = VersitygwServer()
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.close()


async def run(folder: Path, only: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as place, _gateway() as gateway, stage(Path(place), gateway) as made:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=Chromium().obtain(), headless=True)
            size = await photograph(made, browser, folder, only)
            await browser.close()
    print(f"the pictures are in {folder}: {size / 1e6:.1f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make screenshots ARGS=…", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="PAGE", help="pages by name; else all of them")
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(run(arguments.folder, arguments.only))
    except Unavailable as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
