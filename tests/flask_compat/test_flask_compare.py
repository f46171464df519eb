"""What scripts/flask-compat makes of the results: a test that passes only on Flask has to be seen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import flask_compare
from flask_runs import CONSTRAINTS, Results, pinned
from flask_suites import FLASK, KNOWN, SUITES, WAYS, Known, Suite
from reports import Outcome

HERE = Path(__file__).parent
SUITE = Suite("Flask-Tea")
KNOWN_A = Known("flask-tea", "a*", "Tea is hot.")


def outcome(found: str, passed: str) -> Outcome:
    return Outcome(set(found.split()), set(passed.split()))


def results(theirs: str, **ours: str) -> Results:
    """The outcomes of `SUITE`: of two tests, those that passed on Flask, and in each way."""
    passed = {FLASK: theirs} | {way: ours.get(way, "a1 b") for way in WAYS}
    return {("flask-tea", side): outcome("a1 b", tests) for side, tests in passed.items()}


def complaints(found: Results, *known: Known) -> list[str]:
    return flask_compare.complaints([SUITE], found, known)


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (results("a1 b"), []),
        (results("a1", auto="a1"), []),
        (results("a1 b", thread="a1"), ["thread: b"]),
        (results("a1 b", auto="", greenlet="b"), ["auto: a1", "auto: b", "greenlet: a1"]),
    ],
)
def test_what_passes_on_flask_only(found, lines):
    assert complaints(found) == [f"Flask-Tea: its own tests, {line}" for line in lines]


def test_a_suite_that_shows_nothing():
    assert complaints(results("")) == ["Flask-Tea: its own tests: no test passes on Flask"]


def test_what_is_known_is_no_complaint():
    found = results("a1 b", auto="b", thread="b", greenlet="b")
    assert complaints(found, KNOWN_A) == []
    found["flask-tea", "auto"].passed.clear()
    assert complaints(found, KNOWN_A) == ["Flask-Tea: its own tests, auto: b"]


def test_what_is_known_has_to_fail():
    (line,) = complaints(results("a1 b", auto="b", thread="b"), KNOWN_A)
    assert line == "Flask-Tea: its own tests, greenlet: known to fail, but passes: a*"
    in_auto = Known("flask-tea", "a*", "Tea is hot.", sides=("auto",))
    assert complaints(results("a1 b", auto="b"), in_auto) == []


def test_many_are_not_all_listed():
    many = " ".join(map(str, range(30)))
    found = {("flask-tea", side): outcome(many, many) for side in (FLASK, *WAYS)}
    found["flask-tea", "auto"].passed.clear()
    lines = complaints(found)
    assert len(lines) == flask_compare.MOST_LISTED + 1
    assert lines[-1] == "Flask-Tea: its own tests, auto: and 10 more"


def test_what_is_written_into_the_docs_is_found_there_again():
    suite = Suite("Flask-Moment")
    sides = (FLASK, *WAYS)
    found = {("flask-moment", side): outcome("a b", "a b") for side in sides}
    found["flask-moment", "auto"].passed.discard("a")
    known = [Known("flask-moment", "a", "Why.", ("auto",)), Known("flask-moment", "b", "Why not.")]
    for entries in (known, []):
        rows = flask_compare.table("tea", [suite], found, entries)
        assert rows.splitlines()[2].endswith(" | 2 | 1 of 2 | 2 | 2 |")
        assert rows.count("\n- ") == len(entries)
        page = f"# Title\n\n{rows}\n\n## Next\n\n- a list\n"
        assert flask_compare.in_docs("tea").sub("", page) == "# Title\n\n\n\n## Next\n\n- a list\n"


@pytest.mark.parametrize("head", flask_compare.TABLES)
def test_the_docs_have_a_row_for_each_suite(head):
    (table,) = flask_compare.in_docs(head).findall(flask_compare.DOCS.read_text())
    suites = flask_compare.TABLES[head]
    lines = [line for line in table.splitlines()[2:] if line.startswith("|")]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in lines]
    assert rows == [suite.title for suite in suites]
    known = [entry for entry in KNOWN if entry.suite in {suite.name for suite in suites}]
    assert table.count("\n- ") == len(known)


def test_the_data_fit_together():
    names = [suite.name for suite in SUITES]
    assert len(set(names)) == len(names)
    sides = {suite.name: set(suite.sides) for suite in SUITES}
    assert all(set(entry.sides) <= sides[entry.suite] for entry in KNOWN)
    listed = {suite.distribution.lower() for suite in SUITES if not suite.version}
    assert listed <= set(pinned(CONSTRAINTS))
    scenarios = {file.stem.removeprefix("with_") for file in HERE.glob("scenarios/with_*.py")}
    assert scenarios == {suite.scenario for suite in SUITES if suite.scenario}
