"""Samples that give several figures at once, such as messages per second and what one of them costs.

`bench.measure.in_turn` is for measurements with one figure; the rules are the same here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.measure import Series


@dataclass(frozen=True)
class Metric:
    """One of the figures of a sample."""

    case: str
    unit: str
    lower_is_better: bool = True


#: One sample: a figure for each metric, or the reason why that one has none.
Figures = Sequence[float | Exception]


def take_turns(
    group: str,
    metrics: Sequence[Metric],
    subjects: Sequence[str],
    sample: Callable[[str], Figures],
    rounds: int,
    note: str = "",
) -> list[Series]:
    """Call *sample* for each subject in *rounds* rounds, in an order that turns from round to round.

    A subject whose sample raises is left out from then on, with the error for a note. *note* is for
    all the others.
    """
    table = {
        subject: [
            Series(group, metric.case, subject, metric.unit, [], "", metric.lower_is_better)
            for metric in metrics
        ]
        for subject in subjects
    }
    for turn in range(rounds):
        shift = turn % max(1, len(subjects))
        for subject in [*subjects[shift:], *subjects[:shift]]:
            if not all(one.note for one in table[subject]):
                _record(table[subject], sample, subject)
    for series in table.values():
        for one in series:
            one.note = one.note or note
    return [table[subject][i] for i in range(len(metrics)) for subject in subjects]


def _record(series: list[Series], sample: Callable[[str], Figures], subject: str) -> None:
    figures: Figures
    try:
        figures = sample(subject)
    except Exception as error:  # a peer that fails must not end the run
        figures = [error] * len(series)
    for one, value in zip(series, figures, strict=True):
        if isinstance(value, Exception):
            one.samples.clear()
            one.note = f"{type(value).__name__}: {value}"
        elif not one.note:
            one.samples.append(value)
