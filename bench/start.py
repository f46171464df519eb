"""What an import costs: time, processor time and memory, each in a process of its own.

The clock starts in the child, so that the start of Python itself does not count; the files are compiled
and in the cache of the system by then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Collection

from bench.measure import Series, in_turn

GROUP = "start"
WALL = "import"
CPU = "import, processor time"
MEMORY = "import, memory"

IMPORTS = {
    "pottle": "from pottle import Pottle",
    "quart": "from quart import Quart",
    "flask": "from flask import Flask",
    "starlette": "from starlette.applications import Starlette",
    "fastapi": "from fastapi import FastAPI",
    "litestar": "from litestar import Litestar",
    "falcon": "from falcon.asgi import App",
}

CHILD = """
from time import perf_counter, process_time

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * {page} / 1024

memory, cpu, wall = resident(), process_time(), perf_counter()
{statement}
wall, cpu, memory = perf_counter() - wall, process_time() - cpu, resident() - memory
print([wall * 1e3, cpu * 1e3, memory])
"""


def run(quick: bool, peers: Collection[str]) -> list[Series]:
    names = [name for name in IMPORTS if name in peers]
    samples: dict[str, list[list[float]]] = {name: [] for name in names}

    def measurement(name: str) -> Callable[[], float]:
        def measure() -> float:
            samples[name].append(import_once(IMPORTS[name]))
            return samples[name][-1][0]

        return measure

    measurements = {name: measurement(name) for name in names}
    rounds = 7 if quick else 25
    found = in_turn(measurements, rounds, group=GROUP, case=WALL, unit="ms") if names else []
    for place, (case, unit) in enumerate([(CPU, "ms"), (MEMORY, "KiB")], start=1):
        for one in found[: len(names)]:
            # The first of them was the unrecorded one.
            values = [] if one.note else [taken[place] for taken in samples[one.subject][1:]]
            found.append(Series(GROUP, case, one.subject, unit, values, one.note))
    return found


def import_once(statement: str) -> list[float]:
    """Milliseconds, milliseconds of processor time and KiB of memory that *statement* takes."""
    import resource

    code = CHILD.format(statement=statement, page=resource.getpagesize())
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    figures: list[float] = json.loads(done.stdout)
    return figures
