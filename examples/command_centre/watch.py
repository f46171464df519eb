"""What operators are shown: what has changed since they were told last.

A watch holds names of things that changed, not events. Ten reports of a device are one name, so a
slow browser gets fewer and larger updates, and what waits for it has an upper limit by itself.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

PAUSE = 0.25  # seconds between two updates of a page


class Watch:
    """One operator's page."""

    def __init__(self) -> None:
        self.devices: set[str] = set()
        self.commands: set[int] = set()
        self._changed = asyncio.Event()

    def mark(self) -> None:
        self._changed.set()

    async def next(self) -> tuple[set[str], set[int]]:
        """Wait until something changes; the ids of the devices and of the commands that have."""
        await self._changed.wait()
        await asyncio.sleep(PAUSE)  # more is about to change
        self._changed.clear()
        changed = self.devices, self.commands
        self.devices, self.commands = set(), set()
        return changed


class Watches:
    """All watches."""

    def __init__(self) -> None:
        self._open: set[Watch] = set()

    def device_changed(self, id: str) -> None:
        for watch in self._open:
            watch.devices.add(id)
            watch.mark()

    def command_changed(self, id: int) -> None:
        for watch in self._open:
            watch.commands.add(id)
            watch.mark()

    @contextmanager
    def open(self) -> Generator[Watch]:
        """A watch that sees all that changes within the block."""
        watch = Watch()
        self._open.add(watch)
        try:
            yield watch
        finally:
            self._open.remove(watch)
