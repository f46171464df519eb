"""Every example, as somebody meets it who has just copied its folder: one command, no set-up."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx
import pytest

from processes import POTTLE, served

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/app.py"))


def example(folder: Path) -> str:
    return folder.name


@pytest.mark.parametrize("folder", EXAMPLES, ids=example)
def test_it_is_served_with_nothing_set_up_and_ends(folder, tmp_path):
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("instance", "__pycache__"))
    command = (*POTTLE, "--app", f"{folder.name}/app.py", "serve", "--port", "0")
    with served(*command, cwd=tmp_path) as process:
        url = process.ready().url
        page = httpx.get(url, trust_env=False, timeout=20, follow_redirects=True)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert "Content-Security-Policy" in page.headers
        for asset in re.findall(r'(?:src|href)="(/static/[^"#]+)"', page.text):
            assert httpx.get(url + asset, trust_env=False).status_code == 200, asset
        assert process.stop() == 0, process.text
    assert "Traceback" not in process.text, process.text


@pytest.mark.parametrize("folder", EXAMPLES, ids=example)
def test_it_says_how_it_is_started_and_is_explained(folder):
    readme = (folder / "README.md").read_text()
    start = "scripts/demo" if folder.name == "dashboard" else f"scripts/example {folder.name}"
    assert f"$ {start}\n" in readme
    tutorial = ROOT / "docs/tutorials" / f"{folder.name}.md"
    assert f"../../examples/{folder.name}/" in tutorial.read_text()
    assert f"docs/tutorials/{folder.name}.md" in readme
    assert list((folder / "tests").glob(f"test_{folder.name}*.py"))


@pytest.mark.parametrize("folder", EXAMPLES, ids=example)
def test_nothing_is_loaded_from_elsewhere(folder):
    for path in [*folder.rglob("*.html"), *folder.rglob("*.js"), *folder.rglob("*.css")]:
        text = path.read_text()
        assert not re.search(r"""(?:src|href|from|import|url\()\s*=?\s*["'(]?https?://""", text), (
            path
        )
        assert "<script>" not in text, f"{path}: an inline script"
        assert not re.search(r"\son\w+=", text) or path.suffix != ".html", f"{path}: inline code"
