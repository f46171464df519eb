"""``pottle migrate``: what is printed, what is written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pottle.cli import cli

BEFORE = """\
from flask import Flask, request

app = Flask(__name__)


@app.post("/")
def view():
    return request.form
"""
AFTER = """\
from pottle import Pottle, request

app = Pottle(__name__)


@app.post("/")
async def view():
    return await request.form
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "app.py").write_text(BEFORE)
    (folder / "form.py").write_text("from flask import request\n\nkey = lambda: request.form\n")
    return folder


def invoke(*args: str) -> Any:
    return CliRunner().invoke(cli, ["migrate", *args], catch_exceptions=False)


def test_a_dry_run_shows_the_changes(project):
    result = invoke("shop")
    assert result.exit_code == 0
    assert "--- shop/app.py\n+++ shop/app.py\n@@ -1,8 +1,8 @@\n" in result.output
    assert (
        "-from flask import Flask, request\n+from pottle import Pottle, request\n" in result.output
    )
    assert result.output.endswith(
        "2 files changed, 1 function made async, 1 await added.\n"
        "\n"
        "Left to you (1):\n"
        "  shop/form.py:3: 'request.form' has to be awaited; a lambda cannot wait: make it a function\n"
        "\n"
        "Nothing was written. Run it with --write to change the files.\n"
    )
    assert (project / "app.py").read_text() == BEFORE


def test_write(project):
    result = invoke("shop", "--write")
    assert result.exit_code == 0
    assert result.output.startswith("2 files changed, 1 function made async, 1 await added.\n")
    assert "Nothing was written" not in result.output
    assert (project / "app.py").read_text() == AFTER
    again = invoke("shop", "--write")
    assert again.exit_code == 0
    assert again.output.startswith("0 files changed, 0 functions made async, 0 awaits added.\n")
    assert (project / "app.py").read_text() == AFTER


def test_a_single_file_and_options(project):
    result = invoke("shop/app.py", "--all-async", "--write")
    assert result.output == "1 file changed, 1 function made async, 1 await added.\n"
    result = invoke("shop", "--exclude", "form.py", "--exclude", "other")
    assert result.output == "0 files changed, 0 functions made async, 0 awaits added.\n"


def test_a_path_that_is_not_there(project):
    result = invoke("nowhere")
    assert result.exit_code == 2
    assert "'nowhere' does not exist" in result.output


def test_a_file_without_an_end_of_line(project):
    (project / "form.py").write_text("import flask\nflask.g")
    result = invoke("shop/form.py")
    end = "\\ No newline at end of file\n"
    assert f"-import flask\n-flask.g\n{end}+import pottle\n+pottle.g\n{end}" in result.output


def test_without_libcst(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "libcst", None)
    result = invoke("shop")
    assert result.exit_code == 1
    assert "LibCST, which is not installed: pip install 'pottle[migrate]'" in result.output
