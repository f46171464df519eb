"""What scripts/compat makes of the reports: a test that passes only on Quart has to be seen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).with_name("extensions")))

import compare
from environments import Pair
from suites import SUITES, Suite

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="passes"/>
<testcase classname="a" name="fails"><failure/></testcase>
<testcase classname="a" name="breaks"/><testcase classname="a" name="breaks"><error/></testcase>
<testcase classname="a" name="is_left_out"><skipped/></testcase>
</testsuite></testsuites>"""
SUITE = Suite("quart-auth", "quart-auth", own=True)
PAIR = Pair("1.0", Path("quart"), Path("pottle"))


def outcome(found: str, passed: str) -> compare.Outcome:
    return compare.Outcome(set(found), set(passed))


def results(quart: compare.Outcome, pottle: compare.Outcome) -> compare.Results:
    return {("quart-auth", "quart-1.0"): quart, ("quart-auth", "pottle-1.0"): pottle}


def test_a_report(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    read = compare.read_report(path)
    assert read.found == {"a::passes", "a::fails", "a::breaks", "a::is_left_out"}
    assert read.passed == {"a::passes"}
    assert str(read) == "1 of 4"
    assert compare.read_report(tmp_path / "none.xml") == compare.Outcome()


@pytest.mark.parametrize(
    ("quart", "pottle", "tests"),
    [
        (outcome("ab", "ab"), outcome("ab", "ab"), []),
        (outcome("ab", "a"), outcome("ab", "ab"), []),
        (outcome("ab", "ab"), outcome("ab", "b"), ["a"]),
        (outcome("ab", "ab"), outcome("", ""), ["a", "b"]),
        (outcome("", ""), outcome("ab", "ab"), ["no test was found"]),
    ],
)
def test_what_is_missing(quart, pottle, tests):
    lines = compare.missing([PAIR], [SUITE], results(quart, pottle))
    assert lines == [f"quart-auth: its own tests, Quart 1.0: {test}" for test in tests]


def test_the_table():
    table = compare.table([PAIR], [SUITE], results(outcome("ab", "ab"), outcome("ab", "b")))
    assert table.splitlines()[0] == "| extension | version | Quart 1.0 | Pottle |"
    assert table.splitlines()[2].endswith(" | 2 | 1 of 2 |")


def test_the_docs_have_a_row_for_each_suite():
    (table,) = compare.IN_DOCS.findall(compare.DOCS.read_text())
    rows = [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:]]
    assert rows == [suite.title for suite in SUITES]


def test_no_name_is_used_twice():
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    assert len({suite.title for suite in SUITES}) == len(SUITES)
