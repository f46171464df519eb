"""The server's side of ASGI, by hand: for what a test client would not do, or would hide."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pottle import Pottle

PATIENCE = 5  # seconds; a test that needs them all has failed


def http_scope(path: str = "/", **changes: Any) -> dict[str, Any]:
    """The least that a server has to tell of a request, with *changes*."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        **changes,
    }


def websocket_scope(path: str = "/", **changes: Any) -> dict[str, Any]:
    """The least that a server has to tell of a websocket, with *changes*."""
    scope = http_scope(path, type="websocket", **changes)
    del scope["method"]
    return scope


def piece(body: bytes, more_body: bool = True) -> dict[str, Any]:
    """One event of a request body."""
    return {"type": "http.request", "body": body, "more_body": more_body}


class Peer:
    """Gives the application the events it was made with and those `put` later; keeps what it sends."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = deque(events)
        self.sent: list[dict[str, Any]] = []
        #: How often the application has called `receive`.
        self.asked = 0
        #: What `send` raises, if anything.
        self.broken: Exception | None = None
        self._changed = asyncio.Event()

    def put(self, *events: dict[str, Any]) -> None:
        self.events.extend(events)
        self._changed.set()

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        while not self.events:
            self._changed.clear()
            await self._changed.wait()
        return self.events.popleft()

    async def send(self, message: dict[str, Any]) -> None:
        if self.broken is not None:
            raise self.broken
        self.sent.append(message)
        self._changed.set()

    async def until_sent(self, count: int) -> None:
        """Wait until the application has sent *count* messages."""
        async with asyncio.timeout(PATIENCE):
            while len(self.sent) < count:
                self._changed.clear()
                await self._changed.wait()

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_complete(self) -> bool:
        """Whether the last message ends the answer."""
        return self.sent[-1]["type"].endswith("body") and not self.sent[-1].get("more_body", False)

    def header(self, name: str) -> str | None:
        found: dict[bytes, bytes] = dict(self.sent[0]["headers"])
        value = found.get(name.lower().encode())
        return None if value is None else value.decode()


async def call(app: Pottle, scope: dict[str, Any], *events: dict[str, Any]) -> Peer:
    """Call the application once and wait for its end."""
    peer = Peer(*events)
    async with asyncio.timeout(PATIENCE):
        await app(scope, peer.receive, peer.send)
    return peer


@asynccontextmanager
async def calling(
    app: Pottle, scope: dict[str, Any], *events: dict[str, Any]
) -> AsyncIterator[Peer]:
    """Call the application in a task; leaving the block waits for its end."""
    peer = Peer(*events)
    task = asyncio.create_task(app(scope, peer.receive, peer.send))
    try:
        yield peer
        async with asyncio.timeout(PATIENCE):
            await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
