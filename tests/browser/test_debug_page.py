"""The debug page in a real browser: what `pottle run --debug` shows of an error in a view."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from processes import POTTLE, served

APP = '''\
"""A shop with a mistake in it."""

import os

from pottle import Pottle, request

app = Pottle(__name__)
PRICES = {"tea": 2.5, "bowl": 12.0}


class OutOfStock(Exception):
    """Nothing of it is left."""


def price_of(thing):
    return PRICES[thing]


async def total(things, discount):
    api_key = os.environ["API_KEY"]
    prices = [price_of(thing) for thing in things]
    return sum(prices) * (1 - discount)


@app.get("/cart")
async def cart():
    things = request.args.getlist("thing")
    try:
        return {"total": await total(things, discount=0.1)}
    except KeyError as error:
        raise OutOfStock(f"We have no {error.args[0]}.") from error
'''
PHONE = {"width": 390, "height": 844}
#: A script in the request, which the page must show and the browser must not run.
HOSTILE = "<img src=x onerror=alert(1)>"
#: The browser tells of the 500 itself; nothing else may be told.
EXPECTED = ("Failed to load resource: the server responded with a status of 500",)

#: For the picture: other folders than those of a test, and the first frames of either error.
AS_ELSEWHERE = """() => {
    for (const place of document.querySelectorAll("summary span"))
        place.textContent = place.textContent
            .replace(/.*[/]src[/]pottle/, ".venv/lib/site-packages/pottle")
            .replace(/.*[/](shop.py)/, "/srv/shop/$1");
    const frames = document.querySelectorAll("section.earlier details.frame, section.earlier .folded");
    const rest = [...frames].slice(2);
    rest.push(document.querySelector("main > section:last-of-type"));
    for (const element of rest) element.remove();
}"""


@pytest.fixture
def shop(tmp_path, unused_tcp_port):
    """The URL of an application in debug mode, in a process of its own."""
    (tmp_path / "shop.py").write_text(APP)
    command = (*POTTLE, "--app", "shop", "run", "--debug", "--no-reload")
    key = {"API_KEY": "known to nobody"}
    with served(*command, "--port", str(unused_tcp_port), cwd=tmp_path, env=key) as process:
        yield process.ready().url
        assert process.stop() == 0, process.text
        assert "shop.OutOfStock" in process.text


async def test_page_shows_what_happened_and_where(browse, shop, picture):
    url = f"{shop}/cart?thing=tea&thing=spoon"
    async with browse(url, expected_errors=EXPECTED) as page:
        await expect(page).to_have_title("OutOfStock: We have no spoon.")
        await expect(page.locator("h1")).to_have_text(["shop.OutOfStock", "KeyError"])
        await expect(page.locator("header")).to_have_text("GET /cart")
        await expect(page.locator(".relation")).to_have_text("Its direct cause")
        # The lines that failed, each marked among its neighbours.
        own = page.locator("details.frame:not(.library)")
        await expect(own.locator("summary code")).to_have_text(
            ["cart", "price_of", "total.<locals>.<listcomp>", "total", "cart"]
            if await own.count() == 5  # until 3.12, a comprehension was a function
            else ["cart", "price_of", "total", "cart"]
        )
        await expect(own.first.locator(".here")).to_have_text(
            'raise OutOfStock(f"We have no {error.args[0]}.") from error'
        )
        # Variables, without what has the name of a secret.
        things = own.first.locator("dt", has_text="things").locator("+ dd")
        await expect(things).to_have_text("['tea', 'spoon']")
        assert "known to nobody" not in await page.content()
        await expect(page.locator("dt", has_text="api_key").locator("+ dd")).to_have_text("******")
        await page.evaluate(AS_ELSEWHERE)
        await picture(page, "debug.png")


async def test_frames_open_and_close(browse, shop):
    async with browse(f"{shop}/cart?thing=spoon", expected_errors=EXPECTED) as page:
        folded = page.locator("details.folded").first
        await expect(folded.locator("> summary")).to_have_text(
            re.compile(r"\d+ frames of libraries")
        )
        library = folded.locator("details.library").first
        await expect(library).to_be_hidden()
        await folded.locator("> summary").click()
        await expect(library).not_to_have_attribute("open", "")
        await expect(library.locator(".source")).to_be_hidden()
        await library.locator("summary").click()
        await expect(library.locator(".source")).to_be_visible()
        own = page.locator("details.frame:not(.library)").first
        await own.locator("summary").focus()
        await page.keyboard.press("Enter")
        await expect(own.locator(".source")).to_be_hidden()


async def test_page_runs_nothing_and_loads_nothing(browse, shop):
    asked = []
    async with browse(f"{shop}/cart?thing=spoon", expected_errors=EXPECTED) as page:
        page.on("request", lambda request: asked.append(request.url))
        answer = await page.goto(f"{shop}/cart?thing={HOSTILE}")
        await expect(page.locator(".message").first).to_have_text(f"We have no {HOSTILE}.")
        await expect(page.locator("img, script, form, input, a")).to_have_count(0)
        assert [url for url in asked if "/cart" not in url and "/favicon" not in url] == []
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_page_fits_a_phone_in_the_dark(browse, shop):
    url = f"{shop}/cart?thing=spoon"
    options = {"viewport": PHONE, "color_scheme": "dark"}
    async with browse(url, expected_errors=EXPECTED, **options) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in background[4:-1].split(",")) < 64
