"""`scripts/soak`: runs the test, prints what it found, and says by the exit code whether all was met."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import resource
import sys
from pathlib import Path

from . import verdict
from .load import KINDS, chosen
from .run import run

#: Where the log of the server is left.
LOG = Path(".cache/soak.log")


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(";") if name.strip()]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Serve an application, bring mixed traffic to it, and say what it did not bear.",
        epilog="NAMES are separated by semicolons; 'never-suspending' stands for all clients of "
        "sources that never wait. The kinds of client are: " + "; ".join(KINDS) + ".",
    )
    parser.add_argument("seconds", nargs="?", type=float, default=300.0, help="300 by default")
    parser.add_argument("--server", choices=["uvicorn", "granian", "hypercorn"], default="uvicorn")
    parser.add_argument("--only", type=names, default=[], metavar="NAMES", help="only these kinds")
    parser.add_argument(
        "--without", type=names, default=[], metavar="NAMES", help="all kinds but these"
    )
    return parser.parse_args(arguments)


def main() -> None:
    asked = options()
    try:
        kinds = chosen(asked.only, asked.without)
    except ValueError as error:
        sys.exit(str(error))
    # Every wait has its time-out. Should one be missing, this ends the program and says where.
    faulthandler.dump_traceback_later(asked.seconds + 180, exit=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    print(f"{asked.seconds:g} s, {len(kinds)} kinds of client, {asked.server}", flush=True)
    found = asyncio.run(run(asked.seconds, kinds, asked.server))
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("\n".join(found.log))
    print(verdict.report(found))
    print(f"    all of it: {LOG}\n")
    missed = verdict.all_of(found)
    for sentence in missed:
        print(f"NOT MET: {sentence}")
    if missed:
        sys.exit(1)
    print("All was met.")


if __name__ == "__main__":
    main()
