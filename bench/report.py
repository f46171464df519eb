"""The report of a run: tables for the terminal; a page with charts in a folder of the docs.

`python -m bench.report [FOLDER]` makes the page and the charts again from the results that are there.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bench.results import Results
from bench.tables import Grid, markdown, plain, target_rows
from bench.targets import judge

FOLDER = Path(__file__).resolve().parent.parent / "docs/benchmarks"
RESULTS = "results.json"

INTRODUCTIONS = {
    "in process": """\
The application is called directly, with the headers of a browser and with no server: what a request
costs in the framework. The clock runs on nothing that a server does. BlackSheep, Falcon and others are
partly compiled; bare is an ASGI function that does only what the answer needs.""",
    "end to end": """\
A server on one core, the load on the other. The processor time of the server for one request is the
steadier figure of the two; requests per second are what a client sees.""",
    "websockets": "All on one process of one server, the clients on the other core.",
    "streams": "Server-sent events, uploads and downloads, from one process of one server.",
    "start": """\
The import of the application class, each time in a process of its own, which has begun already.""",
}

PAGE = """\
# Benchmarks

Pottle against other frameworks, each with the same application in its own idiom: `scripts/bench` runs
all of it again. What is measured and why it is fair stands beside the code, in `bench/README.md`.

- Machine: {machine}
- Python: {python}
- Date: {date}{quick}
- Versions: {versions}

Within a round all are measured one after the other. What is shown is the median of the rounds; after it
stands how many times Pottle's figure that is (on the same server, where there are several), the median
of the ratios within the rounds, with the middle half of them. A ratio above 1 is good for Pottle where
less is better (times, memory), and bad for it where more is better (requests, messages, MB per second).

"""


def page(results: Results, charts: dict[str, str]) -> str:
    """The whole page in Markdown; *charts* are file names by group."""
    versions = {**results.packages, **results.tools}
    parts = [
        PAGE.format(
            machine=results.machine,
            python=results.python,
            date=results.date,
            quick=" (a quick run: few and short rounds)" if results.quick else "",
            versions=", ".join(f"{name} {found}" for name, found in versions.items()),
        ),
        "## Targets\n\n",
        markdown(target_rows(judge(results.series))),
    ]
    for group in results.groups:
        grid = Grid(results.of_group(group))
        parts.append(f"\n## {group.capitalize()}\n\n{INTRODUCTIONS.get(group, '')}\n\n")
        if group in charts:
            parts.append(
                f"![{group.capitalize()}: the figures of the table as bars]({charts[group]})\n\n"
            )
        parts.append(markdown(grid.rows(detailed=True)))
        notes = "\n".join(f"- {note}" for note in grid.notes())
        parts.append(f"\n{notes}\n" if notes else "")
    return "".join(parts)


def write(results: Results, folder: Path) -> None:
    """Write the results, the charts and the page into *folder*."""
    from bench.charts import draw

    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / RESULTS)
    charts = {}
    for group in results.groups:
        name = group.replace(" ", "-") + ".svg"
        draw(results.of_group(group), folder / name)
        if (folder / name).exists():
            charts[group] = name
    (folder / "index.md").write_text(page(results, charts))


def terminal(results: Results) -> str:
    """All tables, as wide as the terminal is."""
    width = shutil.get_terminal_size((160, 24)).columns
    parts = [f"{results.machine}\n{results.python}, {results.date}\n"]
    for group in results.groups:
        grid = Grid(results.of_group(group))
        notes = "".join(f"  {note}\n" for note in grid.notes())
        parts.append(f"{group.upper()}\n\n{plain(grid.rows(detailed=False), width)}\n{notes}")
    verdicts = judge(results.series)
    measured = [one for one in verdicts if one.figure]
    if measured:
        parts.append("TARGETS\n\n" + plain(target_rows(measured), width))
    parts.append(f"Targets that were not measured: {len(verdicts) - len(measured)}")
    return "\n".join(parts)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    write(Results.load(folder / RESULTS), folder)


if __name__ == "__main__":
    main()
