"""The ledger of Quart's faults: what is wrong on Quart is right on Pottle.

Each check in `checks/` is numbered as in the ledger and written against `quart` alone. Every one runs on
Pottle under its alias and on real Quart, each time in a process of its own (`run.py`), and has to
pass on the one and fail on the other.
"""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quart_env import EVERYWHERE, NEWEST, quart_python

HERE = Path(__file__).parent
VERSIONS = (EVERYWHERE, NEWEST)
POINTS = range(1, 33)
#: Seconds for a check that has to pass, and for one that may hang.
PATIENT, IMPATIENT = 20, 2

# The first test that asks for a version of Quart may have to install it.
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Check:
    name: str
    fails_on: tuple[str, ...] = ("0.21", "0.23")
    error: str = "AssertionError"
    why: str = ""

    @property
    def point(self) -> int:
        return int(self.name.split("_")[1])

    def is_right_on(self, version: str) -> bool:
        return not version.startswith(self.fails_on)


def read_checks() -> Iterator[Check]:
    """The checks, read from their source: importing them would need `quart` in this process."""
    for path in sorted((HERE / "checks").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("check_"):
                said: dict[str, Any] = {}
                for decorator in node.decorator_list:
                    assert isinstance(decorator, ast.Call)
                    said = {str(k.arg): ast.literal_eval(k.value) for k in decorator.keywords}
                yield Check(node.name, **said)


CHECKS = sorted(read_checks(), key=lambda check: check.name)
each_check = pytest.mark.parametrize(
    "check", CHECKS, ids=[check.name.removeprefix("check_") for check in CHECKS]
)


@functools.cache
def outcomes(implementation: str) -> dict[str, dict[str, Any]]:
    """What came of every check on *implementation*, which is `pottle` or a version of Quart."""
    if implementation == "pottle":
        command = [sys.executable, "run.py", "--pottle", f"--limit={PATIENT}"]
    else:
        command = [str(_interpreter(implementation)), "run.py", f"--limit={IMPATIENT}"]
    ran = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    if implementation == "pottle":
        assert answer["is"] == "pottle"
    else:
        assert (answer["is"], answer["version"]) == ("quart", implementation)
    results: dict[str, dict[str, Any]] = answer["results"]
    return results


def _interpreter(version: str) -> Path:
    try:
        return quart_python(version)
    except RuntimeError as error:
        pytest.skip(str(error))


@each_check
def test_pottle_is_right(check: Check) -> None:
    outcome = outcomes("pottle")[check.name]
    assert outcome["error"] is None, outcome


@pytest.mark.parametrize("version", VERSIONS)
@each_check
def test_quart_is_not(check: Check, version: str) -> None:
    """Without this a check could be one that nothing fails."""
    outcome = outcomes(version)[check.name]
    if check.is_right_on(version):
        assert outcome["error"] is None, outcome
    else:
        assert outcome["error"] in check.error.split(", "), outcome


def test_every_point_has_a_check_that_quart_fails() -> None:
    checked = {check.point for check in CHECKS if check.fails_on}
    assert sorted(checked) == list(POINTS)


def test_a_check_that_quart_passes_or_that_fails_otherwise_says_why() -> None:
    silent = [
        check.name
        for check in CHECKS
        if not check.why and (not check.fails_on or check.error != "AssertionError")
    ]
    assert silent == []


def test_all_checks_were_run() -> None:
    assert sorted(outcomes("pottle")) == [check.name for check in CHECKS]
