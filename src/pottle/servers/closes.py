"""Websockets that uvicorn closes by itself: a disconnect for the application, and no error of its own."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class ToldOfCloses(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which takes what is sent after its own close for a mistake.

    It closes when a ping is not answered in time, and when the client breaks the protocol (RFC 6455
    section 7.1.7); until the connection is gone the application cannot know.
    """

    _closed_by_application = False

    def keepalive_timeout(self) -> None:
        already = self.close_sent
        super().keepalive_timeout()
        if self.close_sent and not already:
            close = self.conn.close_sent
            code, reason = (close.code, close.reason) if close is not None else (1006, "")
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def send(self, message: Any) -> None:
        if self.close_sent and not self._closed_by_application:
            raise ClientDisconnected
        if message["type"] in ("websocket.close", "websocket.http.response.start"):
            self._closed_by_application = True
        await super().send(message)
