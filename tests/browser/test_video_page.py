"""The example video in a real browser, served by the real command line."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import expect

from processes import POTTLE, served

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}
SECONDS, WIDTH = 20, 640  # of the sample

# What the player shows: the green bar at the upper edge is as long as the second is late.
SECOND_SHOWN = f"""(video) => {{
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    const line = context.getImageData(0, 10, canvas.width, 1).data;
    let length = 0;
    while (length < canvas.width && line[4 * length + 1] > 100) length++;
    return length * {SECONDS} / {WIDTH};
}}"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample video, made once for all tests."""
    path = tmp_path_factory.mktemp("video") / "sample.webm"
    subprocess.run([sys.executable, ROOT / "examples/video/sample.py", path], check=True)
    return path


@pytest.fixture
def folder(tmp_path, sample):
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "Sample.webm").hardlink_to(sample)
    return folder


@pytest.fixture
def streamer(folder):
    """The URL of a video streamer with the sample in it, in a process of its own."""
    command = (*POTTLE, "--app", "examples/video/app.py", "run", "--port", "0")
    with served(*command, cwd=ROOT, env={"VIDEO_FOLDER": str(folder)}) as process:
        yield process.ready().url
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


SLOW = {"offline": False, "latency": 5}


async def limit(page, **rates):
    """Let the page load or send so many bytes a second only."""
    session = await page.context.new_cdp_session(page)
    conditions = {"downloadThroughput": -1, "uploadThroughput": -1, **SLOW, **rates}
    await session.send("Network.emulateNetworkConditions", conditions)


def plays(page):
    return page.wait_for_function(
        """() => {
            const video = document.querySelector("#player");
            return !video.paused && video.currentTime > 0.5;
        }"""
    )


async def play(page):
    await page.evaluate(
        """() => {
            const video = document.querySelector("#player");
            video.muted = true; // what makes no noise may be played without a click
            return video.play();
        }"""
    )
    await plays(page)


async def seek(page, second):
    """Seek, wait until the picture is there, and stop."""
    await page.evaluate(
        """(second) => new Promise((resolve) => {
            const video = document.querySelector("#player");
            video.pause();
            video.addEventListener("seeked", resolve, {once: true});
            video.currentTime = second;
        })""",
        second,
    )


async def test_video_plays_and_seeks_by_ranges(browse, streamer, picture):
    async with browse(streamer) as page:
        await limit(page, downloadThroughput=1_000_000)
        async with page.expect_navigation():
            await page.click("text=Sample")
        await play(page)
        answers = []
        page.on("response", lambda answer: answers.append(answer))
        await seek(page, 15)
        player = page.locator("#player")
        assert await player.evaluate("(video) => video.currentTime") == 15
        assert await player.evaluate("(video) => video.duration") == SECONDS
        assert await player.evaluate(SECOND_SHOWN) == pytest.approx(15, abs=0.3)
        assert [answer.status for answer in answers] == [206]
        begin, size = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+)", answers[0].headers["content-range"]
        ).groups()
        assert int(begin) > int(size) / 2  # what lies between was skipped
        await picture(page, "video.png")


async def choose(page, content, name="My film.webm"):
    """Choose a file for the upload, of which the page thinks that it is a WebM video."""
    film = {"name": name, "mimeType": "video/webm", "buffer": content}
    await page.set_input_files("#file", files=[film])


async def test_upload_shows_progress_and_then_plays(browse, streamer, folder, sample):
    watch = """
        addEventListener("DOMContentLoaded", () => {
            const progress = document.querySelector("#progress");
            if (progress) new MutationObserver(() =>
                window.told?.(progress.querySelector("progress").value)
            ).observe(progress, {attributes: true, subtree: true});
        });
    """
    shares = []

    def told(share):
        shares.append(share)

    async with browse(streamer, watch) as page:
        await page.expose_function("told", told)
        await limit(page, uploadThroughput=4_000_000)
        await choose(page, sample.read_bytes())
        await expect(page.locator("#progress")).to_be_visible()
        await expect(page.locator("h1")).to_have_text("My film", timeout=30_000)
        await play(page)
        await limit(page)
        await seek(page, 9)
        assert await page.locator("#player").evaluate(SECOND_SHOWN) == pytest.approx(9, abs=0.3)
    assert shares == sorted(shares)
    assert len({share for share in shares if 0 < share < 1}) >= 3, shares
    assert [path.read_bytes() == sample.read_bytes() for path in folder.iterdir()] == [True] * 2


async def test_cancelled_upload_leaves_nothing_behind(browse, streamer, folder, sample):
    async with browse(streamer) as page:
        await limit(page, uploadThroughput=500_000)
        await choose(page, sample.read_bytes())
        await page.wait_for_function("() => document.querySelector('progress').value > 0.05")
        assert len(list(folder.glob("*.part"))) == 1
        await page.click("#cancel")
        await expect(page.locator("#result")).to_have_text("Cancelled. Nothing was kept.")
        await expect(page.locator("#progress")).to_be_hidden()
        async with asyncio.timeout(10):
            while list(folder.glob("*.part")):
                await asyncio.sleep(0.01)
    assert [path.name for path in folder.iterdir()] == ["Sample.webm"]


async def test_what_is_no_video_is_refused(browse, streamer, folder):
    async with browse(streamer, expected_errors=("Failed to load resource",)) as page:
        note = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"nothing of the kind"}
        await page.set_input_files("#file", files=[note])
        result = page.locator("#result")
        await expect(result).to_have_text("notes.txt is neither MP4 nor WebM.")  # by the page
        await choose(page, b"nothing of the kind" * 500_000)
        await expect(result).to_contain_text("neither an MP4 nor a WebM file, by its first bytes")
    assert [path.name for path in folder.iterdir()] == ["Sample.webm"]


async def test_pages_fit_a_phone_and_a_dark_room(browse, streamer, folder, sample, picture):
    (folder / "Another_one-0123456789ab.webm").hardlink_to(sample)
    async with browse(streamer, viewport=PHONE, color_scheme="dark", device_scale_factor=2) as page:
        await page.wait_for_function(
            "() => [...document.querySelectorAll('video')].every((video) => video.readyState >= 2)"
        )
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in background[4:-1].split(",")) < 64
        await picture(page, "video-phone.png")
        await page.click("text=Another one")
        await expect(page.locator("#player")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
