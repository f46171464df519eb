"""The example dashboard in a real browser, served by the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from processes import POTTLE, served

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}


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


async def has_readings(page):
    """Wait until there is something to see."""
    await page.wait_for_function("() => document.querySelector('#points').dataset.count > 200")


def transport(page, name):
    return expect(page.locator("#transport")).to_have_attribute("data-transport", name)


async def test_chart_moves_by_websocket(browse, dashboard, picture):
    async with browse(dashboard) as page:
        await transport(page, "websocket")
        await expect(page.locator("#transport")).to_have_text("live by websocket")
        await expect(page.locator("#devices li")).to_have_count(4)
        await moves(page)
        await expect(page.locator("#chart .series")).to_have_count(4)
        await expect(page.locator("#lost")).to_be_hidden()
        await page.hover("#chart")
        await expect(page.locator("#tip")).to_contain_text("greenhouse")
        await has_readings(page)
        await picture(page, "dashboard.png")


@pytest.mark.parametrize(
    "script",
    [
        "window.WebSocket = class { constructor() { throw new Error('blocked'); } };",
        "window.WebSocket = class { constructor() { setTimeout(() => this.onclose()); } };",
    ],
    ids=["not allowed", "not getting through"],
)
async def test_chart_moves_by_event_stream_where_websockets_are_blocked(browse, dashboard, script):
    async with browse(dashboard, script) as page:
        await transport(page, "sse")
        await expect(page.locator("#transport")).to_have_text("live by event stream")
        await moves(page)


async def test_page_fits_a_phone_and_a_dark_room(browse, dashboard, picture):
    async with browse(
        dashboard, viewport=PHONE, color_scheme="dark", device_scale_factor=2
    ) as page:
        await transport(page, "websocket")
        await moves(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in background[4:-1].split(",")) < 64
        await has_readings(page)
        await picture(page, "dashboard-phone.png")


async def test_time_shown_can_be_chosen(browse, dashboard):
    async with browse(dashboard) as page:
        await transport(page, "websocket")
        await page.click("text=10 min")
        await expect(page.locator("[data-minutes='10']")).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("[data-minutes='1']")).to_have_attribute("aria-pressed", "false")
        await moves(page)


async def test_file_is_imported_with_progress(browse, dashboard, picture):
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
    async with browse(dashboard, watch) as page:
        await transport(page, "websocket")
        await page.set_input_files("#file", files=[file])
        result = page.locator("#result")
        await expect(result).to_have_attribute("data-state", "done", timeout=30_000)
        await expect(result).to_have_text("20000 imported, 0 already there, 1 rejected.")
        await expect(page.locator("#errors li")).to_have_text(["Line 20002: 'never' is no number."])
        shares = await page.evaluate("window.shares")
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 1)
        await has_readings(page)
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


async def test_file_that_cannot_be_imported_is_refused(browse, dashboard):
    async with browse(dashboard, expected_errors=("Failed to load resource",)) as page:
        await transport(page, "websocket")
        file = {"name": "notes.csv", "mimeType": "text/csv", "buffer": b"nothing of the kind\n"}
        await page.set_input_files("#file", files=[file])
        await expect(page.locator("#result")).to_have_attribute("data-state", "failed")
        await expect(page.locator("#result")).to_contain_text("The first line must be")
