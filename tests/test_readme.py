"""The README: its program is served and talked to, its commands are run, its links lead somewhere."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from processes import POTTLE, served

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(language, text) for language, text in FENCE.findall(README)]
COMMANDS = [
    line.removeprefix("$ ")
    for language, text in BLOCKS
    if language == "console"
    for line in text.splitlines()
]
#: What proves that the command works; a command that is not named here fails.
RUN_BY = {
    "pottle run": "test_program_is_served_and_answers",
    "pottle serve --workers 2": "test_program_is_served_and_answers",
    "pip install .": "test_package.py: test_wheel_works_in_an_empty_environment",
    "scripts/test": ".ci/run",
    "scripts/demo": ".ci/run",
    "scripts/docs": ".ci/run",
    "scripts/example chat": "test_examples.py: test_it_is_served_with_nothing_set_up_and_ends",
}


def program() -> str:
    [text] = [text for language, text in BLOCKS if language == "python"]
    return text


def test_blocks_are_of_a_language_that_is_run():
    assert {language for language, _ in BLOCKS} == {"python", "console"}


def test_program_is_short():
    assert len([line for line in program().splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_run_somewhere(command):
    proof = RUN_BY.get(command)
    assert proof is not None, f"{command!r} is in the README, but nothing runs it: see RUN_BY"
    if proof.startswith("test_"):
        file, _, name = proof.rpartition(": ")
        assert f"def {name}(" in (Path(__file__).parent / (file or Path(__file__).name)).read_text()
    else:
        text = (ROOT / proof).read_text()
        assert re.search(rf"^\s*{re.escape(command)}\b", text, re.MULTILINE)
        assert os.access(ROOT / command, os.X_OK)


def test_every_command_that_has_a_proof_is_there():
    assert sorted(RUN_BY) == sorted(COMMANDS)


@pytest.mark.parametrize("command", [command for command in COMMANDS if "pottle" in command])
async def test_program_is_served_and_answers(command, tmp_path):
    (tmp_path / "app.py").write_text(program())
    words = [*POTTLE, *shlex.split(command)[1:], "--port", "0"]
    with served(*words, cwd=tmp_path) as process:
        await asyncio.to_thread(process.ready)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(process.url)).json() == {"hello": "world"}
        url = process.url.replace("http", "ws") + "/echo"
        async with connect(url, proxy=None) as websocket:
            for message in ("one", b"two"):
                await websocket.send(message)
                assert await websocket.recv() == message
        assert await asyncio.to_thread(process.stop) == 0, process.text


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert missing == []


@pytest.mark.parametrize(
    "script",
    [
        "scripts/demo",
        "scripts/docs",
        "scripts/example",
        "scripts/soak",
        "scripts/test",
        "scripts/common.sh",
        ".ci/run",
    ],
)
def test_scripts_are_valid_bash(script):
    assert subprocess.run(["bash", "-n", ROOT / script], check=False).returncode == 0


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test"])
def test_scripts_refuse_what_cannot_work(script, tmp_path):
    old = tmp_path / "python3.10"
    old.write_text(
        f'#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.10.0"; exec false {sys.executable}\n'
    )
    old.chmod(0o755)
    for python, problem in ((old, "needs Python 3.11"), (tmp_path / "none", "There is no")):
        run = subprocess.run(
            [ROOT / script],
            env={**os.environ, "PYTHON": str(python)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 1
        assert problem in run.stderr


def test_an_unknown_step_is_refused():
    run = subprocess.run(
        [ROOT / "scripts/test", "everything"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "no step 'everything'. There are: lint" in run.stderr
