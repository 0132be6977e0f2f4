"""The browser of the system; none is downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str | None:
    """Return the system's browser; none is downloaded."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def running_browser(program: str) -> Iterator[Browser]:
    """Run the system's browser without a window."""
    needs = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses root otherwise
    expect.set_options(timeout=60_000)  # 5 s are little on a machine that is shared
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=needs)
        yield browser
        browser.close()
