"""The queue in front of the classifier: it has an end, and what waits in it is taken in batches.

One call for 32 images takes hardly longer than one call for one. So a request waits a moment for
others, and while the classifier is busy the next batch gathers by itself.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .classifier import Probabilities
    from .images import Image

    Classify = Callable[[list[Image]], Awaitable[list[Probabilities]]]
    Observe = Callable[[int, float], None]

#: How much the last batch counts in the rate that is measured.
NEWEST = 0.2


class BusyError(Exception):
    """The queue is full; there should be room again after so many seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many images are waiting. Try again in {retry_after} s.")
        self.retry_after = retry_after


@dataclass(eq=False)
class _Job:
    images: list[Image]
    since: float
    answer: asyncio.Future[list[Probabilities]]


class Batcher:
    """Calls *classify* with up to *size* images at once, at most *at_once* times at a time.

    A batch that is not full waits *patience* seconds for more. At most *limit* images wait.
    *observe* is told the size and the seconds of each batch.
    """

    def __init__(
        self,
        classify: Classify,
        observe: Observe,
        *,
        size: int,
        patience: float,
        limit: int,
        at_once: int,
    ) -> None:
        self._classify = classify
        self._observe = observe
        self._size = size
        self._patience = patience
        self._limit = limit
        self._at_once = at_once
        self._waiting: list[_Job] = []
        self._running = 0  # images
        self._seconds_per_image = 0.0
        self._arrived = asyncio.Event()
        self._collecting = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many images wait."""
        return sum(len(job.images) for job in self._waiting)

    @property
    def retry_after(self) -> int:
        """Seconds until all that is there now should be done, by the rate of the last batches."""
        return max(1, math.ceil((self.waiting + self._running) * self._seconds_per_image))

    def check_room(self, images: list[Image]) -> None:
        """Raise `BusyError` if there is no room for *images*."""
        if self.waiting + len(images) > self._limit:
            raise BusyError(self.retry_after)

    async def submit(self, images: list[Image]) -> list[Probabilities]:
        """The probabilities of each of *images*, or `BusyError` at once."""
        self.check_room(images)
        loop = asyncio.get_running_loop()
        job = _Job(images, loop.time(), loop.create_future())
        self._waiting.append(job)
        self._arrived.set()
        try:
            return await job.answer
        finally:
            # Still there: its client has left, or its time is over. Nobody needs the answer.
            if job in self._waiting:
                self._waiting.remove(job)

    async def run(self) -> None:
        """Answer what is submitted, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._at_once):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            if not (jobs := await self._collect()):
                continue
            images = [image for job in jobs for image in job.images]
            self._running += len(images)
            began = time.monotonic()
            try:
                answers = iter(await self._classify(images))
            except Exception as error:  # whoever waits for it gets it
                for job in jobs:
                    if not job.answer.done():
                        job.answer.set_exception(error)
            else:
                self._measure(len(images), time.monotonic() - began)
                for job in jobs:
                    own = list(islice(answers, len(job.images)))
                    if not job.answer.done():
                        job.answer.set_result(own)
            finally:
                self._running -= len(images)

    async def _collect(self) -> list[_Job]:
        """Wait for jobs and take as many as a batch may have; none if they went away meanwhile."""
        async with self._collecting:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._waiting[0].since + self._patience):
                    while self.waiting < self._size:
                        self._arrived.clear()
                        await self._arrived.wait()
            jobs: list[_Job] = []
            room = self._size
            while self._waiting and (not jobs or len(self._waiting[0].images) <= room):
                jobs.append(self._waiting.pop(0))
                room -= len(jobs[-1].images)
            return jobs

    def _measure(self, count: int, seconds: float) -> None:
        self._observe(count, seconds)
        now = seconds / count / self._at_once
        before = self._seconds_per_image or now
        self._seconds_per_image = before + NEWEST * (now - before)
