"""The connection classes between server and application. Run with the alias on."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from extension_helpers import HTTP_SCOPE, body_of
from quart import (
    request,
    websocket,
)
from quart.asgi import ASGIHTTPConnection, ASGILifespan, ASGIWebsocketConnection
from quart.testing import (
    WebsocketResponseError,
    make_test_scope,
)
from quart.testing.connections import (
    WebsocketDisconnectError,
)
from quart.typing import ASGIHTTPProtocol
from quart.wrappers.base import ClientDisconnectedError
from quart.wrappers.websocket import Buffer
from werkzeug.datastructures import Headers

# Connection classes.


def test_connection_classes_have_their_places(app):
    assert app.asgi_http_class is ASGIHTTPConnection
    assert app.asgi_websocket_class is ASGIWebsocketConnection
    assert app.asgi_lifespan_class is ASGILifespan
    assert ASGIHTTPProtocol is not None


async def test_a_connection_class_of_its_own(app):
    class Own(ASGIHTTPConnection):
        def _create_request_from_scope(self, send):
            made = super()._create_request_from_scope(send)
            made.own = f"own {self.scope['type']}"
            return made

    app.asgi_http_class = Own

    @app.route("/<name>", methods=["POST"])
    async def view(name):
        return f"{request.own} {name} {await request.get_data(as_text=True)}"

    @app.route("/stream")
    async def stream():
        async def generate():
            yield "a"
            yield "b"

        return generate()

    @app.route("/push")
    async def push():
        await request.send_push_promise("/pushed")
        return "pushed"

    client = app.test_client()
    response = await client.post("/x", data="body", scope_base={"root_path": ""})
    assert await response.get_data() == b"own http x body"
    assert await body_of(app, "/stream") == "ab"
    assert (await client.head("/stream")).status_code == 200
    assert (await client.get("/mounted/", root_path="/elsewhere")).status_code == 404
    await client.get("/push", scope_base={"extensions": {"http.response.push": {}}})
    assert [path for path, _ in client.push_promises] == ["/pushed"]


async def test_a_client_leaves_a_connection_class_of_its_own(app):
    left = asyncio.Event()

    class Own(ASGIHTTPConnection):
        async def handle_messages(self, request, receive):
            await super().handle_messages(request, receive)
            left.set()

    class Task(ASGIHTTPConnection):
        async def handle_messages(self, request, receive, request_task):
            await super().handle_messages(request, receive, request_task)
            left.set()

    @app.route("/wait")
    async def wait():
        await asyncio.Event().wait()

    @app.route("/read", methods=["POST"])
    async def read():
        await request.get_data()

    for cls in (Own, Task):
        app.asgi_http_class = cls
        for path, method in (("/wait", "GET"), ("/read", "POST")):
            left.clear()
            async with app.test_client().request(path, method=method) as connection:
                await connection.disconnect()
                await left.wait()


async def test_errors_of_a_connection_class_of_its_own(app):
    class Own(ASGIHTTPConnection):
        async def handle_request(self, request, send):
            if request.path == "/late":
                self._disconnected = True
            await super().handle_request(request, send)

    app.asgi_http_class = Own
    app.testing = True

    @app.route("/error")
    async def error():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await app.test_client().get("/error")
    async with connecting(app, "/late"):
        pass


@asynccontextmanager
async def connecting(app, path):
    """A request whose answer is not waited for."""
    connection = app.test_client().request(path)
    async with connection:
        await connection.disconnect()
        yield connection


async def test_a_websocket_connection_class_of_its_own(app):
    class Own(ASGIWebsocketConnection):
        async def handle_messages(self, websocket, receive):
            await super().handle_messages(websocket, receive)

        def _create_websocket_from_scope(self, send):
            made = super()._create_websocket_from_scope(send)
            made.own = True
            return made

    app.asgi_websocket_class = Own
    codes = []

    @app.websocket("/own")
    async def own():
        assert websocket.own
        assert isinstance(websocket.buffer, Buffer)
        while True:
            data = await websocket.receive()
            if data == "close":
                await websocket.close(4000)
                return None
            if data == "return":
                return None
            if data == "refuse":
                return "no", 400
            await websocket.send(data)

    @app.websocket("/never")
    async def never():
        pass

    @app.websocket("/lost")
    async def lost():
        await websocket.accept()
        raise ClientDisconnectedError

    @app.websocket("/refuse")
    async def refuse():
        return "refused", 418

    client = app.test_client()
    for last, code in (("close", 4000), ("return", 1000), ("refuse", 1008)):
        async with client.websocket("/own", subprotocols=["p"]) as connection:
            for message in ("text", b"bytes", b""):
                await connection.send(message)
                assert await connection.receive() == message
            await connection.send(last)
            with pytest.raises(WebsocketDisconnectError) as caught:
                await connection.receive()
            codes.append((caught.value.args[0], code))
    assert [found for found, _ in codes] == [wanted for _, wanted in codes]
    async with client.websocket("/own") as connection:
        await connection.send("text")
        assert await connection.receive() == "text"  # and the client leaves
    async with client.websocket("/lost"):
        pass
    for path, status in (("/never", 403), ("/refuse", 418)):
        with pytest.raises(WebsocketResponseError) as refusal:
            async with client.websocket(path) as connection:
                await connection.receive()
        assert refusal.value.response.status_code == status


async def test_a_client_leaves_a_websocket_connection_class_of_its_own(app):
    class Own(ASGIWebsocketConnection):
        pass

    app.asgi_websocket_class = Own
    ended = asyncio.Event()

    @app.websocket("/wait")
    async def wait():
        await websocket.accept()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with app.test_client().websocket("/wait") as connection:
        await connection.wait_accepted()
    await ended.wait()


async def test_calls_of_a_websocket_connection(app):
    sent = []

    async def send(message):
        sent.append(message["type"])

    connection = ASGIWebsocketConnection(app, {**HTTP_SCOPE, "type": "websocket"})
    await connection.accept_connection(send, Headers(), None)
    await connection.accept_connection(send, Headers(), None)
    await connection.close_connection(send, 1000, "")
    with pytest.raises(RuntimeError, match="closed already"):
        await connection.close_connection(send, 1000, "")
    connection._disconnected = True
    with pytest.raises(ClientDisconnectedError):
        await connection.send_data(send, "x")
    assert sent == ["websocket.accept", "websocket.close"]


async def test_connection_classes_called_as_they_are(app):
    scope = make_test_scope("http", "/", "GET", Headers(), b"", "http", "", "1.1", {})
    sent = []

    async def send(message):
        sent.append(message["type"])

    async def receive():
        return {"type": "http.request"}

    await ASGIHTTPConnection(app, scope)(receive, send)
    assert sent == ["http.response.start", "http.response.body"]
    events = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def event():
        return events.pop(0)

    scope = {**scope, "type": "websocket", "path": "/ws", "subprotocols": []}
    await ASGIWebsocketConnection(app, scope)(event, send)
    assert sent[2:] == ["websocket.accept"]


async def test_a_lifespan_class_of_its_own(app):
    done = []

    class Own(ASGILifespan):
        async def __call__(self, receive, send):
            done.append(self.app)
            await super().__call__(receive, send)
            done.append(self.app)

    app.asgi_lifespan_class = Own
    async with app.test_app():
        pass
    assert done == [app, app]
    with pytest.raises(RuntimeError, match="http, websocket and lifespan"):
        await app({"type": "gopher"}, None, None)
