"""Bodies, requests, websockets and buffers that are made by hand. Run with the alias on."""

from __future__ import annotations

import asyncio
import io

import pytest
from extension_helpers import HTTP_SCOPE, body_of
from quart import (
    Quart,
    Request,
    Response,
    Websocket,
    request,
    websocket,
)
from quart.testing import (
    no_op_push,
)
from quart.wrappers import Body
from quart.wrappers.base import ClientDisconnectedError
from quart.wrappers.response import DataBody, FileBody, IOBody, IterableBody, ResponseBody
from quart.wrappers.websocket import Buffer
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

# Wrappers.


async def test_bodies_of_responses(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"file")

    async def generate():
        yield "iter"
        yield b"able"

    for body, expected in (
        (DataBody(b"data"), b"data"),
        (FileBody(path, buffer_size=2), b"file"),
        (FileBody(file_path=path), b"file"),
        (IOBody(io.BytesIO(b"io"), buffer_size=1), b"io"),
        (IterableBody(generate()), b"iterable"),
        (IterableBody(["a", b"b"]), b"ab"),
    ):
        assert isinstance(body, ResponseBody)
        async with body as chunks:
            assert b"".join([chunk async for chunk in chunks]) == expected

    class Own(ResponseBody):
        async def __aenter__(self):
            return generate()

        async def __aexit__(self, exc_type, exc_value, tb):
            pass

    app = Quart(__name__)
    app.route("/")(lambda: Response(Own()))
    assert await body_of(app) == "iterable"


async def test_bodies_of_requests():
    body = Body(None, None)
    reading = asyncio.ensure_future(collected(body))
    await body.put(b"ab")
    await body.put(b"c")
    await asyncio.sleep(0)
    assert not reading.done()
    body.set_complete()
    assert await reading == b"abc"

    body = Body(None, 2)
    await body.put(b"abc")
    body.set_complete()
    with pytest.raises(RequestEntityTooLarge):
        await body
    with pytest.raises(RequestEntityTooLarge):
        await Body(3, 2)

    body = Body(None, None)
    body.set_result(b"all")
    assert await body == b"all"
    body.clear()
    assert await body == b""

    body = Body(None, None)
    body.disconnect()
    with pytest.raises(ClientDisconnectedError):
        await body


async def collected(body):
    return b"".join([chunk async for chunk in body])


async def test_a_request_made_by_hand():
    headers = Headers({"Host": "example.org", "Content-Type": "application/x-www-form-urlencoded"})
    pushed = []

    async def push(path, headers):
        pushed.append(path)

    made = Request(
        "POST",
        "https",
        "/path",
        b"a=b",
        headers,
        "/root",
        "2",
        HTTP_SCOPE,
        max_content_length=10,
        body_timeout=None,
        send_push_promise=push,
    )
    assert made.url == "https://example.org/root/path?a=b"
    assert (made.method, made.http_version, made.max_content_length) == ("POST", "2", 10)
    await made.body.put(b"c=d")
    made.body.set_complete()
    assert (await made.form)["c"] == "d"
    await made.send_push_promise("/pushed")
    assert pushed == ["/pushed"]

    made = Request(
        "POST", "http", "/", b"", Headers(), "", "1.1", HTTP_SCOPE, send_push_promise=push
    )
    assert await made.get_data() == b""  # nothing came and nothing will
    made = Request(
        "POST",
        "http",
        "/",
        b"",
        Headers(),
        "",
        "1.1",
        HTTP_SCOPE,
        body_timeout=0.01,
        send_push_promise=push,
    )
    with pytest.raises(RequestTimeout):
        await made.get_data()


async def test_a_request_made_by_hand_is_matched_by_what_it_says(app):
    @app.route("/named/<name>", methods=["POST"])
    async def named(name):
        return f"{name} {await request.get_data(as_text=True)}"

    made = Request(
        "POST",
        "http",
        "/named/x",
        b"",
        Headers({"Host": "h"}),
        "",
        "1.1",
        HTTP_SCOPE,
        send_push_promise=no_op_push,
    )
    made.body.set_result(b"body")
    response = await app.handle_request(made)
    assert await response.get_data() == b"x body"
    assert app.request_context(made).url_adapter.server_name == "h"


@pytest.mark.parametrize("older", [True, False])
async def test_a_websocket_made_by_hand(older):
    sent = []

    async def receive():
        return "given"

    async def send(data):
        sent.append(data)

    async def accept(headers, subprotocol):
        sent.append(("accept", headers.get("X"), subprotocol))

    async def close(code, reason=""):
        sent.append(("close", code, reason))

    facts = ("/ws", b"a=b", "ws", Headers({"Host": "h"}), "", "1.1", ["p"])
    scope = {**HTTP_SCOPE, "type": "websocket"}
    if older:
        made = Websocket(*facts, receive, send, accept, close, scope)
        Websocket(*facts, receive, send, accept, close, scope=scope)
        made_by_name = Websocket(*facts, send, accept, close, scope, receive=receive)
        assert await made_by_name.receive() == "given"
        assert sent.pop() == ("accept", None, None)
    else:
        made = Websocket(*facts, send, accept, close, scope)
        Websocket(*facts, send, accept, close, scope=scope)
        Websocket(*facts, send=send, accept=accept, close=close, scope=scope)
        assert isinstance(made.buffer, Buffer)
        await made.buffer.put("given")
    assert made.url == "ws://h/ws?a=b"
    assert made.requested_subprotocols == ["p"]
    await made.accept({"X": "1"}, "p")
    assert await made.receive() == "given"
    await made.send(b"bytes")
    await made.close(1000)
    assert sent == [("accept", "1", "p"), b"bytes", ("close", 1000, "")]


async def test_buffers(app):
    buffer = Buffer()
    await buffer.put("a")
    await buffer.put(b"b")
    buffer.disconnect()
    assert [await buffer.get(), await buffer.get()] == ["a", b"b"]
    for _ in range(2):
        with pytest.raises(ClientDisconnectedError):
            await buffer.get()
    assert [message async for message in buffer] == []

    @app.websocket("/buffer")
    async def through_the_buffer():
        with pytest.raises(RuntimeError, match="over its connection"):
            await websocket.buffer.put("x")
        await websocket.send(await websocket.buffer.get())

    async with app.test_client().websocket("/buffer") as connection:
        await connection.send("hello")
        assert await connection.receive() == "hello"
