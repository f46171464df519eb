"""Runs pytest in a process of its own and reads its report: which tests there were, which passed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree


@dataclass
class Outcome:
    """The tests of one suite on one side: all of them, and those that passed."""

    found: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        if self.passed == self.found:
            return str(len(self.passed))
        return f"{len(self.passed)} of {len(self.found)}"


def run_pytest(
    python: Path,
    arguments: Sequence[str],
    *,
    where: Path,
    environment: Mapping[str, str],
    report: Path,
    limit: float,
) -> None:
    """Run pytest in the folder *where*, for *limit* seconds at most.

    *environment* is added to that of this process. The file *report* is made; what is printed
    stands beside it, in a file of the same name that ends in ``.txt``.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [str(python), "-m", "pytest", f"--junitxml={report}", *arguments]
    with report.with_name(f"{report.stem}.txt").open("w") as output:
        try:
            subprocess.run(
                command,
                cwd=where,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            output.write(f"\nStopped after {limit} s.\n")


def read_report(report: Path) -> Outcome:
    """The outcome in a report in JUnit's format; nothing was found if there is no report."""
    outcome, failed = Outcome(), set[str]()
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            test = f"{case.get('classname')}::{case.get('name')}"
            outcome.found.add(test)
            if any(case.find(tag) is not None for tag in ("failure", "error", "skipped")):
                failed.add(test)
    outcome.passed = outcome.found - failed
    return outcome
