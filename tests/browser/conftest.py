"""Pages in a real browser, which talk to applications served by the real command line.

What the browser complains about fails the test. With `--write-pictures` the pictures that the
documentation shows are taken anew; otherwise they are left in `artefacts`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1100, "height": 860}

Browse = Callable[..., AbstractAsyncContextManager[Page]]
Picture = Callable[[Page, str], Awaitable[None]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No browser test hangs for ever, and all of them can be left out."""
    skip = pytest.mark.skip(reason="POTTLE_SKIP_BROWSER=1 is set")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(120))
            if os.environ.get("POTTLE_SKIP_BROWSER") == "1":
                item.add_marker(skip)


@pytest.fixture
def browse() -> Browse:
    """Open a page: ``async with browse(url, script="", expected_errors=()) as page``.

    *script* runs in the page before its own. Further arguments are Playwright's for a new page. A page
    can open others of the same browser by ``page.context.new_page()``.
    """
    if not CHROMIUM.exists():
        pytest.fail(
            f"There is no browser at {CHROMIUM}. Run `apt-get install --no-install-recommends"
            " chromium`, or set POTTLE_SKIP_BROWSER=1 to leave these tests out."
        )

    @asynccontextmanager
    async def opened(
        url: str, script: str = "", expected_errors: tuple[str, ...] = (), **options: Any
    ) -> AsyncIterator[Page]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=ARGUMENTS, chromium_sandbox=False
            )
            page = await browser.new_page(**{"viewport": DESKTOP, "base_url": url, **options})
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console", lambda said: errors.append(said.text) if said.type == "error" else None
            )
            await page.add_init_script(script)
            await page.goto(url)
            yield page
            await browser.close()
            assert [error for error in errors if not error.startswith(expected_errors)] == []

    return opened


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Picture:
    """Take a picture of a page as it stands: ``await picture(page, "chat.png")``."""
    wanted = request.config.getoption("write_pictures")
    folder = ROOT / ("docs/images" if wanted else "artefacts")

    async def take(page: Page, name: str) -> None:
        folder.mkdir(exist_ok=True)
        await page.screenshot(path=folder / name, full_page=True)

    return take
