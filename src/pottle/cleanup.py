"""A clean-up of several steps within one time: none of them keeps the others from running."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from .errors import ErrorCollector
from .stacks import busy_threads, name_of, place_of_task
from .threads import POOL

_NOT_IN_TIME = "was cancelled at shutdown, because it did not end in its time"

#: What is run, and the function to name if it does not end.
Step = tuple[Callable[[], Awaitable[Any]], Callable[..., Any]]


class CleanUp:
    """Runs *steps* one after the other until *end*, a time of `time.monotonic`.

    A step gets half of what is left, the last one all of it, and is cancelled then. One that does not
    heed its cancellation within *patience* seconds is left behind, and the others run in another
    task. *overdue* is called with a sentence about each of those. What the steps raise is collected in
    *errors*; *done* is set when all have run.
    """

    def __init__(
        self,
        steps: list[Step],
        end: float,
        patience: float,
        errors: ErrorCollector,
        overdue: Callable[[str], None],
        done: asyncio.Event,
    ) -> None:
        self._steps = deque(steps)
        self._end = end
        self._patience = patience
        self._errors = errors
        self._overdue = overdue
        self._owner: asyncio.Task[Any] | None = None
        self._successor: asyncio.Task[Any] | None = None
        self._done = done

    async def run(self) -> None:
        """Run the steps that are left, in this task as far as it gets."""
        owner = asyncio.current_task()
        assert owner is not None
        self._owner = owner
        while self._steps and self._owner is owner:
            await self._run_next(owner)
        if self._owner is owner:
            self._done.set()

    async def _run_next(self, task: asyncio.Task[Any]) -> None:
        loop = asyncio.get_running_loop()
        call, function = self._steps.popleft()
        left = max(self._end - time.monotonic(), 0)
        share = left / 2 if self._steps else left
        timers = (
            loop.call_later(share, self._say, share, task, function),
            loop.call_later(share + self._patience, self._take_over, task, function),
        )
        try:
            with self._errors:
                limit = asyncio.timeout(share)
                try:
                    async with limit:
                        await call()
                except TimeoutError as error:
                    if not limit.expired():
                        raise
                    raise TimeoutError(f"{name_of(function)} {_NOT_IN_TIME}") from error
        finally:
            for timer in timers:
                timer.cancel()

    def _say(self, share: float, task: asyncio.Task[Any], function: Callable[..., Any]) -> None:
        place = place_of_task(task) or next(iter(busy_threads(POOL)), None)
        where = f" It was at {place}." if place is not None else ""
        self._overdue(f"{name_of(function)} {_NOT_IN_TIME}: {share:.3g} seconds.{where}")

    def _take_over(self, task: asyncio.Task[Any], function: Callable[..., Any]) -> None:
        self._overdue(
            f"{name_of(function)} did not end when it was cancelled at shutdown, and is left behind."
        )
        if self._owner is task:
            self._successor = asyncio.get_running_loop().create_task(self.run())
