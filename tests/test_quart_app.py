"""An application written for Quart, and its own tests, run unchanged on Quart and on Pottle.

It stands in `quart_app/` and imports nothing of ours. Each run is a process of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from quart_env import EVERYWHERE, NEWEST, quart_python

APPLICATION = Path(__file__).with_name("quart_app")
#: What makes `quart` a name for Pottle; nothing else differs between the runs.
ALIAS = ("-p", "pottle.compat.as_quart")
SECONDS = 120

# The first test that asks for a version of Quart may have to install it.
pytestmark = pytest.mark.timeout(300)


def run(python: Path | str, report: Path, *options: str) -> dict[str, str]:
    """Run the tests of the application: the name of each, and how it ended."""
    ran = subprocess.run(
        [str(python), "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *options],
        cwd=APPLICATION,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return {
        f"{case.get('classname')}::{case.get('name')}": case[0].tag if len(case) else "passed"
        for case in ElementTree.parse(report).iter("testcase")
    }


@pytest.mark.parametrize("version", [EVERYWHERE, NEWEST])
def test_it_passes_on_both_alike(version: str, tmp_path: Path) -> None:
    try:
        python = quart_python(version)
    except RuntimeError as error:
        pytest.skip(str(error))
    on_quart = run(python, tmp_path / "quart.xml")
    on_pottle = run(sys.executable, tmp_path / "pottle.xml", *ALIAS)
    assert on_pottle == on_quart
    assert set(on_pottle.values()) == {"passed"}
    assert len(on_pottle) > 60


def test_it_knows_nothing_of_pottle() -> None:
    sources = [*APPLICATION.rglob("*.py"), *APPLICATION.rglob("*.ini")]
    assert len(sources) > 10
    told = [
        path
        for path in sources
        if re.search(r"import pottle|from pottle|pottle\.", path.read_text())
    ]
    assert told == []
