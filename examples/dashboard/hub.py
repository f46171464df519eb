"""From one source to many subscribers, none of which can hold up the source or the others.

Each subscriber has a queue with an end. Who is too slow to empty it loses the oldest readings, is
told how many they were, and gets the newest ones, which is what a live chart is about.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator

    from .readings import Reading


class Batch(NamedTuple):
    """What has come in since the last batch, and how many readings before it were lost."""

    readings: list[Reading]
    lost: int = 0


class Subscription:
    """The queue of one subscriber."""

    def __init__(self, limit: int) -> None:
        self._waiting: deque[Reading] = deque(maxlen=limit)
        self._limit = limit
        self._lost = 0
        self._arrived = asyncio.Event()

    def put(self, readings: list[Reading]) -> None:
        """Add *readings*; never waits."""
        self._lost += max(0, len(self._waiting) + len(readings) - self._limit)
        self._waiting.extend(readings)
        self._arrived.set()

    async def next(self) -> Batch:
        """Wait until something is there, and take all of it."""
        await self._arrived.wait()
        self._arrived.clear()
        batch = Batch(list(self._waiting), self._lost)
        self._waiting.clear()
        self._lost = 0
        return batch


class Hub:
    """The subscribers. *limit* is the number of readings that wait for one of them at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._subscriptions: set[Subscription] = set()

    def publish(self, readings: list[Reading]) -> None:
        """Give *readings* to every subscriber there is now; never waits."""
        if readings:
            for subscription in self._subscriptions:
                subscription.put(readings)

    @contextmanager
    def subscribe(self) -> Generator[Subscription]:
        """A subscription to all that is published within the block."""
        subscription = Subscription(self._limit)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
