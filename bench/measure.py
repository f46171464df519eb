"""What a measurement is: samples of one case for one subject, taken in turn with the others.

The machine's speed changes from minute to minute, so a figure alone says little. Every round measures
all subjects one after the other, and what is reported are ratios within a round: their median, and
the middle half of them as the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass
class Series:
    """The samples of one *subject* in one *case*, one for each round."""

    #: The kind of measurement: "in process", "end to end", "websockets", "streams", "start".
    group: str
    #: What was asked of every subject: "text", "JSON echo".
    case: str
    #: Who was asked: "pottle", "bare", "quart", with the server where it matters ("pottle/uvicorn").
    subject: str
    #: The unit of the samples: "us", "requests/s", "MB/s", "KiB".
    unit: str
    samples: list[float] = field(default_factory=list)
    #: Why there are no samples, or what has to be known about them.
    note: str = ""
    #: Whether a smaller figure is the better one.
    lower_is_better: bool = True

    @property
    def key(self) -> tuple[str, str, str]:
        return self.group, self.case, self.subject


@dataclass(frozen=True)
class Figure:
    """A median, and the quartiles around it."""

    median: float
    low: float
    high: float


def figure(samples: Iterable[float]) -> Figure:
    """The median and the quartiles of *samples*, of which there must be one at least."""
    values = list(samples)
    if len(values) == 1:
        return Figure(values[0], values[0], values[0])
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Figure(median(values), low, high)


def ratio(one: Series, other: Series) -> Figure:
    """How much *one* is of *other*, round by round."""
    return figure(a / b for a, b in zip(one.samples, other.samples, strict=True))


def in_turn(
    measurements: Mapping[str, Callable[[], float]],
    rounds: int,
    *,
    group: str,
    case: str,
    unit: str,
    lower_is_better: bool = True,
) -> list[Series]:
    """Take *rounds* samples of each subject's measurement, in turn, and in turning order.

    Each measurement runs once before, unrecorded. One that raises is left out from then on: its
    series is empty, and its note is the error.
    """
    series = {
        name: Series(group, case, name, unit, lower_is_better=lower_is_better)
        for name in measurements
    }
    names = list(measurements)
    for turn in range(-1, rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            one = series[name]
            if one.note:
                continue
            try:
                sample = measurements[name]()
            except Exception as error:  # a peer that fails must not end the run
                one.samples.clear()
                one.note = f"{type(error).__name__}: {error}"
                continue
            if turn >= 0:
                one.samples.append(sample)
    return list(series.values())
