"""Server-sent events as a browser reads them: the HTML standard, sections 9.2.5 and 9.2.6.

The parser takes bytes in pieces of any size and knows no connection; the stream reads one.
"""

from __future__ import annotations

import asyncio
import json
from codecs import getincrementaldecoder
from collections import deque
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .connections import TestHTTPConnection

if TYPE_CHECKING:
    from ..wrappers import Response


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event as it is dispatched. `id` is the last that was set, of this event or before."""

    data: str
    event: str = "message"
    id: str = ""
    #: The reconnection time in milliseconds that came with this event.
    retry: int | None = None

    def json(self) -> Any:
        """The value in the data, which is JSON."""
        return json.loads(self.data)


class EventStreamParser:
    """Turns the bytes of an event stream into events.

    `last_event_id` and `retry` are what a browser would keep for reconnecting.
    """

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry: int | None = None
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._begun = False
        self._after_cr = False
        self._line = ""
        self._id = ""
        self._data: list[str] = []
        self._event = ""
        self._event_retry: int | None = None

    def feed(self, data: bytes) -> list[ReceivedEvent]:
        """The events that *data* completes."""
        text = self._decode(data)
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        events: list[ReceivedEvent] = []
        for line in self._lines(text):
            if line:
                self._take_field(line)
            elif (event := self._dispatch()) is not None:
                events.append(event)
        return events

    def _lines(self, text: str) -> list[str]:
        """The lines that *text* ends. A CR ends one at once, and the LF after it ends none."""
        if self._after_cr and text:
            text = text.removeprefix("\n")
            self._after_cr = False
        if text:
            self._after_cr = text.endswith("\r")
        *lines, self._line = (
            (self._line + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        )
        return lines

    def _take_field(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry = self._event_retry = int(value)

    def _dispatch(self) -> ReceivedEvent | None:
        self.last_event_id = self._id
        data, event, retry = self._data, self._event, self._event_retry
        self._data, self._event, self._event_retry = [], "", None
        if not data:
            return None
        return ReceivedEvent("\n".join(data), event or "message", self.last_event_id, retry)


class EventStreamError(Exception):
    """The `response` is no event stream: its status is not 200, or its type is another one."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status}, {response.content_type or 'no content type'}")
        self.response = response


class TestEventStream(AbstractAsyncContextManager["TestEventStream"]):
    """The events of one connection, iterated as they come. Leaving the block disconnects.

    `connection` is the connection beneath, for its status, its headers and its raw bytes.
    """

    __test__ = False

    def __init__(self, connection: TestHTTPConnection, body: bytes = b"") -> None:
        self.connection = connection
        self._body = body
        self.parser = EventStreamParser()
        self._events: deque[ReceivedEvent] = deque()
        self._is_checked = False

    async def __aenter__(self) -> Self:
        await self.connection.__aenter__()
        await self.connection.send(self._body)
        await self.connection.send_complete()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.connection.disconnect()
        await self.connection.__aexit__(exc_type, exc_value, tb)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReceivedEvent:
        while not self._events:
            data = await self.connection.receive()
            await self._check()
            if not data:
                raise StopAsyncIteration
            self._events.extend(self.parser.feed(data))
        return self._events.popleft()

    async def receive(self) -> ReceivedEvent:
        """The next event. Raises `EOFError` if the stream has ended, `EventStreamError` if it is none."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise EOFError("The event stream has ended: no further event can come.") from None

    @property
    def last_event_id(self) -> str:
        """The id that a browser would send as ``Last-Event-ID`` when it connects again."""
        return self.parser.last_event_id

    async def _check(self) -> None:
        """See once whether this is an event stream, as section 9.2.3 has it."""
        headers = self.connection.headers
        if self._is_checked or headers is None:
            return
        self._is_checked = True
        content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.connection.status_code != 200 or content_type != "text/event-stream":
            raise EventStreamError(await self._whole_response())

    async def _whole_response(self) -> Response:
        """The answer, or what there is of it after the connection's `timeout`."""
        try:
            async with asyncio.timeout(self.connection.timeout):
                return await self.connection.as_response()
        except TimeoutError:
            await self.connection.disconnect()
            return await self.connection.as_response()
