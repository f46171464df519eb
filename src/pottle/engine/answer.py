"""A response goes out: its head, then its body, in one message or as a stream.

How long a client may take nothing is bounded; how long a stream is, or its source silent, is not. A
stream is closed, and with it the generator behind it, however it ends. An error in its middle is logged once, and the connection is left without an end,
so that no client takes the half for the whole.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from time import monotonic
from types import EllipsisType, TracebackType
from typing import Any, cast

from ..errors import ClientDisconnected, RequestCancelled, ResultError
from ..turns import PIECES_PER_TURN, SECONDS_PER_TURN
from ..typing import Event
from ..utils import encode_headers
from ..wrappers import Response
from ..wrappers.bodies import DataBody, FileBody, IterableBody, ResponseBody, unencoded
from .exchange import Exchange
from .kinds import HTTP
from .sweep import number_of_turns, running_sweep

#: Answers that have no body, whatever the view returned (RFC 9110 sections 15.3.5, 15.4.5).
_BODYLESS = frozenset({204, 304})

#: Bytes of a response that refuses a websocket, at most.
LARGEST_REFUSAL = 1024 * 1024

#: Bytes of a buffered answer that are given to the server at once.
PIECE = 256 * 1024


def is_streamed(response: Response) -> bool:
    """Whether sending *response* runs code of the application, which may need the context."""
    return type(response.response) is not DataBody


async def send_response(
    exchange: Exchange, response: Response, prefix: str = "http.response"
) -> None:
    """Send *response* whole. *prefix* is that of the messages, which differs for websockets."""
    await begin_response(exchange, response, prefix)
    if exchange.end_of_answer is not None:
        await transmit(exchange, exchange.end_of_answer)


def begin_response(
    exchange: Exchange, response: Response, prefix: str = "http.response"
) -> Coroutine[Any, Any, None]:
    """As `send_response`, but of a stream everything except its end, which is left to the caller.

    It stands in ``exchange.end_of_answer`` then, to be sent when the context has been left: a server
    may begin with the next request of the connection right there.
    """
    # PERF: a plain function, since every step of a stream passes through each of the coroutines
    # that stand between it and the loop (bench: events).
    body = response.response
    status = response.status_code
    headers = encode_headers(response.headers)
    if status == 204:
        # RFC 9110 section 8.6
        headers = [header for header in headers if header[0] != b"content-length"]
    start = {"type": f"{prefix}.start", "status": status, "headers": headers}
    body_type = f"{prefix}.body"
    if exchange.scope.get("method") == "HEAD" or status in _BODYLESS:
        return _send_at_once(exchange, body, start, {"type": body_type, "body": b""})
    if type(body) is DataBody:
        return _send_at_once(exchange, body, start, {"type": body_type, "body": body.data})
    if _goes_by_path(exchange, body):
        path = str(cast("FileBody", body).path)
        return _send_at_once(
            exchange, body, start, {"type": "http.response.pathsend", "path": path}
        )
    return _stream(exchange, response, start, body_type)


async def _send_at_once(exchange: Exchange, body: ResponseBody, start: Event, rest: Event) -> None:
    """Send an answer that is there already."""
    exchange.answered = True
    data: bytes = rest.get("body") or b""
    try:
        await exchange.send(start)
        if len(data) > PIECE and exchange.route.kind is HTTP:
            await send_pieces(exchange, data, rest["type"])
        else:
            await exchange.send(rest)
    except OSError as error:
        raise _left(exchange, error) from error
    finally:
        if type(body) is not DataBody:
            await _discard(body)


async def buffered(response: Response) -> Response:
    """*response* with the whole of its body in memory, which is how a websocket is refused.

    Servers have no streams there. Raises `ResultError` for more than `LARGEST_REFUSAL` bytes.
    """
    data = bytearray()
    async with response.response as body:
        chunks, encode = unencoded(body)
        async for chunk in chunks:
            data += encode(chunk)
            if len(data) > LARGEST_REFUSAL:
                raise ResultError(
                    f"The response that refuses a websocket has more than {LARGEST_REFUSAL} bytes. It"
                    " is sent as one message: answer with less, or with the address of the rest."
                )
    response.set_data(bytes(data))
    return response


async def send_pieces(exchange: Exchange, data: bytes, body_type: str) -> None:
    """Send the body of a large answer, so that its client takes it before more of it is given away.

    One that takes nothing of a piece for ``RESPONSE_TIMEOUT`` seconds has left.
    """
    inbox, timeout = exchange.inbox, exchange.plan.response_timeout
    view = memoryview(data)
    for begin in range(0, len(data), PIECE):
        end = begin + PIECE
        message = {"type": body_type, "body": bytes(view[begin:end]), "more_body": end < len(data)}
        await inbox.until_sent(exchange.send(message), timeout)


def _left(exchange: Exchange, error: OSError) -> ClientDisconnected:
    """What it means that a server raises in `send` (ASGI 2.4): the client has left."""
    left = RequestCancelled(str(error))
    left.connection = exchange.inbox
    return left


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
    inbox = exchange.inbox
    if inbox.gone is not None:
        await _discard(response.response)
        await inbox.raise_disconnect()
    send = exchange.send
    live = exchange.app.live_exchanges
    silence = Silence(exchange, response, body_type)
    sweep = silence.sweep
    if response.long_lived:
        live.add(exchange)
    try:
        async with silence, response.response as body:
            # Only now: a body that cannot be opened still gets a proper error for an answer.
            exchange.answered = True
            silence.busy = sweep.turn
            try:
                await send(start)
            except OSError as error:
                raise _left(exchange, error) from error
            silence.busy = 0
            chunks, encode = unencoded(body)
            pieces, begun = 0, monotonic()
            # PERF: all that a piece costs is written out, and time is taken by the number of the
            # sweep's turn: no timer, and no coroutine but the server's (bench: stream).
            async for chunk in chunks:
                if silence.busy:
                    await silence.settle()
                if chunk.__class__ is not bytes:
                    chunk = encode(chunk)
                pieces += 1
                if not pieces & 7 and (
                    pieces == PIECES_PER_TURN or monotonic() - begun > SECONDS_PER_TURN
                ):
                    await asyncio.sleep(0)
                    pieces, begun = 0, monotonic()
                silence.busy = sweep.turn
                try:
                    await send({"type": body_type, "body": chunk, "more_body": True})
                except OSError as error:
                    raise _left(exchange, error) from error
                silence.busy = 0
                silence.since = sweep.turn
    except ClientDisconnected:
        if not exchange.shut_down:
            raise
    finally:
        live.discard(exchange)
    exchange.end_of_answer = {"type": body_type, "body": b"", "more_body": False}


async def transmit(exchange: Exchange, message: Event) -> None:
    """Send *message*; the server's word that the client is gone is no error of the application."""
    try:
        await exchange.inbox.until_sent(exchange.send(message), exchange.plan.response_timeout)
    except OSError as error:
        raise _left(exchange, error) from error


class Silence:
    """The silence of a stream: after `keep_alive` seconds it is filled. And its blocked sends.

    A small chunk fills it, only while the stream waits for its source, so that no two sends overlap. A
    client that takes nothing for as long as the time-out has left; how long a source is silent is
    its own affair.
    """

    __slots__ = (
        "_appointment",
        "_body_type",
        "_filled",
        "_filler",
        "_inbox",
        "_interval",
        "_limit",
        "_response",
        "_send",
        "_timeout",
        "busy",
        "since",
        "sweep",
    )

    def __init__(self, exchange: Exchange, response: Response, body_type: str) -> None:
        timeout = response.timeout
        if isinstance(timeout, EllipsisType):
            timeout = exchange.plan.response_timeout
        self.sweep = running_sweep()
        #: The turn of the sweep in which the last piece had gone.
        self.since = self.sweep.turn
        #: The turn in which the sending of something has begun that has not gone yet; 0: nothing.
        self.busy = self.since
        self._timeout = timeout
        self._limit = number_of_turns(timeout)
        self._interval = number_of_turns(response.keep_alive)
        self._response = response
        self._body_type = body_type
        self._inbox = exchange.inbox
        self._send = exchange.send
        self._filler: asyncio.Task[None] | None = None
        # The turn in which the last filler had gone.
        self._filled = self.since
        # The turn in which `look` is called.
        self._appointment = 0

    async def __aenter__(self) -> None:
        self._appoint(self.since)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.sweep.cancel(self._appointment, self)
        if self._filler is not None:
            self._filler.cancel()
            await asyncio.wait({self._filler})

    def _appoint(self, quiet: int) -> None:
        """Have `look` called when something is due if nothing is sent after the turn *quiet*."""
        due = min((self.busy or self.sweep.turn) + self._limit, quiet + self._interval)
        if due != math.inf:
            self._appointment = math.ceil(due)
            self.sweep.appoint(self._appointment, self)

    def look(self, turn: int) -> None:
        """Do what is due, and see when there may be something again."""
        if self.busy and turn >= self.busy + self._limit:
            self._inbox.give_up(self._timeout)
            return
        quiet = turn if self.busy else max(self.since, self._filled)
        if turn >= quiet + self._interval:
            self.busy = turn
            self._filler = asyncio.get_running_loop().create_task(self._fill())
            quiet = turn
        self._appoint(quiet)

    async def _fill(self) -> None:
        chunk = self._response.keep_alive_chunk
        try:
            await self._send({"type": self._body_type, "body": chunk, "more_body": True})
        except OSError:
            return  # the client is gone; the watch will say so
        self._filled = self.sweep.turn
        self.busy = 0

    async def settle(self) -> None:
        """Wait until a filler that is under way has gone."""
        if self._filler is not None:
            filler, self._filler = self._filler, None
            await filler
