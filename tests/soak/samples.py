"""Looks at the serving process: from outside, which always works, and by its own account."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .wire import Target, connected

PATIENCE = 5.0  # seconds that the account may take
#: After so many seconds without an account it is asked where the process is.
SUSPICIOUS = 1.0


@dataclass
class Sample:
    """The process at one moment; what it tells itself is missing where it did not answer."""

    at: float
    rss: float  # MiB
    fds: int
    threads: int
    tasks: int | None = None
    #: The longest that a timer in the process was late since the sample before.
    lag: float | None = None
    violations: dict[str, int] = field(default_factory=dict)
    under_way: dict[str, int] = field(default_factory=dict)


class Observer:
    """Takes samples of the process that answers at the *target*."""

    def __init__(self, target: Target) -> None:
        self.samples: list[Sample] = []
        #: How often the process was asked where it is, since it did not answer.
        self.asked_where = 0
        self.answered_last = self.begun = time.monotonic()
        self._target = target
        self._pid: int | None = None

    async def sample(self) -> Sample:
        account = await self._account()
        found = Sample(time.monotonic() - self.begun, *_from_outside(self._pid))
        if account is not None:
            self.answered_last = time.monotonic()
            found.tasks, found.lag = account["tasks"], account["lag"]
            found.violations, found.under_way = account["violations"], account["under_way"]
        self.samples.append(found)
        return found

    async def keep_sampling(self, interval: float) -> None:
        while True:
            await self.sample()
            await asyncio.sleep(interval)

    async def until(self, holds: Callable[[Sample], bool], seconds: float) -> Sample:
        """Sample until one *holds*, for so many seconds at most; the last one."""
        end = time.monotonic() + seconds
        while True:
            found = await self.sample()
            if holds(found) or time.monotonic() > end:
                return found
            await asyncio.sleep(0.2)

    async def _account(self) -> dict | None:
        """What the process tells of itself, or None."""
        asking = asyncio.create_task(self._ask())
        try:
            done, _ = await asyncio.wait({asking}, timeout=SUSPICIOUS)
            if not done:
                self._ask_where()
                await asyncio.wait({asking}, timeout=PATIENCE - SUSPICIOUS)
        finally:
            asking.cancel()
            (account,) = await asyncio.gather(asking, return_exceptions=True)
        if isinstance(account, BaseException):
            return None
        self._pid = account["pid"]
        return account

    async def _ask(self) -> dict:
        async with connected(self._target) as connection:
            await connection.request("/-/stats", headers="Connection: close\r\n")
            return json.loads((await connection.answer()).body)

    def _ask_where(self) -> None:
        """Have the process print where it is, into its log."""
        if self._pid is not None and self.asked_where < 5:
            try:
                os.kill(self._pid, signal.SIGUSR1)
            except ProcessLookupError:
                return
            self.asked_where += 1


def _from_outside(pid: int | None) -> tuple[float, int, int]:
    """Memory, open files and threads of the process, as the system tells them."""
    folder = Path(f"/proc/{pid}")
    try:
        status = (folder / "status").read_text()
        fds = len(list((folder / "fd").iterdir()))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0, 0, 0
    found = dict(line.split(":", 1) for line in status.splitlines())
    return int(found.get("VmRSS", "0 kB").split()[0]) / 1024, fds, int(found["Threads"])
