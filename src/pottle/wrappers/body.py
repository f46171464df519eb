"""The body of a request: pulled from the server piece by piece, only when it is asked for.

Limits are enforced here, where every way of reading passes: at the first byte over
``max_content_length`` reading ends with 413, after ``timeout`` seconds without a byte with 408.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Generator
from typing import Any, NoReturn, Protocol

from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from ..errors import BodyConsumedError, ContextError, RequestCancelled
from ..typing import Event


class Source(Protocol):
    """Where events come from: see `pottle.engine.inbox.Inbox`."""

    def receive(self, timeout: float | None = None) -> Awaitable[Event]: ...

    async def raise_disconnect(self, reason: str = "", code: int | None = None) -> NoReturn: ...


class Fed:
    """A source that somebody puts events into; one that is not *patient* is at its end until then."""

    def __init__(self, *, patient: bool = True) -> None:
        self._patient = patient
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()

    def feed(self, event: Event) -> None:
        """Have *event* received after those that wait already."""
        self._patient = True
        self._events.append(event)
        self._arrived.set()

    async def receive(self, timeout: float | None = None) -> Event:
        """The next event; raises `TimeoutError` if there is none for *timeout* seconds."""
        async with asyncio.timeout(timeout):
            while not self._events:
                if not self._patient:
                    return {"type": "http.request", "body": b"", "more_body": False}
                self._arrived.clear()
                await self._arrived.wait()
        return self._events.popleft()

    async def raise_disconnect(self, reason: str = "", code: int | None = None) -> NoReturn:
        raise RequestCancelled(reason)


class Body:
    """``async for chunk in body`` for the pieces as they come, ``await body`` for all of them.

    `expected_content_length` is what the Content-Length header says, `max_content_length` the limit
    in bytes (both None if there is none), `timeout` the seconds without a byte after which reading
    is given up. Without a `source` the body is what `put` and `set_result` put into it.

    Raises `RequestEntityTooLarge` (413), `RequestTimeout` (408), and `ClientDisconnected` when the
    client leaves before the end.
    """

    def __init__(
        self,
        expected_content_length: int | None = None,
        max_content_length: int | None = None,
        *,
        source: Source | None = None,
        timeout: float | None = None,
    ) -> None:
        self.expected_content_length = expected_content_length
        self.max_content_length = max_content_length
        self.timeout = timeout
        self._source: Source = Fed() if source is None else source
        self._received = 0
        self._complete = False
        self._streamed = False
        self._reading = False
        self._pieces: list[bytes] = []
        self._done: asyncio.Event | None = None
        self._data: bytes | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._reading or self._data is not None:
            if data := await self.read():
                yield data
            return
        self._check()
        if self._complete and self._received:
            raise _consumed()
        self._streamed = True
        pieces, self._pieces = self._pieces, []
        for piece in pieces:  # of a `read` that was given up
            yield piece
        while not self._complete:
            if chunk := await self._pull():
                yield chunk

    def __await__(self) -> Generator[Any, None, bytes]:
        return self.read().__await__()

    @property
    def is_kept(self) -> bool:
        """Whether the whole body was read and is still there."""
        return self._data is not None

    async def read(self, most: int | None = None) -> bytes:
        """The whole body, which stays for the next call; more than *most* bytes are a 413, too.

        May be given up and called again. Raises `BodyConsumedError` if part of the body was
        streamed before.
        """
        while self._reading:  # another task is
            if self._done is None:
                self._done = asyncio.Event()
            await self._done.wait()
        self._check(most)
        if self._data is None:
            if self._streamed and (self._received or not self._complete):
                raise _consumed()
            self._reading = True
            try:
                while not self._complete:
                    piece = await self._pull()
                    self._pieces.append(piece)
                    if most is not None and self._received > most:
                        raise too_large(most)
            finally:
                self._reading = False
                if self._done is not None:
                    self._done.set()
                    self._done = None
            self._data = b"".join(self._pieces)
            self._pieces = []
        return self._data

    async def _pull(self) -> bytes:
        try:
            event = await self._source.receive(self.timeout)
        except TimeoutError:
            raise RequestTimeout(
                f"No byte of the request body arrived within {self.timeout} seconds."
            ) from None
        if event["type"] == "http.disconnect":
            await self._source.raise_disconnect(
                "The client left before the end of the request body."
            )
        chunk: bytes = event.get("body", b"")
        self._received += len(chunk)
        if not event.get("more_body", False):
            self._complete = True
        limit = self.max_content_length
        if limit is not None and self._received > limit:
            # What is over is not kept, so the whole cannot be had any more.
            self._streamed = True
            self._pieces = []
            raise too_large(limit)
        return chunk

    def _check(self, most: int | None = None) -> None:
        """Raise the 413 for what has arrived or was announced, if it is too much."""
        size = self.expected_content_length or 0
        if size < self._received:
            size = self._received
        limit = self.max_content_length
        if limit is not None and size > limit:
            raise too_large(limit)
        if most is not None and size > most:
            raise too_large(most)

    def set_result(self, data: bytes) -> None:
        """Make *data* the whole body, as test contexts do."""
        self._received = len(data)
        self._complete = True
        self._streamed = False
        self._data = data

    async def put(self, data: bytes) -> None:
        """Have *data* arrive as a piece of a body that was made without a source."""
        self._feed({"type": "http.request", "body": data, "more_body": True})

    def set_complete(self) -> None:
        """Say that nothing more will be put into this body."""
        self._feed({"type": "http.request", "body": b"", "more_body": False})

    def disconnect(self) -> None:
        """Have the client leave before the end of what is put into this body."""
        self._feed({"type": "http.disconnect"})

    def _feed(self, event: Event) -> None:
        if not isinstance(self._source, Fed):
            raise ContextError(
                "This body comes over a connection, so nothing can be put into it. Make one without "
                "a source to fill it by hand: Body(None, None)."
            )
        self._source.feed(event)

    def clear(self) -> None:
        """Forget what was read and kept."""
        if self._data is not None:
            self._data = b""


def _consumed() -> BodyConsumedError:
    return BodyConsumedError(
        "The body of this request was already read as a stream, so it is no longer there. Read it "
        "once: either all of it (get_data, get_json, form) or in pieces (async for chunk in "
        "request.body, request.parts())."
    )


def too_large(limit: int) -> RequestEntityTooLarge:
    """The 413 for a body of more than *limit* bytes."""
    return RequestEntityTooLarge(f"The request body is larger than the limit of {limit} bytes.")
