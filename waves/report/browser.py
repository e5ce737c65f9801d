"""Chromium without a window, for tests of reports and for pictures of them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from isa.errors import UserError

__all__ = ["Missing", "chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Missing(UserError):
    """What a browser needs and is not installed."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A playwright browser, closed at the end.

    Raises
    ------
    Missing
        If there is no playwright or no Chromium.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Missing("playwright is not installed: pip install playwright") from None
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise Missing(f"no Chromium: none of {', '.join(NAMES)} is on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
