"""Charts: one picture for each group, with bars for each of its cases, the best one on top.

The ground is light in any surroundings, and only Pottle has a colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from bench.measure import Series, figure
from bench.tables import UNITS, number

GROUND = "#fbfbf9"
INK = "#2b2b2b"
QUIET = "#6f6f6f"
COLOURS = {"pottle": "#1f6f78", "bare": "#d9d6cc", "bare_rsgi": "#d9d6cc"}
OTHERS = "#a9a79f"

COLUMNS = 3
BAR = 0.24
#: With more subjects than this, only some are drawn; the table has them all.
MOST = 16

STYLE = {
    "font.family": "sans-serif",
    "font.size": 8,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.facecolor": GROUND,
    "figure.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "xtick.color": QUIET,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.bottom": False,
    "axes.edgecolor": "#c9c7be",
    "svg.fonttype": "none",
    # So that the same results give the same file.
    "svg.hashsalt": "bench",
}


def draw(series: Iterable[Series], path: Path) -> None:
    """Write a chart of all cases of *series* to *path*, as SVG."""
    mpl.use("svg")
    from matplotlib import pyplot

    cases: dict[str, list[Series]] = {}
    for one in series:
        if one.samples:
            cases.setdefault(one.case, []).append(one)
    if not cases:
        return
    drawn = {case: _chosen(found) for case, found in cases.items()}
    columns = min(COLUMNS, len(drawn))
    rows = -(-len(drawn) // columns)
    most = max(map(len, drawn.values()))
    height = rows * (0.75 + BAR * most)
    with mpl.rc_context(STYLE):
        picture, axes = pyplot.subplots(
            rows, columns, figsize=(3.7 * columns, height), squeeze=False, layout="constrained"
        )
        places = list(axes.flat)
        for place, (case, found) in zip(places, drawn.items(), strict=False):
            _bars(place, case, found, most)
        for place in places[len(drawn) :]:
            place.set_axis_off()
        picture.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(picture)


def _chosen(found: list[Series]) -> list[Series]:
    """The series of a case from the best to the worst; each peer on its best server if many."""
    ordered = sorted(
        found, key=lambda one: figure(one.samples).median, reverse=not found[0].lower_is_better
    )
    if len(ordered) <= MOST:
        return ordered
    best: dict[str, Series] = {}
    for one in ordered:
        best.setdefault(one.subject.partition("/")[0], one)
    return list(best.values())


def _bars(place: mpl.axes.Axes, case: str, found: list[Series], most: int) -> None:
    """Draw a case in *place*, which has room for *most* bars."""
    figures = [figure(one.samples) for one in found]
    names = [one.subject for one in found]
    colours = [COLOURS.get(name.partition("/")[0], OTHERS) for name in names]
    longest = max(one.high for one in figures) or 1
    heights = range(len(found))
    place.barh(heights, [one.median for one in figures], color=colours, height=0.68)
    for height, one in zip(heights, figures, strict=True):
        place.plot([one.low, one.high], [height, height], color=INK, linewidth=0.8)
        place.text(
            max(one.high, one.median) + longest * 0.02,
            height,
            number(one.median),
            va="center",
            fontsize=7.5,
        )
    place.set_yticks(heights, names)
    place.tick_params(axis="both", length=0)
    place.set_xticks([])
    place.set_xlim(0, longest * 1.15)
    place.set_ylim(most - 0.4, -0.6)
    unit = UNITS.get(found[0].unit, found[0].unit)
    better = "less is better" if found[0].lower_is_better else "more is better"
    place.set_title(_wrapped(case), loc="left", fontsize=9, fontweight="bold")
    place.set_xlabel(f"{unit}, {better}", loc="left", fontsize=7)


def _wrapped(title: str, width: int = 36) -> str:
    from textwrap import fill

    return fill(title, width)
