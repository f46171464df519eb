"""Runs the measurements: `python -m bench --help`, from the root of the project."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import traceback
from pathlib import Path

from bench import report
from bench.measure import Series
from bench.peers import NAMES
from bench.results import results_of

# Quart brings Flask with it. An application on Pottle that knows of neither has no bridge to it.
os.environ.setdefault("POTTLE_FLASK_BRIDGE", "0")

#: What has been measured so far, should a run be broken off.
LAST = Path(".cache/bench/last.json")
#: The groups by name; each module has `run(quick, peers)`.
GROUPS = ("start", "in_process", "end_to_end", "sockets", "streams")


def names(known: tuple[str, ...]):
    """The type of an option that takes some of the *known* names, with commas between them."""

    def parse(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",")]
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
        return [name for name in known if name in chosen]

    return parse


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure Pottle against its peers. A full run takes about forty minutes and "
        "writes docs/benchmarks; a quick one takes ten minutes at most and prints its tables only.",
    )
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument(
        "--only",
        type=names(GROUPS),
        default=list(GROUPS),
        metavar="GROUP,…",
        help=f"some of: {', '.join(GROUPS)}; prints the tables only",
    )
    parser.add_argument(
        "--peers",
        type=names(NAMES),
        default=list(NAMES),
        metavar="NAME,…",
        help=f"some of: {', '.join(NAMES)}; prints the tables only",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to write the page, the charts, the data"
    )
    return parser.parse_args()


def tell(text: str) -> None:
    """Say how far it is, beside the tables."""
    sys.stderr.write(text)
    sys.stderr.flush()


def measure(chosen: argparse.Namespace) -> tuple[list[Series], list[str]]:
    """All that could be measured, and the groups that ended in an error, which is shown."""
    found: list[Series] = []
    failed: list[str] = []
    for name in chosen.only:
        start = time.monotonic()
        tell(f"{name} ... ")
        try:
            found += importlib.import_module(f"bench.{name}").run(chosen.quick, chosen.peers)
        except Exception:  # the other groups are worth having
            traceback.print_exc()
            failed.append(name)
        tell(f"{time.monotonic() - start:.0f} s\n")
        LAST.parent.mkdir(parents=True, exist_ok=True)
        results_of(found, quick=chosen.quick).save(LAST)
    return found, failed


def main() -> None:
    chosen = options()
    found, failed = measure(chosen)
    results = results_of(found, quick=chosen.quick)
    sys.stdout.write(report.terminal(results) + "\n")
    if failed:
        sys.exit(f"Not measured, for the errors above: {', '.join(failed)}. The rest is in {LAST}.")
    whole = len(chosen.only) == len(GROUPS) and len(chosen.peers) == len(NAMES)
    folder = chosen.out or (report.FOLDER if whole and not chosen.quick else None)
    if folder:
        report.write(results, folder)
        tell(f"Written: {folder}\n")


if __name__ == "__main__":
    main()
