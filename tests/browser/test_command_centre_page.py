"""The example command centre in a real browser, with simulated devices."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from processes import POTTLE, served

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1100, "height": 560}


@pytest.fixture
def command_centre():
    command = (*POTTLE, "--app", "examples/command_centre/app.py", "serve", "--port", "0")
    env = {"COMMAND_CENTRE_SECRET": "for tests", "COMMAND_CENTRE_SIMULATE": "200"}
    with served(*command, cwd=ROOT, env=env) as process:
        yield process.ready()
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


async def give(page, to, name):
    await page.fill("#give [name=to]", to)
    await page.fill("#give [name=name]", name)
    await page.click("#give button")


async def test_devices_are_shown_and_commanded(browse, command_centre, picture):
    async with browse(
        command_centre.url, viewport=DESKTOP, expected_errors=("Failed to load resource",)
    ) as page:
        await expect(page.locator("#status")).to_have_text("live")
        await page.click("text=Simulate 200 devices")
        await expect(page.locator("#connected")).to_have_text("200", timeout=15_000)
        await expect(page.locator(".wall i")).to_have_count(200)
        await expect(page.locator("#empty")).to_be_hidden()

        commands = page.locator("#commands li p")
        await give(page, "pumps", "on")
        await expect(commands).to_have_text(["50 done"], timeout=15_000)
        await expect(page.locator(".wall i[data-on=true]")).to_have_count(50)

        await page.click(".wall i[data-id=lamp-0003]")
        await expect(page.locator("#give [name=to]")).to_have_value("lamp-0003")
        await give(page, "lamp-0003", "on")
        await expect(commands.first).to_have_text("1 done")
        await give(page, "valve-0001", "explode")
        await expect(commands.first).to_have_text("1 failed")
        await expect(page.locator(".wall i[data-on=true]")).to_have_count(51)
        await picture(page, "command_centre.png")

        await give(page, "nobody", "on")
        await expect(page.locator("#problem")).to_have_text("No such device is connected.")


async def test_page_fits_a_phone_and_a_dark_room(browse, command_centre, picture):
    async with browse(command_centre.url, viewport=PHONE, color_scheme="dark") as page:
        await page.click("text=Simulate 200 devices")
        await expect(page.locator(".wall i")).to_have_count(200, timeout=15_000)
        await give(page, "valves", "on")
        await expect(page.locator(".wall i[data-on=true]")).to_have_count(50)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await picture(page, "command_centre-phone.png")
