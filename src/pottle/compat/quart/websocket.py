"""Quart's buffer of a websocket, for one that is filled by hand."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import Headers

from ...errors import WebsocketCancelled, WebsocketDisconnect, WebsocketStateError
from ...typing import Event, Scope
from ...wrappers import Websocket
from ...wrappers.body import Fed

_make: Any = Websocket.__init__


class Buffer:
    """The messages that a websocket receives which was made by hand."""

    def __init__(self) -> None:
        self._source = Fed()
        self._left: WebsocketDisconnect | None = None

    async def put(self, data: bytes | str) -> None:
        """Have *data* received after what waits already."""
        self._source.feed({"type": "websocket.receive", "data": data})

    async def get(self) -> bytes | str:
        """The next message. Raises `WebsocketDisconnect` after the last one, once disconnected."""
        if self._left is not None:
            raise self._left
        event: Event = await self._source.receive()
        if event["type"] == "websocket.disconnect":
            self._left = WebsocketCancelled(1005)
            raise self._left
        message: bytes | str = event["data"]
        return message

    def disconnect(self) -> None:
        """Have the peer leave."""
        self._source.feed({"type": "websocket.disconnect"})

    def __aiter__(self) -> Buffer:
        return self

    async def __anext__(self) -> bytes | str:
        try:
            return await self.get()
        except WebsocketDisconnect:
            raise StopAsyncIteration from None


class Incoming(Buffer):
    """The messages of a websocket that a server delivers: they can be taken, and none can be put."""

    def __init__(self, websocket: Websocket) -> None:
        super().__init__()
        self._websocket = websocket

    async def put(self, data: bytes | str) -> None:
        """Raises `WebsocketStateError`: the messages are the peer's."""
        raise WebsocketStateError(
            "The messages of this websocket come over its connection, so none can be put into its "
            "buffer. Send one from the other side."
        )

    async def get(self) -> bytes | str:
        """The next message."""
        return await self._websocket.receive()


class WebsocketNames:
    """What `Websocket` gets beside its own attributes."""

    buffer_class: type[Any] = Buffer
    _buffer: Any = None

    def __init__(
        self: Any,
        path: str,
        query_string: bytes,
        scheme: str,
        headers: Headers,
        root_path: str,
        http_version: str,
        subprotocols: list[str],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        names: tuple[str, ...] = ("receive", "send", "accept", "close", "scope")
        if "receive" in kwargs or len(args) + len(kwargs) < len(names):
            names = names[1:]  # which stood there before 0.23
        callables: dict[str, Any] = dict(zip(names, args, strict=False)) | kwargs
        scope: Scope = callables.pop("scope")
        if callables.get("receive") is None:
            self._buffer = self.buffer_class()
            callables["receive"] = self._buffer.get
        _make(
            self,
            path,
            query_string,
            scheme,
            headers,
            root_path,
            http_version,
            subprotocols,
            scope=scope,
            **callables,
        )

    @property
    def buffer(self: Any) -> Any:
        """Where messages are put for a websocket that was made by hand."""
        if self._buffer is None:
            self._buffer = Incoming(self)
        return self._buffer
