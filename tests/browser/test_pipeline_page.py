"""The example pipeline's page in a real browser, served by the real command line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from playwright.async_api import expect

from processes import POTTLE, served

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}
TABLE = b"name,said\n" + b"ada,hello\n" * 500_000


@pytest.fixture
def pipeline():
    """The URL of the pipeline, in a process of its own."""
    command = (*POTTLE, "--app", "examples/pipeline/app.py", "run", "--port", "0")
    with served(*command, cwd=ROOT) as process:
        yield process.ready().url
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


async def send(page, stages, content, name="table.csv"):
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    await page.set_input_files("#file", files=[file])
    await page.select_option("select", stages)
    await page.click("form button")


async def test_file_goes_through_and_is_saved(browse, pipeline, picture):
    async with browse(pipeline) as page:
        await send(page, "jsonl+gzip", TABLE)
        result = page.locator("#result")
        await expect(result).to_have_attribute("data-state", "done", timeout=30_000)
        await expect(page.locator("#digest")).to_contain_text("sha-256=:")
        await picture(page, "pipeline.png")
        async with page.expect_download() as download:
            await page.click("text=Save table.jsonl.gz")
        content = Path(await (await download.value).path()).read_bytes()
        assert gzip.decompress(content) == b'{"name": "ada", "said": "hello"}\n' * 500_000


async def test_what_is_wrong_is_told(browse, pipeline):
    async with browse(pipeline, expected_errors=("Failed to load resource",)) as page:
        await send(page, "flac", TABLE)
        await expect(page.locator("#result")).to_contain_text("no sound that can be read")


async def test_form_works_without_scripts_on_a_phone(browse, pipeline):
    async with browse(
        pipeline, java_script_enabled=False, viewport=PHONE, color_scheme="dark"
    ) as page:
        async with page.expect_download() as download:
            await send(page, "jsonl", b"a\n1\n")
        assert Path(await (await download.value).path()).read_bytes() == b'{"a": "1"}\n'
        size = await page.locator("main").bounding_box()
        assert size["width"] <= PHONE["width"]
