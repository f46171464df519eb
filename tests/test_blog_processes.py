"""The example blog as its README has it: started by the command line, and its command."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from processes import PATIENCE, POTTLE, run_command, served

ROOT = Path(__file__).parents[1]
APP = ("--app", "examples/blog/app.py")


@pytest.fixture
def env(tmp_path):
    return {
        "BLOG_DATABASE": str(tmp_path / "instance" / "blog.sqlite3"),
        "BLOG_IMAGES": str(tmp_path / "instance" / "images"),
    }


@pytest.mark.parametrize("command", [("run",), ("serve", "--workers", "2")])
def test_one_command_starts_it_and_a_signal_ends_it(env, command):
    with served(*POTTLE, *APP, *command, "--port", "0", cwd=ROOT, env=env) as process:
        url = process.ready().url
        with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client:
            page = client.get("/auth/register").text
            token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
            form = {"name": "grace", "password": "correct horse", "csrf_token": token}
            assert client.post("/auth/register", data=form).status_code == 302
        for _ in range(6):  # each by a connection of its own, so by either worker: one key for both
            found = httpx.get(url, cookies=client.cookies, trust_env=False, timeout=PATIENCE)
            assert "Log out" in found.text
            assert found.text.count("<article") == 3
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


def test_command_makes_the_database(env):
    made = run_command(*APP, "init-db", cwd=ROOT, env=env)
    assert (made.returncode, made.stderr) == (0, "")
    assert "a new database with 3 posts" in made.stdout
    again = run_command(*APP, "init-db", cwd=ROOT, env=env)
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert run_command(*APP, "init-db", "--force", cwd=ROOT, env=env).returncode == 0
