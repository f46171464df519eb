"""Runs the suites of scripts/flask-compat on Flask and on Pottle, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

sys.path.append(str(Path(__file__).parents[1] / "compat/extensions"))

from flask_suites import FLASK, MIGRATED, Suite
from installing import make_environment, pinned, unpacked_source
from reports import Outcome, read_report, run_pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache/flask-compat"
RESULTS = CACHE / "results"
CONSTRAINTS = HERE / "constraints.txt"
#: Seconds that one test, and all tests of one suite, may take.
TEST_LIMIT, SUITE_LIMIT = 60, 1200

Results = dict[tuple[str, str], Outcome]


def version_of(suite: Suite) -> str:
    return suite.version or pinned(CONSTRAINTS)[suite.distribution.lower()]


def run_all(suites: Sequence[Suite], sides: Sequence[str]) -> Results:
    """Run *suites* on those of the *sides* that they have.

    Two runs at a time, but never two that want a Redis on the same port.
    """
    python = _make_python()
    # Suites without a configuration would find Pottle's, further up.
    (CACHE / "pytest.ini").write_text("[pytest]\n")
    for suite in suites:
        if not suite.scenario:  # before the threads, which would all download it
            _source_of(python, suite)
    locks = {suite.name: Lock() for suite in suites}

    def run(suite: Suite, side: str) -> Outcome:
        if not suite.redis:
            return _run_suite(python, suite, side)
        with locks[suite.name]:
            return _run_suite(python, suite, side)

    with ThreadPoolExecutor(max_workers=2) as executor:
        runs: dict[tuple[str, str], Future[Outcome]] = {
            (suite.name, side): executor.submit(run, suite, side)
            for suite in suites
            for side in suite.sides
            if side in sides
        }
        results = {key: outcome.result() for key, outcome in runs.items()}
    for (name, _), outcome in results.items():  # what was left out on one side has not passed there
        outcome.found |= results[name, FLASK].found
    return results


def _make_python() -> Path:
    """The interpreter of the one environment for all suites, with Flask, Pottle and the extensions."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = make_environment(
        sys.executable,
        CACHE / f"env-{version}",
        ["--constraint", str(ROOT / "constraints.txt"), "--editable", str(ROOT)],
        ["--no-deps", "--requirement", str(CONSTRAINTS)],
        inputs=(CONSTRAINTS, ROOT / "constraints.txt", ROOT / "pyproject.toml"),
    )
    subprocess.run([python, "-W", "ignore", str(HERE / "redis_on_port.py")], check=True)
    return python


def _source_of(python: Path, suite: Suite) -> Path:
    """The folder that the tests of *suite* are run in."""
    name = suite.distribution.lower()
    return unpacked_source(python, CACHE, name, version_of(suite)) / suite.folder


def _run_suite(python: Path, suite: Suite, side: str) -> Outcome:
    report = RESULTS / side / f"{suite.name}.xml"
    where, tests = _place_of(python, suite, side)
    # Their own options ask for coverage and the like; the plugin for asyncio wants to be told.
    options = ["addopts=", "asyncio_default_fixture_loop_scope=function"]
    options.append(f"cache_dir={RESULTS / side / 'cache' / suite.name}")
    arguments = [
        *(f"-p{plugin}" for plugin in _plugins(suite, side)),
        *(f"-o{option}" for option in options),
        f"--timeout={TEST_LIMIT}",
        "--tb=native",  # the other ones parse what failed, which CPython 3.11 does not always survive
        *tests,
    ]
    run_pytest(
        python,
        arguments,
        where=where,
        environment=_environment(suite, side),
        report=report,
        limit=SUITE_LIMIT,
    )
    outcome = read_report(report)
    print(f"{suite.title}, {side}: {outcome}", flush=True)
    return outcome


def _place_of(python: Path, suite: Suite, side: str) -> tuple[Path, list[str]]:
    """The folder to run pytest in, and the arguments that say which tests there are to run."""
    if suite.scenario:
        return HERE, ["-c", "scenarios/pytest.ini", f"scenarios/with_{suite.scenario}.py"]
    where = _source_of(python, suite)
    if side == MIGRATED:
        where = _migrated(python, suite, where)
    left_out = (*suite.left_out, *suite.left_out_on.get(side, ()))
    return where, [*(f"--ignore={path}" for path in left_out), suite.tests]


def _migrated(python: Path, suite: Suite, original: Path) -> Path:
    """A copy of the application in the folder *original*, as `pottle migrate` writes it."""
    folder = CACHE / "migrated" / suite.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    command = [str(python), "-m", "pottle", "migrate", "--write", str(folder)]
    with (CACHE / "migrated" / f"{suite.name}.txt").open("w") as output:
        subprocess.run(command, check=True, stdout=output)
    return folder


def _plugins(suite: Suite, side: str) -> list[str]:
    """The pytest plugins for this run."""
    if side == MIGRATED:
        return ["without_flask"]
    alias = ["no:pottle"] if side == FLASK else ["pottle.compat.as_flask"]
    return [*alias, "flask_framework", *(["redis_on_port"] if suite.redis else [])]


def _environment(suite: Suite, side: str) -> dict[str, str]:
    path = [str(HERE), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        "COMPAT_COMMAND": "-m flask" if side == FLASK else "-m pottle",
        "COMPAT_REDIS_PORT": str(suite.redis),
        "COMPAT_WAY": "" if side == FLASK else side,
        "PYTHONPATH": os.pathsep.join(path),
    }
    if side not in {FLASK, MIGRATED}:
        environment |= {"POTTLE_AS_FLASK": "1", "POTTLE_FLASK_SYNC_IN": side}
    return environment
