"""Runs the suites on Quart and on Pottle and compares: what passes there has to pass here.

usage: scripts/compat [--write-docs] [--only NAME]... [PYTHON...]

PYTHON are interpreters: from 3.13 on they compare with Quart 0.23.1, older ones with Quart 0.21.0. By
default they are python3 and, if there is one, a Python 3.13. What the tests print is in
`.cache/compat/results`. The exit code is 1 if a test that passes on Quart does not pass on Pottle.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environments import CACHE, ROOT, Pair, interpreters, make_pair, pinned, source_of
from reports import Outcome, read_report, run_pytest
from suites import SUITES, Suite

HERE = Path(__file__).parent
RESULTS = CACHE / "results"
DOCS = ROOT / "docs/compatibility.md"
#: The table in it: the lines from its head on.
IN_DOCS = re.compile(r"^\| extension \|.*(?:\n\|.*)*", re.MULTILINE)
#: Seconds that one test, and all tests of one suite, may take.
TEST_LIMIT, SUITE_LIMIT = 30, 300
#: So many failures of one suite are listed.
MOST_LISTED = 20


@dataclass(frozen=True)
class Side:
    """One environment to run all suites in, with databases of its own."""

    framework: str
    version: str
    python: Path
    redis: str
    postgres: str

    @property
    def name(self) -> str:
        return f"{self.framework}-{self.version}"


Results = dict[tuple[str, str], Outcome]


def run_suite(side: Side, suite: Suite) -> Outcome:
    """Run the tests of *suite* on *side*."""
    alias = ["-p", "pottle.compat.as_quart"] if side.framework == "pottle" else []
    options = [option.format(redis=side.redis) for option in suite.options]
    if suite.own:
        where, target = source_of(side.python, suite.distribution), ["tests"]
    else:
        where, target = HERE, ["-c", "scenarios/pytest.ini", f"scenarios/with_{suite.name}.py"]
    plugins = ["-p", "no:cacheprovider", *alias, "-p", "framework"]
    report = RESULTS / side.name / f"{suite.name}.xml"
    run_pytest(
        side.python,
        [*plugins, f"--timeout={TEST_LIMIT}", *options, *target],
        where=where,
        environment={
            "COMPAT_FRAMEWORK": side.framework,
            "DATABASE_URL": side.postgres,
            "PYTHONPATH": str(HERE),
            "REDIS_URL": f"redis://{side.redis}",
        },
        report=report,
        limit=SUITE_LIMIT,
    )
    return read_report(report)


@contextmanager
def services(python: Path, databases: Sequence[str]) -> Iterator[dict[str, str]]:
    """A Redis and a PostgreSQL while the block lasts: where they are."""
    command = [str(python), "-W", "ignore", str(HERE / "services.py"), *databases]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                sys.exit("Redis or PostgreSQL did not start; what is wrong stands above.")
            yield json.loads(line)
        finally:
            process.stdin.close()


def run_all(pairs: Sequence[Pair], suites: Sequence[Suite]) -> Results:
    """Run all suites on both sides of all pairs, two sides at a time."""
    for suite in suites:
        if suite.own:  # before the threads, which would all download it
            source_of(pairs[0].quart, suite.distribution)
    names = [f"{framework}-{pair.version}" for pair in pairs for framework, _ in pair.sides]
    with services(pairs[0].quart, names) as urls:
        redis = urls["redis"].removeprefix("redis://").rpartition("/")[0]
        sides = [
            Side(framework, pair.version, python, f"{redis}/{number}", urls["postgres"] + name)
            for number, (name, (pair, framework, python)) in enumerate(
                zip(names, ((pair, *side) for pair in pairs for side in pair.sides), strict=True)
            )
        ]

        def run_side(side: Side) -> Results:
            return {(suite.name, side.name): run_suite(side, suite) for suite in suites}

        with ThreadPoolExecutor(max_workers=2) as executor:
            done = executor.map(run_side, sides)
            return {key: outcome for results in done for key, outcome in results.items()}


def missing(pairs: Sequence[Pair], suites: Sequence[Suite], results: Results) -> list[str]:
    """What passes on Quart and not on Pottle, and suites that show nothing, a line for each."""
    lines: list[str] = []
    for suite in suites:
        for pair in pairs:
            theirs = results[suite.name, f"quart-{pair.version}"]
            ours = results[suite.name, f"pottle-{pair.version}"]
            where = f"{suite.title}, Quart {pair.version}"
            tests = sorted(
                test
                for test in theirs.passed - ours.passed
                if test.rpartition("::")[2] not in suite.differs
            )
            lines += [f"{where}: {test}" for test in tests[:MOST_LISTED]]
            if tests[MOST_LISTED:]:
                lines.append(f"{where}: and {len(tests) - MOST_LISTED} more")
            if not theirs.found:
                lines.append(f"{where}: no test was found")
    return lines


def table(pairs: Sequence[Pair], suites: Sequence[Suite], results: Results) -> str:
    """How many tests passed, as a table in Markdown."""
    versions = pinned()
    heads = ["extension", "version", *(f"Quart {pair.version} | Pottle" for pair in pairs)]
    rows = [f"| {' | '.join(heads)} |", "| --- | --- |" + " ---: | ---: |" * len(pairs)]
    for suite in suites:
        counts = [
            str(results[suite.name, f"{framework}-{pair.version}"])
            for pair in pairs
            for framework in ("quart", "pottle")
        ]
        cells = [suite.title, versions[suite.distribution], *counts]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/compat", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--write-docs", action="store_true", help="put the table into the docs")
    parser.add_argument("--only", action="append", default=[], help="only the suites of this name")
    parser.add_argument("python", nargs="*", help="interpreters to use")
    options = parser.parse_args(arguments)
    suites = [suite for suite in SUITES if not options.only or suite.name in options.only]
    pairs = [make_pair(python) for python in interpreters(options.python)]
    pairs.sort(key=lambda pair: pair.version, reverse=True)
    complete = len(suites) == len(SUITES) and len(pairs) > 1
    if options.write_docs and not complete:
        parser.error("For the docs, all suites are needed, with a Python 3.13 and an older one.")
    results = run_all(pairs, suites)
    rows = table(pairs, suites, results)
    print(f"\n{rows}\n")
    failures = missing(pairs, suites, results)
    if failures:
        print("These pass on Quart and not on Pottle; see .cache/compat/results:")
        print("\n".join(f"    {line}" for line in failures))
    if complete:
        text = DOCS.read_text()
        wanted, places = IN_DOCS.subn(lambda _: rows, text)
        assert places == 1, (
            "docs/compatibility.md has to have one table that begins with 'extension'"
        )
        if options.write_docs:
            DOCS.write_text(wanted)
        elif text != wanted:
            print("The table in docs/compatibility.md is another: scripts/compat --write-docs")
            return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
