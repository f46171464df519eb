"""A test-suite written for Flask runs on Flask, and unmodified on Pottle, in each way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

SUITE = Path(__file__).with_name("aliased") / "suite_of_a_flask_application.py"


def outcomes(report: Path, *plugins: str, way: str = "auto") -> dict[str, str]:
    """By the name of each test, how it went."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--noconftest"]
    command += [f"--junitxml={report}", "-o", "addopts=", "-o", "python_files=suite_*.py"]
    for plugin in plugins:
        command += ["-p", plugin]
    environment = {**os.environ, "POTTLE_FLASK_SYNC_IN": way}
    done = subprocess.run(
        [*command, str(SUITE)], capture_output=True, text=True, env=environment, check=False
    )
    assert report.exists(), done.stdout + done.stderr
    return {
        case.get("name", ""): "".join(child.tag for child in case) or "passed"
        for case in ElementTree.parse(report).iter("testcase")
    }


@pytest.mark.parametrize("way", ["auto", "thread", "greenlet"])
def test_the_same_on_pottle_as_on_flask(tmp_path, way):
    on_flask = outcomes(tmp_path / "flask.xml")
    on_pottle = outcomes(tmp_path / "pottle.xml", "pottle.compat.as_flask", way=way)
    assert len(on_flask) > 15
    assert set(on_flask.values()) == {"passed"}
    assert on_pottle == on_flask
