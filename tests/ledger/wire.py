"""One connection as a server sees it, for the checks of the ledger.

It knows ASGI and neither Quart nor Pottle, and it behaves as servers do: it always lets other tasks run, delivers
the disconnect once the answer is complete, and answers a bare 500 for an application that raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

Event = dict[str, Any]


class Wire:
    """Gives the application *events* when it asks, then those that are `put`; keeps what it sends."""

    def __init__(self, kind: str, events: Iterable[Event]) -> None:
        self.kind = kind
        self.sent: list[Event] = []
        #: How many events the application has taken.
        self.pulled = 0
        #: What the application raised, which a server would log.
        self.error: Exception | None = None
        self.task: asyncio.Task[None]
        self._events = iter(events)
        self._later: asyncio.Queue[Event] = asyncio.Queue()
        self._changed = asyncio.Event()

    def put(self, *events: Event) -> None:
        for event in events:
            self._later.put_nowait(event)

    def leave(self, **details: Any) -> None:
        """Say that the client has gone."""
        self.put({"type": f"{self.kind}.disconnect", **details})

    async def receive(self) -> Event:
        await asyncio.sleep(0)
        event = next(self._events, None)
        if event is None:
            event = await self._later.get()
        self.pulled += 1
        return event

    async def send(self, message: Event) -> None:
        await asyncio.sleep(0)
        self.sent.append(message)
        self._changed.set()
        if self.complete or message["type"] == "websocket.close":
            self.leave(code=message.get("code", 1000))

    async def until(self, reached: Callable[[], Any]) -> None:
        """Wait until *reached()* is true; it is asked after each message."""
        while not reached():
            self._changed.clear()
            await self._changed.wait()

    async def call(self, app: Any, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self.receive, self.send)
        except Exception as error:
            self.error = error
            self._changed.set()

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.sent]

    @property
    def status(self) -> int:
        """What the client gets; a server answers for an application that raised before it began."""
        return self.sent[0]["status"] if self.sent else 500

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def headers(self) -> dict[str, str]:
        found = self.sent[0]["headers"] if self.sent else ()
        return {name.decode().lower(): value.decode() for name, value in found}

    @property
    def complete(self) -> bool:
        """Whether the application has ended its answer, which it does not when it breaks off."""
        return any(
            message["type"] == "http.response.pathsend"
            or (message["type"].endswith("response.body") and not message.get("more_body"))
            for message in self.sent
        )

    @property
    def code(self) -> int | None:
        """The close code of a websocket."""
        closed = [message for message in self.sent if message["type"] == "websocket.close"]
        return closed[0].get("code", 1000) if closed else None


def scope_of(kind: str, path: str, headers: dict[str, str], changes: Event) -> dict[str, Any]:
    path, _, query = path.partition("?")
    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in {"host": "localhost", **headers}.items()
        ],
        "client": ("127.0.0.1", 4000),
        "server": ("localhost", 80),
        "extensions": {},
        **changes,
    }
    if kind == "http":
        scope.setdefault("method", "GET")
    else:
        scope.setdefault("subprotocols", [])
    return scope


def pieces(chunks: Iterable[bytes]) -> Iterator[Event]:
    """A request body that arrives in *chunks*; made as it is asked for."""
    for chunk in chunks:
        yield {"type": "http.request", "body": chunk, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}


@contextlib.asynccontextmanager
async def connect(
    app: Any,
    path: str = "/",
    events: Iterable[Event] = (),
    *,
    kind: str = "http",
    headers: dict[str, str] | None = None,
    **changes: Any,
) -> AsyncIterator[Wire]:
    """Call the application in a task; it is cancelled at the end of the block."""
    wire = Wire(kind, events)
    scope = scope_of(kind, path, headers or {}, changes)
    wire.task = task = asyncio.create_task(wire.call(app, scope))
    try:
        yield wire
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=1)


async def ask(app: Any, path: str = "/", body: Iterable[bytes] = (), **options: Any) -> Wire:
    """Send a request, without content length, and wait for the end of the answer."""
    async with connect(app, path, pieces(body), **options) as wire:
        await asyncio.wait({wire.task})
    return wire


def dial(app: Any, path: str = "/", *messages: Event, **options: Any) -> Any:
    """Open a websocket that sends *messages* at once."""
    hello: list[Event] = [{"type": "websocket.connect"}]
    return connect(app, path, [*hello, *messages], kind="websocket", **options)


def text(message: str) -> Event:
    return {"type": "websocket.receive", "text": message}


def live(app: Any) -> Any:
    """Start the application as a server does; the wire takes `lifespan.shutdown` later."""
    return connect(app, "/", [{"type": "lifespan.startup"}], kind="lifespan")


class Records(logging.Handler):
    """What an application logs as an error."""

    def __init__(self, app: Any) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        app.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def on_quart(
    *, fails_on: tuple[str, ...] = ("0.21", "0.23"), error: str = "AssertionError", why: str = ""
) -> Callable[[Any], Any]:
    """Say how a check fares on Quart, unless it fails its assertion on every version.

    Args:
        fails_on: The versions that it fails on; on the others it passes.
        error: What it fails with; one of several, separated by commas.
        why: A remark on that.

    Only `test_ledger` reads it, from the source: the checks are never imported there.
    """
    return lambda check: check
