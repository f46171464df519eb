"""The `pottle` command for applications of Flask, and commands that packages offer for Flask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = """
import click
from flask import Flask, current_app, g

app = Flask(__name__)

@app.get("/")
def index():
    return "shop"

@app.cli.command("greet")
@click.argument("name")
def greet(name):
    g.name = name
    click.echo(f"{current_app.name} greets {g.name}")
"""
OURS = """
from pottle import Pottle

app = Pottle(__name__)
"""
#: A package with a command for Flask, as Flask-Migrate has one.
PLUGIN = """
import click
from flask import current_app
from flask.cli import with_appcontext

@click.group()
def tell():
    pass

@tell.command()
@with_appcontext
def name():
    click.echo(f"This is {current_app.name}.")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "ours.py").write_text(OURS)
    (tmp_path / "teller.py").write_text(PLUGIN)
    information = tmp_path / "teller-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: teller\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[flask.commands]\ntell=teller:tell\n")
    return tmp_path


def pottle(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("POTTLE_")}
    return subprocess.run(
        [sys.executable, "-m", "pottle", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_application_of_flask(folder):
    done = pottle(folder, "--as-flask", "--app", "shop", "greet", "ada")
    assert done.stdout == "shop greets ada\n", done.stderr
    done = pottle(folder, "--as-flask", "--app", "shop", "routes")
    assert "index" in done.stdout, done.stderr


def test_by_the_environment(folder):
    done = pottle(folder, "greet", "ada", POTTLE_AS_FLASK="1", POTTLE_APP="shop")
    assert done.stdout == "shop greets ada\n", done.stderr


def test_variables_of_flask_hold_for_those_of_pottle(folder):
    done = pottle(folder, "--as-flask", "greet", "ada", FLASK_APP="shop")
    assert done.stdout == "shop greets ada\n", done.stderr


def test_without_the_option_the_error_names_it(folder):
    done = pottle(folder, "--app", "shop", "routes")
    assert done.returncode != 0
    assert "--as-flask" in done.stderr


@pytest.mark.parametrize("module", ["shop", "ours"])
def test_commands_of_packages(folder, module):
    options = ["--as-flask"] if module == "shop" else []
    done = pottle(folder, *options, "--app", module, "tell", "name")
    assert done.stdout == f"This is {module}.\n", done.stderr


def test_who_runs_a_server_imports_nothing_of_flask(folder):
    code = "import sys; print('flask' in sys.modules)"
    (folder / "ours.py").write_text(OURS + f"\n@app.cli.command('look')\ndef look():\n    {code}\n")
    done = pottle(folder, "--app", "ours", "look")
    assert done.stdout == "False\n", done.stderr
