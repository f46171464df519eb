"""Event loops for callers that have none: of a WSGI server, of Flask's test client.

Each thread that calls keeps one of its own, which works for its calls and for nobody else.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, Protocol, TypeVar

from ...sync import find_world, is_loop_running

T = TypeVar("T")


class Caller(Protocol):
    """Whoever waits for asynchronous code, in whatever way."""

    def wait(self, coroutine: Coroutine[Any, Any, T], /) -> T: ...


def find_caller() -> Caller:
    """How the code that calls this can wait.

    By its world, where an event loop has set it going; else with the loop of its thread; on a thread
    whose loop is running, which cannot wait for itself, by another thread.
    """
    world = find_world()
    if world is not None and world.direct:
        return world
    return Elsewhere() if is_loop_running() else Own()


class Own:
    """Waits by the event loop that the calling thread keeps."""

    def wait(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        loop = _loops.own
        if loop is None or loop.is_closed():
            loop = _loops.own = asyncio.new_event_loop()
        return loop.run_until_complete(loop.create_task(coroutine, context=copy_context()))


class Elsewhere:
    """Waits for an event loop in a thread of its own."""

    def wait(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, _background_loop()).result()


class _Loops(threading.local):
    own: asyncio.AbstractEventLoop | None = None


_loops = _Loops()
_background: asyncio.AbstractEventLoop | None = None


def _background_loop() -> asyncio.AbstractEventLoop:
    global _background
    if _background is None:
        _background = asyncio.new_event_loop()
        threading.Thread(target=_background.run_forever, daemon=True, name="pottle-wsgi").start()
    return _background
