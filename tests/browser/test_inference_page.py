"""The example of an inference API in a real browser: a digit is drawn and recognized."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from processes import POTTLE, served

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}
#: What the browser says of an answer 503, as it is given until the model is ready.
NOT_READY = "Failed to load resource: the server responded with a status of 503"

#: Where the strokes of digits begin and go to, in pixels of the image.
SEVEN = [(2.0, 1.2), (6.2, 1.2), (4.8, 4.0), (3.4, 7.2)]
ZERO = [
    (4, 0.9),
    (2.4, 1.8),
    (1.9, 4),
    (2.4, 6.2),
    (4, 7.1),
    (5.6, 6.2),
    (6.1, 4),
    (5.6, 1.8),
    (4, 0.9),
]


@pytest.fixture
def inference():
    """The URL of the example, in a process of its own."""
    command = (*POTTLE, "--app", "examples/inference/app.py", "serve", "--port", "0")
    with served(*command, cwd=ROOT, env={"INFERENCE_PROCESSES": "1"}) as process:
        yield process.ready().url
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


async def draw(page, stroke):
    """Draw with the mouse."""
    await page.click("#clear")
    box = await page.locator("#pad").bounding_box()
    places = [
        (box["x"] + x / 8 * box["width"], box["y"] + y / 8 * box["height"]) for x, y in stroke
    ]
    await page.mouse.move(*places[0])
    await page.mouse.down()
    for place in places[1:]:
        await page.mouse.move(*place, steps=4)
    await page.mouse.up()


async def ready(page):
    await expect(page.locator("#state")).to_have_text("ready", timeout=30_000)


async def test_a_drawn_digit_is_recognized(browse, inference, picture):
    narrow = {"width": 820, "height": 700}
    async with browse(inference, expected_errors=(NOT_READY,), viewport=narrow) as page:
        await ready(page)
        await expect(page.locator("#digit")).to_have_text("?")
        await draw(page, ZERO)
        await expect(page.locator("#digit")).to_have_text("0")
        await draw(page, SEVEN)
        await expect(page.locator("#digit")).to_have_text("7")
        await expect(page.locator("#bars .best")).to_contain_text("7")
        shares = await page.locator("#bars progress").evaluate_all(
            "all => all.map(one => one.value)"
        )
        assert sum(shares) == pytest.approx(1, abs=0.01)
        await page.click("#run")
        await expect(page.locator("#samples .right, #samples .wrong")).to_have_count(120)
        await expect(page.locator("#score")).to_have_text(re.compile(r"^\d+ of 120 are right\."))
        assert await page.locator("#samples .right").count() > 110
        await picture(page, "inference.png")
        await page.click("#clear")
        await expect(page.locator("#digit")).to_have_text("?")


async def test_a_digit_can_be_drawn_by_keyboard(browse, inference):
    async with browse(inference, expected_errors=(NOT_READY,)) as page:
        await ready(page)
        await page.focus("#pad")
        for _ in range(6):  # a vertical line: a one
            await page.keyboard.press("Space")
            await page.keyboard.press("ArrowDown")
        await expect(page.locator("#digit")).not_to_have_text("?")


async def test_page_fits_a_phone_and_a_dark_room(browse, inference):
    async with browse(
        inference,
        expected_errors=(NOT_READY,),
        viewport=PHONE,
        color_scheme="dark",
        has_touch=True,
        device_scale_factor=2,
    ) as page:
        await ready(page)
        await draw(page, ZERO)
        await expect(page.locator("#digit")).to_have_text("0")
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in background[4:-1].split(",")) < 64


async def test_a_full_queue_is_told_and_tried_again(browse, inference):
    async with browse(inference, expected_errors=(NOT_READY,)) as page:
        await ready(page)
        full = True

        async def answer(route):
            nonlocal full
            if not full:
                await route.continue_()
                return
            full = False
            await route.fulfill(
                status=503, headers={"Retry-After": "1"}, json={"error": "Too many images."}
            )

        await page.route("**/predict", answer)
        await draw(page, SEVEN[:2])
        await expect(page.locator("#problem")).to_have_text("Too many images.")
        await expect(page.locator("#digit")).not_to_have_text("?")
        await expect(page.locator("#problem")).to_have_text("")
