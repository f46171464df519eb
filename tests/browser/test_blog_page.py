"""The example blog in a real browser, served by the real command line."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.async_api import expect

from processes import POTTLE, served

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def blog(tmp_path):
    """The URL of a blog in a process of its own."""
    env = {
        "BLOG_DATABASE": str(tmp_path / "blog.sqlite3"),
        "BLOG_IMAGES": str(tmp_path / "images"),
    }
    command = (*POTTLE, "--app", "examples/blog/app.py", "run", "--port", "0")
    with served(*command, cwd=ROOT, env=env) as process:
        yield process.ready().url
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


def hills() -> bytes:
    """A picture to upload: hills in the evening."""
    picture = Image.new("RGB", (1200, 520))
    draw = ImageDraw.Draw(picture)
    for y in range(520):
        draw.line([(0, y), (1200, y)], (244 - y // 6, 200 - y // 8, 150 + y // 9))
    draw.ellipse((820, 120, 920, 220), "#fff3d0")
    for base, height, colour in ((330, 90, "#7a9a94"), (400, 70, "#4d7a72"), (460, 60, "#1f5c50")):
        points = [(x, base - height * abs((x / 300 + base) % 2 - 1)) for x in range(0, 1201, 10)]
        draw.polygon([(0, 520), *points, (1200, 520)], colour)
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


async def register(page):
    await page.click("text=Register")
    await page.get_by_label("Name").fill("grace")
    await page.get_by_label("Password").fill("correct horse")
    await page.get_by_role("button", name="Register").click()
    await expect(page.get_by_role("status")).to_have_text("Welcome, grace.")


async def write(page):
    await page.click("text=Write")
    await page.get_by_label("Title").fill("Above the fog")
    await page.get_by_label("Text").fill(
        "The path begins behind the mill and goes up through the wood.\n\n"
        "After an hour the fog is below, and the hills stand in it like islands."
    )
    file = {"name": "hills.png", "mimeType": "image/png", "buffer": hills()}
    await page.set_input_files("#image", files=[file])
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Above the fog")


async def test_post_with_a_picture_is_written(browse, blog, picture):
    async with browse(blog, viewport={"width": 900, "height": 700}) as page:
        await register(page)
        await write(page)
        loaded = "document.querySelector('.picture').naturalWidth"
        await page.wait_for_function(f"() => {loaded} === 1200")
        await page.click("text=A small blog")
        await expect(page.get_by_role("article")).to_have_count(4)
        await page.wait_for_function(f"() => {loaded} === 1200")
        await picture(page, "blog.png")


async def test_pages_fit_a_phone_and_a_dark_room(browse, blog):
    async with browse(blog, viewport=PHONE, color_scheme="dark") as page:
        await register(page)
        await write(page)
        for path in "/", "/write", "/posts/4", "/posts/4/edit":
            await page.goto(path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in background[4:-1].split(",")) < 64
