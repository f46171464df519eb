"""Runs the suites on Flask and on Pottle and compares: what passes there has to pass here.

usage: scripts/flask-compat [--write-docs] [--only NAME]... [--side SIDE]...

The suites are the own tests of extensions for Flask, small applications of ours that use extensions, and
whole applications with their tests. On Pottle they run in each way of running synchronous code, and the
whole applications once more after `pottle migrate`. What the tests print is in
`.cache/flask-compat/results`. The exit code is 1 if a test that passes on Flask does not pass on Pottle,
and is not known with its cause; if one that is known passes; and, after a complete run, if the tables in
docs/flask-extensions.md say something else.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from flask_runs import CONSTRAINTS, ROOT, Results, pinned, run_all, version_of
from flask_suites import (
    APPLICATIONS,
    EXTENSIONS,
    FLASK,
    KNOWN,
    MIGRATED,
    SUITES,
    WAYS,
    Known,
    Suite,
)

DOCS = ROOT / "docs/flask-extensions.md"
#: The tables there, by what stands at the head of their first columns.
TABLES = {"extension": EXTENSIONS, "application": APPLICATIONS}
#: So many failures of one suite are listed.
MOST_LISTED = 20


def in_docs(head: str) -> re.Pattern[str]:
    """What finds the table with this *head* in the docs, and the list below it."""
    return re.compile(rf"^\| {head} \|.*(?:\n\|.*)*(?:\n\n- .*(?:\n(?:- |  ).*)*)?", re.MULTILINE)


def complaints(
    suites: Sequence[Suite], results: Results, known: Sequence[Known] = KNOWN
) -> list[str]:
    """A line for each test that passes on Flask and not on Pottle, or that should not be known."""
    lines: list[str] = []
    for suite in suites:
        theirs = results[suite.name, FLASK]
        if not theirs.passed:
            lines.append(f"{suite.title}: no test passes on Flask")
        for side in suite.sides:
            if (suite.name, side) not in results:
                continue
            failed = theirs.passed - results[suite.name, side].passed
            for entry in known:
                if entry.suite == suite.name and side in entry.sides:
                    if not entry.among(failed):
                        what = f"known to fail, but passes: {entry.tests}"
                        lines.append(f"{suite.title}, {side}: {what}")
                    failed -= entry.among(failed)
            tests = sorted(failed)
            lines += [f"{suite.title}, {side}: {test}" for test in tests[:MOST_LISTED]]
            if tests[MOST_LISTED:]:
                lines.append(f"{suite.title}, {side}: and {len(tests) - MOST_LISTED} more")
    return lines


def table(
    head: str, suites: Sequence[Suite], results: Results, known: Sequence[Known] = KNOWN
) -> str:
    """How many tests passed, as a table in Markdown, and below it what is known to fail, and why."""
    sides = suites[0].sides
    names = {FLASK: f"Flask {pinned(CONSTRAINTS)['flask']}", MIGRATED: "after `pottle migrate`"}
    heads = [head, "version", *(names.get(side, f"Pottle, {side}") for side in sides)]
    rows = [f"| {' | '.join(heads)} |", "| --- | --- |" + " ---: |" * len(sides)]
    for suite in suites:
        counts = [str(results[suite.name, side]) for side in sides]
        rows.append(f"| {' | '.join([suite.title, version_of(suite), *counts])} |")
    titles = {suite.name: suite.title for suite in suites}
    entries = [entry for entry in known if entry.suite in titles]
    if entries:
        rows.append("")
    for entry in entries:
        where = "" if entry.sides == WAYS else f" ({', '.join(entry.sides)})"
        rows.append(f"- {titles[entry.suite]}, `{entry.tests}`{where}: {entry.cause}")
    return "\n".join(rows)


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/flask-compat", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--write-docs", action="store_true", help="put the tables into the docs")
    names = [suite.name for suite in SUITES]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    parser.add_argument(
        "--side", action="append", choices=(*WAYS, MIGRATED), help="compare this side only"
    )
    options = parser.parse_args(arguments)
    options.complete = not options.only and not options.side
    if options.write_docs and not options.complete:
        parser.error("For the docs, all suites are needed, on all sides.")
    return options


def check_docs(results: Results, *, write: bool) -> bool:
    """Print the tables, and say whether the docs have them; with *write*, they get them."""
    text = wanted = DOCS.read_text()
    for head, suites in TABLES.items():
        rows = table(head, suites, results)
        print(f"\n{rows}")
        wanted, places = in_docs(head).subn(lambda _, rows=rows: rows, wanted)
        assert places == 1, f"{DOCS.name} has to have one table that begins with '{head}'"
    if write:
        DOCS.write_text(wanted)
    return write or text == wanted


def main(arguments: Sequence[str] | None = None) -> int:
    options = options_of(arguments)
    suites = [suite for suite in SUITES if suite.name in (options.only or [suite.name])]
    results = run_all(suites, (FLASK, *(options.side or (*WAYS, MIGRATED))))
    failures = complaints(suites, results)
    if failures:
        print("\nThese pass on Flask and not on Pottle; see .cache/flask-compat/results:")
        print("\n".join(f"    {line}" for line in failures))
    if options.complete and not check_docs(results, write=options.write_docs):
        print(f"\nThe tables in docs/{DOCS.name} are others: scripts/flask-compat --write-docs")
        return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
