"""Tables of figures: for the terminal, and in Markdown.

A group is one table of cases and subjects; whichever are more stand in the rows. Beside each figure is
what it is of Pottle's, on the same server where there are servers, and the middle half of that.
"""

from __future__ import annotations

from collections.abc import Iterable

from bench.measure import Figure, Series, figure, ratio
from bench.targets import Verdict

UNITS = {"us": "µs"}
TIMES = "\N{MULTIPLICATION SIGN}"
#: An empty cell.
MISSING = "\N{EN DASH}"


def number(value: float) -> str:
    """Three digits, and no more than the figure is worth."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(one: Figure) -> str:
    return f"{number(one.median)} ({number(one.low)} to {number(one.high)})"


class Grid:
    """The series of one group, to be found by case and subject."""

    def __init__(self, series: Iterable[Series]) -> None:
        self.series = {(one.case, one.subject): one for one in series}
        self.subjects = list(dict.fromkeys(subject for _, subject in self.series))
        # A case that nobody could be measured in is only in the notes.
        self.cases = list(dict.fromkeys(c for (c, _), one in self.series.items() if one.samples))

    def pottle(self, case: str, subject: str) -> Series | None:
        """What *subject* is compared with: Pottle on the same server, or on its best one."""
        _, _, server = subject.partition("/")
        same = self.series.get((case, f"pottle/{server}" if server else "pottle"))
        if same is not None and same.samples:
            return same
        others = [
            one
            for (found, name), one in self.series.items()
            if found == case and name.partition("/")[0] == "pottle" and one.samples
        ]
        if not others:
            return None
        choose = min if others[0].lower_is_better else max
        return choose(others, key=lambda one: figure(one.samples).median)

    def compared(self, case: str, subject: str) -> tuple[Figure, Figure | None] | None:
        """The figure of a cell, and its ratio to Pottle's, which has none itself."""
        one = self.series.get((case, subject))
        if one is None or not one.samples:
            return None
        pottle = self.pottle(case, subject)
        if pottle is None or pottle is one or len(pottle.samples) != len(one.samples):
            return figure(one.samples), None
        return figure(one.samples), ratio(one, pottle)

    def label(self, case: str) -> str:
        unit = next(one.unit for (found, _), one in self.series.items() if found == case)
        return f"{case} ({UNITS.get(unit, unit)})"

    def rows(self, *, detailed: bool) -> list[list[str]]:
        def cell(case: str, subject: str) -> str:
            found = self.compared(case, subject)
            if found is None:
                return MISSING
            value, share = found
            if share is None:
                return spread(value) if detailed else number(value.median)
            if not detailed:
                return f"{number(value.median)}, {number(share.median)}{TIMES}"
            return f"{number(value.median)}, {spread(share).replace(' ', TIMES + ' ', 1)}"

        labels = [self.label(case) for case in self.cases]
        if len(self.subjects) > len(self.cases):
            heads = ["", *labels]
            body = [[s, *(cell(case, s) for case in self.cases)] for s in self.subjects]
        else:
            heads = ["", *self.subjects]
            body = [
                [label, *(cell(case, s) for s in self.subjects)]
                for case, label in zip(self.cases, labels, strict=True)
            ]
        return [heads, *body]

    def notes(self) -> list[str]:
        """Who could not be measured in what, and what has to be known about the others."""
        told: dict[tuple[str, str], list[str]] = {}
        for (case, subject), one in self.series.items():
            if one.note:
                told.setdefault((subject, one.note), []).append(case)
        everything = len({case for case, _ in self.series})
        lines = []
        for (subject, note), cases in told.items():
            where = "" if len(cases) > everything / 2 else f" ({'; '.join(cases)})"
            lines.append(f"{subject}{where}: {' '.join(note.split())}")
        return lines


def markdown(rows: list[list[str]]) -> str:
    heads, *body = rows
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def plain(rows: list[list[str]], width: int) -> str:
    """*rows* for the terminal; columns that do not fit into *width* stand below."""
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    blocks, columns, used = [], [], widths[0]
    for place in range(1, len(widths)):
        if columns and used + widths[place] > width:
            blocks.append(columns)
            columns, used = [], widths[0]
        columns.append(place)
        used += widths[place]
    blocks.append(columns)
    return "\n".join(_block(rows, widths, block) for block in blocks)


def _block(rows: list[list[str]], widths: list[int], columns: list[int]) -> str:
    lines = []
    for cells in rows:
        shown = "".join(cells[place].rjust(widths[place]) for place in columns)
        lines.append(cells[0].ljust(widths[0]) + shown)
    return "\n".join(lines) + "\n"


def target_rows(verdicts: Iterable[Verdict]) -> list[list[str]]:
    rows = [["target", "wanted", "figure", ""]]
    for one in verdicts:
        reached = spread(one.figure) if one.figure else MISSING
        rows.append([one.target.measure, one.target.wanted, reached, one.word])
    return rows
