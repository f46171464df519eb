"""The arithmetic of the benchmarks: turns, medians, ratios, and what becomes of who fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    for name in ("bench", "bench.measure"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    from bench import measure

    return measure


def series(measure, samples):
    return measure.Series("group", "case", "subject", "us", samples)


def test_a_figure_is_the_median_with_its_quartiles(measure):
    assert measure.figure([3.0]) == measure.Figure(3.0, 3.0, 3.0)
    assert measure.figure([5.0, 1.0, 3.0, 2.0, 4.0]) == measure.Figure(3.0, 2.0, 4.0)


def test_a_ratio_is_taken_round_by_round(measure):
    # In the second round the machine was ten times as slow, for both.
    slow = measure.ratio(series(measure, [2.0, 20.0, 2.0]), series(measure, [1.0, 10.0, 1.0]))
    assert slow == measure.Figure(2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="shorter"):
        measure.ratio(series(measure, [1.0, 2.0]), series(measure, [1.0]))


def test_everyone_has_a_turn_in_each_round_and_each_is_first_once(measure):
    order = []

    def subject(name):
        def sample():
            order.append(name)
            return float(len(order))

        return sample

    found = measure.in_turn(
        {name: subject(name) for name in "abc"}, 3, group="group", case="case", unit="us"
    )
    rounds = ["".join(order[start : start + 3]) for start in range(0, len(order), 3)]
    assert rounds == ["cab", "abc", "bca", "cab"]  # the first one is for warming up
    assert [one.subject for one in found] == ["a", "b", "c"]
    assert [len(one.samples) for one in found] == [3, 3, 3]
    assert found[0].samples == [4.0, 9.0, 11.0]


def test_who_fails_gets_a_note_and_no_figure(measure):
    calls = []

    def breaks():
        calls.append(1)
        if len(calls) == 2:
            raise OSError("port taken")
        return 1.0

    broken, fine = measure.in_turn(
        {"broken": breaks, "fine": lambda: 1.0}, 4, group="group", case="case", unit="us"
    )
    assert (broken.samples, broken.note) == ([], "OSError: port taken")
    assert len(calls) == 2
    assert fine.samples == [1.0] * 4
