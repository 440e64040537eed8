"""``make screenshots``: takes the pictures of the README from the site of ``make dashboard``, with Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"

#: The pictures by their names: the address of the page, and how many pixels of it are shown.
PICTURES = {"overview": ("", 600), "conflicts": ("conflicts/", 500)}
WIDTH = 1300


def main() -> int:
    """Write the pictures. Return 0, or 1 if there is no Chromium."""
    found = find_chromium()
    if found is None:
        print("Chromium was not found (Debian: apt-get install chromium).", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    with _dashboard() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": WIDTH, "height": 900})
        _sign_in(window, address)
        for name, (path, height) in PICTURES.items():
            window.goto(address + path)
            window.screenshot(path=IMAGES / f"{name}.png", clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
            print(f"docs/images/{name}.png")
        browser.close()
    return 0


def find_chromium() -> str | None:
    """Return the path of a browser that Playwright can drive, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def _dashboard() -> Iterator[str]:
    """Run ``make dashboard`` at a free port. Yield the address of its overview."""
    command = [sys.executable, "-m", "sandbox.dashboard", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603
        try:
            yield next(found[0] for line in running.stdout if (found := re.search(r"http://\S+/course_sync/", line)))
        finally:
            running.terminate()


def _sign_in(window: Any, address: str) -> None:
    window.goto(address)
    window.fill("input[name=username]", "operator")
    window.fill("input[name=password]", "operator")
    window.press("input[name=password]", "Enter")
    window.wait_for_url(address)


if __name__ == "__main__":
    sys.exit(main())
