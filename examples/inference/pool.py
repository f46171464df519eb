"""The processes that run the classifier, and a new pool of them when one was lost."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from pottle import run_sync

from .classifier import Probabilities, Sample, classify, prepare, unseen_samples

if TYPE_CHECKING:
    from .images import Image

log = logging.getLogger(__name__)

PAUSE = 5.0  # seconds before the next attempt, where the processes end before they are ready
ATTEMPTS = 2


class ModelLostError(Exception):
    """Each process that was given these images has ended."""


class ModelPool:
    """*processes* with a classifier of so many *trees* each; nothing happens until `run`."""

    def __init__(self, processes: int, trees: int) -> None:
        self.restarts = 0
        self.samples: list[Sample] = []
        self._processes = processes
        self._trees = trees
        self._executor: ProcessPoolExecutor | None = None
        self._usable = asyncio.Event()
        self._lost = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether the classifier is there."""
        return self._usable.is_set()

    async def classify(self, images: list[Image]) -> list[Probabilities]:
        """The probabilities of each image; waits while the processes are being started."""
        for _ in range(ATTEMPTS):
            await self._usable.wait()
            executor = self._executor
            assert executor is not None
            try:
                return await asyncio.wrap_future(executor.submit(classify, images))
            except BrokenProcessPool:
                # All that was under way in this pool fails with it, and only the first one tells.
                if executor is self._executor:
                    self._forget()
        raise ModelLostError(
            "The classifier's process has ended twice while it looked at these images."
        )

    async def run(self) -> None:
        """Keep the processes running, until cancelled."""
        while True:
            began = time.monotonic()
            # Not fork: this process has threads, and a fork would copy their locks as they stand.
            executor = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=prepare,
                initargs=(self._trees,),
            )
            try:
                self.samples = await run_sync(self._start)(executor)
                log.info("The model is ready after %.1f s.", time.monotonic() - began)
                self._executor = executor
                self._lost.clear()
                self._usable.set()
                await self._lost.wait()
                log.error("A process of the model has ended unexpectedly. Starting new ones.")
            except (BrokenProcessPool, OSError):
                log.error("The model's processes do not start. Next attempt in %.0f s.", PAUSE)
                await asyncio.sleep(PAUSE)
            finally:
                self._forget()
                await run_sync(executor.shutdown)(cancel_futures=True)
            self.restarts += 1

    def _start(self, executor: ProcessPoolExecutor) -> list[Sample]:
        """Have all processes started, and wait for the first; in a thread, since it takes a while."""
        for _ in range(self._processes):
            executor.submit(os.getpid)
        return executor.submit(unseen_samples).result()

    def _forget(self) -> None:
        self._executor = None
        self._usable.clear()
        self._lost.set()
