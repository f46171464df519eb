"""The connection classes that Quart has between an ASGI server and the application.

Pottle has functions in their place (`pottle.protocols.asgi`), which is what these classes come down
to. A program that overrides their steps has them called, in Quart's way: one task answers, another
listens. The messages for that are put where Quart puts them, into the body and the buffer.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from werkzeug.datastructures import Headers

from ...engine.answer import send_response
from ...engine.exchange import Exchange
from ...engine.kinds import HTTP, WEBSOCKET
from ...errors import ClientDisconnected, RequestCancelled, WebsocketStateError
from ...protocols import asgi
from ...signals import websocket_received, websocket_sent
from ...typing import Receive, Scope, Send
from ...utils import cancel_tasks, encode_headers
from ...wrappers import Request, Response, Websocket
from ...wrappers.base import app_path, client_address
from ...wrappers.request import promise


class ASGIHTTPConnection:
    """One request. Override its steps, and set the class as ``app.asgi_http_class``."""

    def __init__(self, app: Any, scope: Scope) -> None:
        self.app = app
        self.scope = scope
        self._disconnected = False

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Answer the request."""
        if type(self) is ASGIHTTPConnection:
            await asgi.http(self.app.plan, self.scope, receive, send)
            return
        request = self._create_request_from_scope(send)
        await _answer_and_listen(
            self.handle_request(request, send), partial(self.handle_messages, request, receive)
        )

    def _create_request_from_scope(self, send: Send) -> Request:
        request: Request = self.app.request_class(
            self.scope["method"],
            *_facts(self.scope, "http"),
            scope=self.scope,
            max_content_length=self.app.config["MAX_CONTENT_LENGTH"],
            body_timeout=self.app.config["BODY_TIMEOUT"],
            send_push_promise=partial(self._send_push_promise, send),
        )
        return request

    async def handle_messages(
        self, request: Request, receive: Receive, request_task: asyncio.Task[None] | None = None
    ) -> None:
        """Put what arrives into the body; cancel *request_task* when the client leaves."""
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                self._disconnected = True
                request.body.disconnect()
                break
            await request.body.put(event.get("body", b""))
            if not event.get("more_body", False):
                request.body.set_complete()
        if request_task is not None:
            request_task.cancel()

    async def handle_request(self, request: Request, send: Send) -> None:
        """Have the application answer *request*, and send the answer."""
        try:
            response = await self.app.handle_request(request)
            await self._send_response(send, response)
        except ClientDisconnected:
            return

    async def _send_response(self, send: Send, response: Response) -> None:
        if self._disconnected:
            raise RequestCancelled("The client left before it was answered.")
        await send_response(_exchange(self.app, self.scope, send, HTTP), response)
        await response.close()

    async def _send_push_promise(self, send: Send, path: str, headers: Headers) -> None:
        await promise(self.scope, send, path, headers)


class ASGIWebsocketConnection:
    """One websocket. Override its steps, and set the class as ``app.asgi_websocket_class``."""

    def __init__(self, app: Any, scope: Scope) -> None:
        self.app = app
        self.scope = scope
        self._accepted = False
        self._closed = False
        self._disconnected = False

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Serve the websocket."""
        if type(self) is ASGIWebsocketConnection:
            await asgi.websocket(self.app.plan, self.scope, receive, send)
            return
        websocket = self._create_websocket_from_scope(send)
        await _answer_and_listen(
            self.handle_websocket(websocket, send),
            partial(self.handle_messages, websocket, receive),
        )

    def _create_websocket_from_scope(self, send: Send) -> Websocket:
        scheme, *facts = _facts(self.scope, "ws")
        path, query_string, *others = facts
        websocket: Websocket = self.app.websocket_class(
            path,
            query_string,
            scheme,
            *others,
            list(self.scope.get("subprotocols", ())),
            partial(self.send_data, send),
            partial(self.accept_connection, send),
            partial(self.close_connection, send),
            scope=self.scope,
        )
        return websocket

    async def handle_messages(
        self,
        websocket: Any,
        receive: Receive,
        websocket_task: asyncio.Task[None] | None = None,
    ) -> None:
        """Put what arrives into the buffer; cancel *websocket_task* when the client leaves."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                self._disconnected = True
                websocket.buffer.disconnect()
                break
            if event["type"] == "websocket.receive":
                text = event.get("text")
                message = event["bytes"] if text is None else text
                await websocket_received.send_async(message)
                await websocket.buffer.put(message)
        if websocket_task is not None:
            websocket_task.cancel()

    async def handle_websocket(self, websocket: Websocket, send: Send) -> None:
        """Have the application handle *websocket*, and close it, or reject it if it was not accepted."""
        try:
            response: Response | None = await self.app.handle_websocket(websocket)
        except ClientDisconnected:
            return
        if self._closed or self._disconnected:
            return
        if self._accepted:
            status = 200 if response is None else response.status_code
            code = 1011 if status >= 500 else 1008 if status >= 400 else 1000
            await self.close_connection(send, code, "")
        elif response is None or "websocket.http.response" not in (
            self.scope.get("extensions") or ()
        ):
            await self.close_connection(send, 1000, "")
        else:
            exchange = _exchange(self.app, self.scope, send, WEBSOCKET)
            await send_response(exchange, response, "websocket.http.response")

    async def send_data(self, send: Send, data: str | bytes) -> None:
        """Send a message. Raises `ClientDisconnected` once the client has left."""
        if self._disconnected:
            raise RequestCancelled("The client left.")
        kind = "text" if isinstance(data, str) else "bytes"
        await send({"type": "websocket.send", kind: data})
        await websocket_sent.send_async(data)

    async def accept_connection(
        self, send: Send, headers: Headers, subprotocol: str | None
    ) -> None:
        """Accept, unless that was done."""
        if not self._accepted:
            self._accepted = True
            await send(
                {
                    "type": "websocket.accept",
                    "subprotocol": subprotocol,
                    "headers": encode_headers(headers),
                }
            )

    async def close_connection(self, send: Send, code: int, reason: str) -> None:
        """Close with *code*. Raises `WebsocketStateError` the second time."""
        if self._closed:
            raise WebsocketStateError(
                "This websocket is closed already: leave the handler instead."
            )
        self._closed = True
        await send({"type": "websocket.close", "code": code, "reason": reason})


class ASGILifespan:
    """Start-up and shutdown. Override the call, and set the class as ``app.asgi_lifespan_class``."""

    def __init__(self, app: Any, scope: Scope) -> None:
        self.app = app
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Follow the server's messages until the shutdown is complete."""
        await asgi.lifespan(self.app, self.scope, receive, send)


def _facts(scope: Scope, scheme: str) -> tuple[str, str, bytes, Headers, str, str]:
    """Scheme, path, query string, headers, root path and HTTP version."""
    headers = Headers({"Remote-Addr": client_address(scope)})
    for name, value in scope["headers"]:
        headers.add(str(name, "latin-1").title(), str(value, "latin-1"))
    return (
        scope.get("scheme", scheme),
        app_path(scope) or scope["path"],
        scope.get("query_string", b""),
        headers,
        scope.get("root_path", ""),
        scope.get("http_version", "1.1"),
    )


def _exchange(app: Any, scope: Scope, send: Send, kind: Any) -> Exchange:
    """What the engine needs to know of a connection to send an answer over it."""
    return Exchange(app.plan, scope, _nobody, send, app.plan.unmatched(kind), {})


async def _nobody() -> Any:
    raise NotImplementedError("What arrives is received by handle_messages().")


async def _answer_and_listen(
    answering: Coroutine[Any, Any, None], listen: Callable[..., Coroutine[Any, Any, None]]
) -> None:
    """Run both until one has ended; the other is cancelled. *listen* may want to know the task."""
    answer = asyncio.ensure_future(answering)
    knows = len(inspect.signature(listen).parameters) > 0
    listener = asyncio.ensure_future(listen(answer) if knows else listen())
    try:
        await asyncio.wait({answer, listener}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_tasks({answer, listener})
