"""What the application knows of itself: what is open, and what a request found that was not its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pottle import g

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import FrameType

#: A variable of the application's own. Whoever begins has to find the default.
owner: ContextVar[int] = ContextVar("owner", default=0)
#: What must not be, and how often it was.
violations: Counter[str] = Counter()
#: How many exchanges are under way, by their name.
under_way: Counter[str] = Counter()
#: How a line begins that tells where the process is.
HERE = "The process is at"
_numbers = itertools.count(1)
_STEP = 0.02  # seconds
_longest_lag = 0.0


def expect(holds: bool, sentence: str) -> None:
    if not holds:
        violations[sentence] += 1


@contextmanager
def visit(name: str) -> Iterator[int]:
    """One exchange, under a number that has to stay in `g` and in `owner` for as long as it lasts."""
    expect(not list(g), f"{name}: g was not empty at the beginning")
    expect(owner.get() == 0, f"{name}: a ContextVar did not have its default at the beginning")
    number = next(_numbers)
    g.number = number
    owner.set(number)
    under_way[name] += 1
    try:
        yield number
        still_mine(name, number)
    finally:
        under_way[name] -= 1


def still_mine(name: str, number: int) -> None:
    expect(g.get("number") == number, f"{name}: g did not stay its own")
    expect(owner.get() == number, f"{name}: a ContextVar did not stay its own")


@asynccontextmanager
async def watching_the_loop() -> AsyncIterator[None]:
    """Measure how late the event loop comes to a timer."""
    task = asyncio.create_task(_measure_lag())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _measure_lag() -> None:
    global _longest_lag
    while True:
        begun = time.monotonic()
        await asyncio.sleep(_STEP)
        _longest_lag = max(_longest_lag, time.monotonic() - begun - _STEP)


def report() -> dict[str, Any]:
    """The figures now. The lag is the longest since the report before."""
    global _longest_lag
    lag, _longest_lag = _longest_lag, 0.0
    return {
        "pid": os.getpid(),
        "tasks": len(asyncio.all_tasks()),
        "python_threads": threading.active_count(),
        "lag": lag,
        "violations": dict(violations),
        "under_way": {name: count for name, count in under_way.items() if count},
    }


def say_where(number: int, frame: FrameType | None) -> None:
    """A signal handler: one line with the innermost calls of the main thread, the last one first."""
    calls = reversed(traceback.extract_stack(frame)[-8:])
    told = " < ".join(f"{Path(call.filename).name}:{call.lineno} {call.name}" for call in calls)
    sys.stderr.write(f"{HERE} {told}\n")
