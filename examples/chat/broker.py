"""What carries messages: it gives each its id and hands it to the hub of every process.

A broker is small: `publish` a message, `announce` who is here, `run` beside the requests. This one
is for a single process; `redis_broker` has the one for several.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from .messages import Id, Message

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from .hub import Hub
    from .messages import Draft


class CutOffError(Exception):
    """The message could not be passed on now. Sent again later, with the same key, it will be."""


class Broker(Protocol):
    """Between the processes of a chat."""

    async def publish(self, draft: Draft) -> None:
        """Pass *draft* on. Raises `CutOffError`, and then it may or may not have arrived."""

    def announce(self) -> None:
        """Tell the other processes soon who is connected to this one."""

    def run(self, hub: Hub) -> AbstractAsyncContextManager[None]:
        """Hand to *hub* what is published anywhere, within the block."""
        ...


class MemoryBroker:
    """For one process, which forgets everything when it ends."""

    _hub: Hub

    async def publish(self, draft: Draft) -> None:
        last, now = self._hub.log.last, time.time_ns() // 1_000_000
        id = Id(now, 0) if now > last.at else Id(last.at, last.number + 1)
        self._hub.deliver(Message(id, draft))

    def announce(self) -> None:
        """There is nobody else."""

    @asynccontextmanager
    async def run(self, hub: Hub) -> AsyncGenerator[None]:
        self._hub = hub
        yield
