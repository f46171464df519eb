"""Every case on Quart and on Pottle: the same, or different exactly as the case and the docs say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import quart_env

from .case import Case
from .compare import Records, all_cases, differences, is_declared, record

CASES = all_cases()
DOCS = " ".join((Path(__file__).parents[2] / "docs" / "differences.md").read_text().split())


@pytest.fixture(scope="session")
def records(request: pytest.FixtureRequest) -> tuple[Records, Records]:
    return record(CASES, request.config.getoption("full_lane"))


@pytest.mark.timeout(400)  # the first one waits for all
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_parity(case: Case, records: tuple[Records, Records]) -> None:
    quart, pottle = (side[case.id] for side in records)
    declared = case.difference(quart_env.quart_version())
    found = differences(quart, pottle)
    assert is_declared(found, declared), (
        f"differs: {found}\ndeclared: {declared}\nQuart: {quart}\nPottle: {pottle}"
    )
    # A case that fails on both sides alike compares nothing.
    assert found or "while" not in quart[0], quart


@pytest.mark.parametrize("case", [case for case in CASES if case.differs], ids=lambda case: case.id)
def test_differences_are_documented(case: Case) -> None:
    for declared in case.differs:
        assert declared.pottle, "nothing is said to differ"
        ledger = re.fullmatch(r"ledger (\d+)", declared.why)
        if ledger:
            assert re.search(rf"\[(\d+, )*{ledger[1]}(, \d+)*\]", DOCS)
        else:
            assert declared.why in DOCS
