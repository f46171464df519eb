"""The example chat in a real browser: two people, each with a page, on one server."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from processes import POTTLE, served

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1000, "height": 640}
SAID = [
    ("ada", "The new sensors are in."),
    ("bo", "All of them?"),
    ("ada", "All but the one in the cellar. The door is locked."),
    ("bo", "I have the key, I will be there at noon."),
]


@contextmanager
def chat_on(port):
    command = (*POTTLE, "--app", "examples/chat/app.py", "serve", "--port", str(port))
    with served(*command, cwd=ROOT) as process:
        yield process.ready()
        if process.process.poll() is None:
            assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


@pytest.fixture
def chat(unused_tcp_port):
    with chat_on(unused_tcp_port) as process:
        yield process


async def enter(page, name, room="lobby"):
    await page.fill("[name=name]", name)
    await page.fill("[name=room]", room)
    await page.click("text=Enter")
    await expect(page.locator("#status")).to_have_text("connected")


@asynccontextmanager
async def second(page, url, **options):
    """A page of somebody else: another context, which shares nothing with the first."""
    context = await page.context.browser.new_context(**options)
    errors = []
    other = await context.new_page()
    other.on("pageerror", lambda error: errors.append(str(error)))
    await other.goto(url)
    yield other
    await context.close()
    assert errors == []


async def say(page, text):
    await page.fill("#text", text)
    await page.press("#text", "Enter")


def texts(page):
    return page.locator("#messages li:not(.note):not(.pending) p")


def notes(page):
    return page.locator("#messages .note")


async def test_two_people_chat(browse, chat, picture):
    async with browse(chat.url, viewport=DESKTOP) as ada:
        await enter(ada, "ada")
        await expect(ada.locator("#here li")).to_have_text(["ada"])
        async with second(ada, chat.url, viewport=PHONE, color_scheme="dark") as bo:
            await enter(bo, "bo")
            for page in ada, bo:
                await expect(page.locator("#here li")).to_have_text(["ada", "bo"])
            await expect(notes(ada)).to_have_text(["bo joined"])
            for count, (name, text) in enumerate(SAID, 1):
                await say(ada if name == "ada" else bo, text)
                for page in ada, bo:
                    await expect(texts(page)).to_have_count(count)
            for page in ada, bo:
                await expect(texts(page)).to_have_text([text for _, text in SAID])
                await expect(page.locator("#messages .pending")).to_have_count(0)
            await expect(ada.locator("#messages .me b")).to_have_text(["ada", "ada"])
            await picture(ada, "chat.png")
            width = await bo.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"]
            background = await bo.evaluate("getComputedStyle(document.body).backgroundColor")
            assert max(int(part) for part in background[4:-1].split(",")) < 64
            await picture(bo, "chat-phone.png")
        await expect(notes(ada)).to_have_text(["bo joined", "bo left"])
        await expect(ada.locator("#count")).to_have_text("1")


async def test_what_is_typed_is_never_html(browse, chat):
    async with browse(chat.url) as page:
        await enter(page, "<b>ada</b>")
        await say(page, "<img src=x onerror=alert(1)>")
        await expect(texts(page)).to_have_text(["<img src=x onerror=alert(1)>"])
        await expect(page.locator("#messages b")).to_have_text(["<b>ada</b>"])


async def test_who_enters_later_sees_what_was_said(browse, chat):
    async with browse(chat.url) as ada:
        await enter(ada, "ada")
        await say(ada, "first")
        await expect(texts(ada)).to_have_text(["first"])
        async with second(ada, chat.url) as bo:
            await enter(bo, "bo", "attic")
            await expect(texts(bo)).to_have_count(0)
            await bo.click("text=Leave")
            await enter(bo, "bo")
            await expect(texts(bo)).to_have_text(["first"])
        await ada.reload()  # its room and its name are known
        await expect(ada.locator("#status")).to_have_text("connected")
        await expect(texts(ada)).to_have_text(["first"])


async def test_a_server_that_starts_anew_is_survived(browse, unused_tcp_port):
    with chat_on(unused_tcp_port) as process:
        url = process.url
        errors = ("WebSocket connection to",)
        async with browse(url, expected_errors=errors) as ada, second(ada, url) as bo:
            await enter(ada, "ada")
            await enter(bo, "bo")
            await say(ada, "before")
            for page in ada, bo:
                await expect(texts(page)).to_have_text(["before"])

            assert process.stop() == 0
            for page in ada, bo:
                await expect(page.locator("#status")).to_have_text("connecting again")
            await say(ada, "meanwhile")  # waits in the page
            await expect(ada.locator("#messages .pending p")).to_have_text(["meanwhile"])

            with chat_on(unused_tcp_port):
                for page in ada, bo:
                    await expect(page.locator("#status")).to_have_text("connected", timeout=15_000)
                await expect(texts(ada)).to_have_text(["before", "meanwhile"])
                await say(bo, "after")
                for page in ada, bo:
                    await expect(texts(page).last).to_have_text("after")
                await expect(texts(ada)).to_have_text(["before", "meanwhile", "after"])
                assert (await texts(bo).all_text_contents()).count("before") == 1
                await expect(ada.locator("#here li")).to_have_text(["ada", "bo"])
