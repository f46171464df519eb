"""A response goes out: its head, then its body, in one message or as a stream.

A stream is bounded in idleness, not in length; it is closed, and with it the generator behind it,
however it ends. An error in its middle is logged once, and the connection is left without an end,
so that no client takes the half for the whole.
"""

from __future__ import annotations

import asyncio
from types import EllipsisType
from typing import Any, cast

from ..errors import ClientDisconnected
from ..typing import Event, Send
from ..utils import encode_headers
from ..wrappers import Response
from ..wrappers.bodies import DataBody, FileBody, IterableBody, ResponseBody, encode_chunk
from .exchange import Exchange

#: Answers that have no body, whatever the view returned (RFC 9110 sections 15.3.5, 15.4.5).
_BODYLESS = frozenset({204, 304})


def is_streamed(response: Response) -> bool:
    """Whether sending *response* runs code of the application, which may need the context."""
    return type(response.response) is not DataBody


async def send_response(
    exchange: Exchange, response: Response, prefix: str = "http.response"
) -> None:
    """Send *response* whole. *prefix* is that of the messages, which differs for websockets."""
    body = response.response
    status = response.status_code
    headers = encode_headers(response.headers)
    if status == 204:
        # RFC 9110 section 8.6
        headers = [header for header in headers if header[0] != b"content-length"]
    start = {"type": f"{prefix}.start", "status": status, "headers": headers}
    body_type = f"{prefix}.body"
    send = exchange.send
    bodyless = exchange.scope.get("method") == "HEAD" or status in _BODYLESS
    if bodyless or type(body) is DataBody:
        data = b"" if bodyless else cast("DataBody", body).data
        exchange.answered = True
        try:
            await _transmit(send, start)
            await _transmit(send, {"type": body_type, "body": data})
        finally:
            await _discard(body)
    elif _goes_by_path(exchange, body):
        exchange.answered = True
        await _transmit(send, start)
        await _transmit(
            send, {"type": "http.response.pathsend", "path": str(cast("FileBody", body).path)}
        )
    else:
        await _stream(exchange, response, start, body_type)


async def _discard(body: ResponseBody) -> None:
    """Close a source that nobody will iterate; files have not been opened yet."""
    if isinstance(body, IterableBody):
        await body.aclose()


def _goes_by_path(exchange: Exchange, body: Any) -> bool:
    """Whether the server is to send a whole file itself."""
    return (
        isinstance(body, FileBody)
        and not body.begin
        and body.end == body.size
        and "http.response.pathsend" in (exchange.scope.get("extensions") or ())
    )


async def _stream(exchange: Exchange, response: Response, start: Event, body_type: str) -> None:
    if exchange.inbox.gone is not None:
        await _discard(response.response)
        raise exchange.inbox.disconnect_error()
    timeout = response.timeout
    if isinstance(timeout, EllipsisType):
        timeout = exchange.plan.response_timeout
    live = exchange.app.live_exchanges
    filler = None
    send = exchange.send
    loop = asyncio.get_running_loop()
    if response.long_lived:
        live.add(exchange)
    try:
        async with asyncio.timeout(timeout) as limit, response.response as chunks:
            # Only now: a body that cannot be opened still gets a proper error for an answer.
            exchange.answered = True
            await _transmit(send, start)
            if response.keep_alive is not None:
                filler = Filler(send, response.keep_alive, response.keep_alive_chunk, body_type)
            async for chunk in chunks:
                if filler is not None:
                    await filler.pause()
                if chunk.__class__ is not bytes:  # of a body that an application has written
                    chunk = encode_chunk(chunk)
                await _transmit(send, {"type": body_type, "body": chunk, "more_body": True})
                if timeout is not None:
                    limit.reschedule(loop.time() + timeout)
                if filler is not None:
                    filler.resume()
    except ClientDisconnected:
        if not exchange.shut_down:
            raise
    finally:
        live.discard(exchange)
        if filler is not None:
            await filler.stop()
    await _transmit(send, {"type": body_type, "body": b"", "more_body": False})


async def _transmit(send: Send, message: Event) -> None:
    """Send; the server's word that the client is gone is no error of the application."""
    try:
        await send(message)
    except OSError as error:
        raise ClientDisconnected(str(error)) from error


class Filler:
    """Sends a small chunk whenever a stream has been silent for *interval* seconds.

    It only sends while the stream waits for its source, so that no two sends overlap.
    """

    __slots__ = ("_interval", "_loop", "_message", "_send", "_task", "_timer")

    def __init__(self, send: Send, interval: float, chunk: bytes, body_type: str) -> None:
        self._send = send
        self._interval = interval
        self._message = {"type": body_type, "body": chunk, "more_body": True}
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.resume()

    def resume(self) -> None:
        """The stream waits for its source from now on."""
        self._timer = self._loop.call_later(self._interval, self._fill)

    async def pause(self) -> None:
        """The stream is about to send; waits until a filler that is under way has gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            task, self._task = self._task, None
            await task

    async def stop(self) -> None:
        """The stream has ended."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _fill(self) -> None:
        self._task = self._loop.create_task(self._send_one())

    async def _send_one(self) -> None:
        try:
            await self._send(dict(self._message))
        except OSError:
            return  # the client is gone; the watch will say so
        self.resume()
