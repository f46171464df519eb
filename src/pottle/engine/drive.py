"""Driving a view: step by step, so that a client that leaves meanwhile is noticed.

A view that never suspends is over before anybody looks; the first step is taken without any of this.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any

from .inbox import Inbox


# PERF: a generator and no class, which would be one more object for each websocket (bench: memory).
@types.coroutine
def drive_on(
    coroutine: Coroutine[Any, Any, Any], waiting: Any, inbox: Inbox
) -> Generator[Any, Any, Any]:
    """The rest of *coroutine*, whose first step has suspended, with an eye on the client.

    Awaiting it gives what the coroutine returns. When the client leaves meanwhile, the coroutine is
    cancelled: it sees `ClientDisconnected` (`WebsocketDisconnect`) where it waits.
    """
    inbox.task = asyncio.current_task()
    try:
        while True:
            inbox.suspended = True
            if inbox.reading:
                if inbox.timeout is not None and inbox.deadline is None:
                    inbox.limit()
            elif inbox.interrupt and inbox.sweep is None and inbox.watcher is None:
                inbox.enter_sweep()
            try:
                value = yield waiting
            except BaseException as error:
                inbox.suspended = False
                if isinstance(error, asyncio.CancelledError):
                    error = inbox.take_cancellation() or error
                waiting = coroutine.throw(error)
            else:
                inbox.suspended = False
                waiting = coroutine.send(value)
    except StopIteration as done:
        return done.value
    finally:
        inbox.suspended = False


async def drive(coroutine: Coroutine[Any, Any, Any], inbox: Inbox) -> Any:
    """Await *coroutine*, watching for the client's leaving once it suspends."""
    try:
        waiting = coroutine.send(None)
    except StopIteration as done:
        return done.value
    return await drive_on(coroutine, waiting, inbox)
