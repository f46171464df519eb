"""Tests that need the alias: run in one process of their own, each of them a test of this process."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

FOLDER = Path(__file__).with_name("aliased")


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("extension_*.py"))


def names_in(folder: Path) -> list[str]:
    """The test functions in *folder*, as ``module.function``."""
    return [
        f"{file.stem}.{node.name}"
        for file in _files(folder)
        for node in ast.parse(file.read_text()).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
    ]


def outcomes(folder: Path, report: Path) -> dict[str, list[str]]:
    """What was wrong with each test function in *folder*, after all were run with the alias on."""
    plugins = ["-p", "pottle.compat.as_quart", "-p", "no:cacheprovider"]
    files = [str(file) for file in _files(folder)]
    command = [sys.executable, "-m", "pytest", *plugins, f"--junitxml={report}", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        module = str(case.get("classname")).rpartition(".")[2]
        name = str(case.get("name")).partition("[")[0]
        found.setdefault(f"{module}.{name}", []).extend(_problems(case))
    return found


def _problems(case: ElementTree.Element) -> Iterator[str]:
    for problem in case:
        if problem.tag in {"failure", "error", "skipped"}:
            yield problem.text or str(problem.get("message"))
