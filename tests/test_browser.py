"""The example dashboard in a real browser, served by the real command line."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from processes import POTTLE, served

ROOT = Path(__file__).parents[1]
ARTEFACTS = ROOT / "artefacts"
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
PHONE = {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        os.environ.get("POTTLE_SKIP_BROWSER") == "1", reason="POTTLE_SKIP_BROWSER=1 is set"
    ),
]


@pytest.fixture
def dashboard(tmp_path, unused_tcp_port):
    """The URL of a dashboard with simulated devices, in a process of its own."""
    command = (*POTTLE, "--app", "examples/dashboard/app.py", "run")
    env = {
        "DASHBOARD_DATABASE": str(tmp_path / "readings.sqlite3"),
        "DASHBOARD_SIMULATE": f"ws://127.0.0.1:{unused_tcp_port}",
        "DASHBOARD_INTERVAL": "0.1",
    }
    with served(*command, "--port", str(unused_tcp_port), cwd=ROOT, env=env) as process:
        yield process.ready().url
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


@pytest.fixture
def browse(dashboard):
    """Open the dashboard: ``async with browse() as page``; errors in the page fail the test."""
    if not CHROMIUM.exists():
        pytest.fail(
            f"There is no browser at {CHROMIUM}. Run `apt-get install --no-install-recommends"
            " chromium`, or set POTTLE_SKIP_BROWSER=1 to leave these tests out."
        )

    @asynccontextmanager
    async def opened(script="", expected_errors=(), **options):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=ARGUMENTS, chromium_sandbox=False
            )
            page = await browser.new_page(**{"viewport": DESKTOP, "base_url": dashboard, **options})
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda said: said.type == "error" and errors.append(said.text))
            await page.add_init_script(script)
            await page.goto("/")
            yield page
            await browser.close()
            assert [error for error in errors if not error.startswith(expected_errors)] == []

    return opened


async def moves(page):
    """Wait until readings have come in, and the chart has moved with them, three times."""
    for _ in range(3):
        count = int(await page.locator("#points").get_attribute("data-count"))
        line = await page.locator("#chart .series").first.get_attribute("d")
        await page.wait_for_function(
            """([count, line]) => Number(document.querySelector("#points").dataset.count) > count
                && document.querySelector("#chart .series").getAttribute("d") !== line""",
            arg=[count, line],
        )


async def picture(page, name):
    """A screenshot with some readings in it, for whoever wants to see the page."""
    await page.wait_for_function("() => document.querySelector('#points').dataset.count > 200")
    ARTEFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTEFACTS / name, full_page=True)


def transport(page, name):
    return expect(page.locator("#transport")).to_have_attribute("data-transport", name)


async def test_chart_moves_by_websocket(browse):
    async with browse() as page:
        await transport(page, "websocket")
        await expect(page.locator("#transport")).to_have_text("live by websocket")
        await expect(page.locator("#devices li")).to_have_count(4)
        await moves(page)
        await expect(page.locator("#chart .series")).to_have_count(4)
        await expect(page.locator("#lost")).to_be_hidden()
        await page.hover("#chart")
        await expect(page.locator("#tip")).to_contain_text("greenhouse")
        await picture(page, "dashboard.png")


@pytest.mark.parametrize(
    "script",
    [
        "window.WebSocket = class { constructor() { throw new Error('blocked'); } };",
        "window.WebSocket = class { constructor() { setTimeout(() => this.onclose()); } };",
    ],
    ids=["not allowed", "not getting through"],
)
async def test_chart_moves_by_event_stream_where_websockets_are_blocked(browse, script):
    async with browse(script) as page:
        await transport(page, "sse")
        await expect(page.locator("#transport")).to_have_text("live by event stream")
        await moves(page)


async def test_page_fits_a_phone_and_a_dark_room(browse):
    async with browse(viewport=PHONE, color_scheme="dark", device_scale_factor=2) as page:
        await transport(page, "websocket")
        await moves(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in background[4:-1].split(",")) < 64
        await picture(page, "dashboard-phone.png")


async def test_time_shown_can_be_chosen(browse):
    async with browse() as page:
        await transport(page, "websocket")
        await page.click("text=10 min")
        await expect(page.locator("[data-minutes='10']")).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("[data-minutes='1']")).to_have_attribute("aria-pressed", "false")
        await moves(page)


async def test_file_is_imported_with_progress(browse):
    lines = b"".join(b"balcony,%d,%d\n" % (at, at % 30) for at in range(20_000))
    file = {
        "name": "readings.csv",
        "mimeType": "text/csv",
        "buffer": b"device,at,value\n" + lines + b"balcony,1,never\n",
    }
    watch = """
        window.shares = [];
        addEventListener("DOMContentLoaded", () => new MutationObserver(() =>
            window.shares.push(document.querySelector("progress").value)
        ).observe(document.querySelector("#progress"), {attributes: true, subtree: true}));
    """
    async with browse(watch) as page:
        await transport(page, "websocket")
        await page.set_input_files("#file", files=[file])
        result = page.locator("#result")
        await expect(result).to_have_attribute("data-state", "done", timeout=30_000)
        await expect(result).to_have_text("20000 imported, 0 already there, 1 rejected.")
        await expect(page.locator("#errors li")).to_have_text(["Line 20002: 'never' is no number."])
        shares = await page.evaluate("window.shares")
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 1)
        await picture(page, "dashboard-import.png")

        await page.set_input_files("#file", files=[file])
        await expect(result).to_have_text(
            "0 imported, 20000 already there, 1 rejected.", timeout=30_000
        )
        await moves(page)

        history = await page.request.get("/api/readings?device=balcony&limit=3")
        readings = (await history.json())["readings"]
        assert [reading["at"] for reading in readings] == [19_997, 19_998, 19_999]
        devices = (await (await page.request.get("/api/devices")).json())["devices"]
        counts = {device["device"]: device["count"] for device in devices}
        assert counts["balcony"] == 20_000


async def test_file_that_cannot_be_imported_is_refused(browse):
    async with browse(expected_errors=("Failed to load resource",)) as page:
        await transport(page, "websocket")
        file = {"name": "notes.csv", "mimeType": "text/csv", "buffer": b"nothing of the kind\n"}
        await page.set_input_files("#file", files=[file])
        await expect(page.locator("#result")).to_have_attribute("data-state", "failed")
        await expect(page.locator("#result")).to_contain_text("The first line must be")
