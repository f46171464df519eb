"""What unmodified extensions rely on under the alias; the tests stand in the folder `aliased`."""

from __future__ import annotations

import pytest
from aliased_tests import FOLDER, names_in, outcomes

TESTS = names_in(FOLDER)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return outcomes(FOLDER, tmp_path_factory.mktemp("aliased") / "report.xml")


@pytest.mark.parametrize("name", TESTS)
def test_with_the_alias(found, name):
    assert name in found
    assert found[name] == [], "\n".join(found[name])


def test_all_are_found(found):
    assert set(found) == set(TESTS)
    assert len(TESTS) > 50
