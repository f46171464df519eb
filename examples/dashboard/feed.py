"""The one way of a reading: from a device, or a file, into the store, and from there to the hub.

Devices put readings into a queue; a task takes out all that waits there and stores it in one
transaction. The busier it gets, the larger the batches. A full queue makes devices wait.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from .hub import Batch, Hub

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator

    from .readings import Reading
    from .store import Store

log = logging.getLogger(__name__)

QUEUE_SIZE = 1000
BATCH_SIZE = 500


class Feed:
    """Takes readings in and hands them out."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self.store = store
        self.connected: Counter[str] = Counter()
        self._hub = hub
        self._queue: asyncio.Queue[Reading] = asyncio.Queue(QUEUE_SIZE)

    @contextmanager
    def connection(self, device: str) -> Generator[None]:
        """Count *device* as connected within the block."""
        self.connected[device] += 1
        try:
            yield
        finally:
            self.connected[device] -= 1

    async def put(self, reading: Reading) -> None:
        """Take a reading from a device; waits while too many are waiting."""
        await self._queue.put(reading)

    async def insert(self, readings: list[Reading]) -> int:
        """Store *readings*, publish the new ones, and say how many these were."""
        new = await self.store.insert(readings)
        self._hub.publish(new)
        return len(new)

    async def follow(self, after: int | None, limit: int) -> AsyncIterator[Batch]:
        """What came in *after* that id, at most *limit* readings, and then all that comes in."""
        with self._hub.subscribe() as subscription:
            # Subscribed first, so that nothing falls between what was and what comes.
            known = 0
            if after is not None and (missed := await self.store.after(after, limit)):
                known = missed[-1].id
                yield Batch(missed)
            while True:
                readings, lost = await subscription.next()
                if fresh := [reading for reading in readings if reading.id > known]:
                    yield Batch(fresh, lost)

    async def store_what_waits(self) -> None:
        """Empty the queue into the store, batch by batch, for ever."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH_SIZE and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self.insert(batch)
            except sqlite3.Error:  # a full disk, perhaps; the next batch may find room
                log.exception("%d readings could not be stored.", len(batch))
            for _ in batch:
                self._queue.task_done()

    async def drain(self) -> None:
        """Wait until all that was put in is stored."""
        await self._queue.join()


@asynccontextmanager
async def run_feed(store: Store, hub: Hub) -> AsyncGenerator[Feed]:
    """A feed whose task runs within the block; what waits at its end is stored still."""
    feed = Feed(store, hub)
    task = asyncio.create_task(feed.store_what_waits())
    try:
        yield feed
        await feed.drain()
    finally:
        task.cancel()
