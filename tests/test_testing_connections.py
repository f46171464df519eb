"""The connections of the test client, with bare ASGI functions at the other end."""

from __future__ import annotations

import asyncio
import gc
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pottle.testing import (
    EventStreamError,
    LifespanError,
    PottleClient,
    TestApp,
    WebsocketClosed,
    WebsocketResponseError,
)
from pottle.testing.connections import IncompleteResponseError
from pottle.testing.events import EventStreamParser, ReceivedEvent
from pottle.wrappers import Response


class Bare:
    """What the client needs of an application, around one ASGI function."""

    response_class = Response
    json = json

    def __init__(self, asgi):
        self.config = {}
        self.asgi = asgi
        self.ended = False

    async def __call__(self, scope, receive, send):
        try:
            await self.asgi(scope, receive, send)
        finally:
            self.ended = True

    def test_client(self, use_cookies=True):
        return PottleClient(self, use_cookies)


def start(status=200, *headers):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data=b"", more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def client(asgi):
    return PottleClient(Bare(asgi))


async def whole_body(receive):
    data, more = b"", True
    while more:
        event = await receive()
        assert event["type"] == "http.request"
        data, more = data + event["body"], event["more_body"]
    return data


async def echo(scope, receive, send):
    await send(start())
    more = True
    while more:
        event = await receive()
        more = event.get("more_body", False)
        if event["type"] == "http.disconnect":
            return
        await send(body(event["body"], more))


async def endless(scope, receive, send):
    await send(start(200, (b"content-type", b"text/event-stream")))
    count = 0
    while True:
        try:
            await send(body(b"data: %d\n\n" % count, more=True))
        except OSError:
            return
        count += 1


# HTTP


async def test_streaming_both_ways():
    async with client(echo).request("/", method="POST") as connection:
        await connection.send(b"one")
        assert await connection.receive() == b"one"
        assert connection.status_code == 200
        await connection.send(b"two")
        assert await connection.receive() == b"two"
        await connection.send_complete()
        assert await connection.receive() == b""
        assert await connection.receive() == b""
    response = await connection.as_response()
    assert await response.get_data() == b"onetwo"


async def test_leaving_the_block_completes_the_body_and_waits_for_the_answer():
    async def app(scope, receive, send):
        data = await whole_body(receive)
        await send(start(201, (b"x-a", b"1"), (b"x-a", b"2")))
        await send(body(data * 2))

    async with client(app).request("/") as connection:
        await connection.send(b"x")
    response = await connection.as_response()
    assert response.status_code == 201
    assert await response.get_data() == b"xx"
    assert response.headers.getlist("X-A") == ["1", "2"]
    assert response.headers.get("Content-Type") is None


async def test_the_application_may_only_send_so_far_ahead():
    sent = 0

    async def app(scope, receive, send):
        nonlocal sent
        await send(start())
        for _ in range(1000):
            await send(body(b"x", more=True))
            sent += 1
        await send(body())

    async with client(app).request("/") as connection:
        assert sent == connection.send_ahead - 1
        await connection.receive()
        await asyncio.sleep(0)
        assert sent == connection.send_ahead
    assert len(connection.response_data) == 1000


async def test_disconnect_is_told_to_the_application_once_the_body_is_read():
    seen = []

    async def app(scope, receive, send):
        while True:
            event = await receive()
            seen.append(event["type"])
            if event["type"] == "http.disconnect":
                return

    async with client(app).request("/") as connection:
        await connection.send(b"x")
        await connection.disconnect()
        assert await connection.receive() == b""
    assert seen == ["http.request", "http.disconnect"]
    with pytest.raises(IncompleteResponseError, match="GET /"):
        await connection.as_response()


async def test_a_disconnected_answer_is_what_had_come():
    async with client(endless).request("/") as connection:
        assert await connection.receive() == b"data: 0\n\n"
        await connection.disconnect()
    response = await connection.as_response()
    assert (await response.get_data()).startswith(b"data: 0\n\ndata: 1\n\n")


async def test_sending_after_the_disconnect_is_an_os_error_that_ends_nothing_else():
    async def app(scope, receive, send):
        await receive()
        await send(start())

    async with client(app).request("/") as connection:
        await connection.disconnect()


async def test_after_the_answer_receive_says_that_the_client_has_gone():
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"x"))
        assert (await receive())["type"] == "http.disconnect"

    response = await client(app).get("/")
    assert await response.get_data() == b"x"


async def test_receive_waits_while_nothing_happens():
    async def app(scope, receive, send):
        await whole_body(receive)
        waiter = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        assert not waiter.done()
        await send(start())
        await send(body(b"x"))
        assert (await waiter)["type"] == "http.disconnect"

    assert (await client(app).post("/", data=b"x")).status_code == 200


async def test_an_error_of_the_application_is_raised_in_the_test():
    async def app(scope, receive, send):
        raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError, match="oops"):
        await client(app).get("/")
    with pytest.raises(ZeroDivisionError):
        async with client(app).request("/"):
            pass
    with pytest.raises(ZeroDivisionError):
        async with client(app).request("/") as connection:
            await connection.receive()


async def test_an_error_within_the_answer_comes_after_what_was_sent():
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"x", more=True))
        raise ZeroDivisionError

    async with client(app).request("/") as connection:
        assert await connection.receive() == b"x"
        with pytest.raises(ZeroDivisionError):
            await connection.receive()


async def test_an_error_after_the_answer_is_raised_too():
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"x"))
        await receive()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await client(app).get("/")


async def test_the_error_of_the_test_goes_before_that_of_the_application():
    async def app(scope, receive, send):
        await send(start())
        await receive()
        raise ZeroDivisionError

    with pytest.raises(KeyError) as caught:
        async with client(app).request("/"):
            raise KeyError("mine")
    assert "ZeroDivisionError" in caught.value.__notes__[0]


@pytest.mark.parametrize("begun", [True, False])
async def test_an_application_that_just_ends(begun):
    async def app(scope, receive, send):
        if begun:
            await send(start())
            await send(body(b"x", more=True))

    where = "within" if begun else "without an answer"
    with pytest.raises(IncompleteResponseError, match=where):
        await client(app).get("/")
    async with client(app).request("/") as connection:
        with pytest.raises(IncompleteResponseError, match=where):
            await connection.as_response()


async def test_an_application_that_was_cancelled_by_itself():
    async def app(scope, receive, send):
        raise asyncio.CancelledError

    with pytest.raises(IncompleteResponseError):
        await client(app).get("/")
    async with client(app).websocket("/") as websocket:
        with pytest.raises(WebsocketClosed, match="1006"):
            await websocket.receive()


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([body()], "had not begun"),
        ([start(), start()], "had begun"),
        ([start(), body(), body()], "complete already"),
        ([{"type": "http.response.push", "path": "/", "headers": []}], "no such message"),
        ([{"type": "websocket.accept"}], "no such message"),
    ],
)
async def test_the_application_is_held_to_the_protocol(messages, error):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    with pytest.raises(RuntimeError, match=error):
        await client(app).get("/")


async def test_an_application_that_does_not_end_is_cancelled():
    cancelled = False

    async def app(scope, receive, send):
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise

    connection = client(app).request("/")
    connection.timeout = 0.01
    with pytest.raises(TimeoutError, match=r"had not ended 0\.01 s after the client left"):
        async with connection:
            await connection.disconnect()
    assert cancelled
    connection = client(app).request("/")
    connection.timeout = 0.01
    with pytest.raises(KeyError) as caught:
        async with connection:
            raise KeyError("mine")
    assert "had not ended" in caught.value.__notes__[0]


async def test_an_answer_without_an_end_is_not_waited_for_for_ever():
    app = Bare(endless)
    connection = PottleClient(app).request("/")
    connection.timeout = 0.01
    with pytest.raises(TimeoutError, match="disconnect"):
        async with connection:
            pass
    assert app.ended


async def test_an_error_on_being_cancelled_is_no_loose_end(caplog):
    async def app(scope, receive, send):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    connection = client(app).request("/")
    connection.timeout = 0.01
    with pytest.raises(ZeroDivisionError):
        async with connection:
            pass
    del connection
    gc.collect()
    assert not caplog.records


async def test_a_request_that_is_cancelled_leaves_no_task_behind():
    async def app(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    bare = Bare(app)
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await PottleClient(bare).get("/")
    assert bare.ended
    assert asyncio.all_tasks() == before


async def test_requests_leave_no_task_behind():
    before = asyncio.all_tasks()
    await client(echo).get("/")
    async with client(echo).request("/") as connection:
        await connection.disconnect()
    assert asyncio.all_tasks() == before


async def test_push_promises():
    async def app(scope, receive, send):
        if "http.response.push" in scope["extensions"]:
            await send({"type": "http.response.push", "path": "/a", "headers": [(b"x", b"1")]})
        await send(start())
        await send(body())

    test_client = client(app)
    await test_client.get("/")
    assert test_client.push_promises == []
    await test_client.get("/", http_version="2")
    ((path, headers),) = test_client.push_promises
    assert path == "/a"
    assert headers["X"] == "1"


# Websockets


async def accept(receive, send, **extra):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", **extra})


async def websocket_echo(scope, receive, send):
    await accept(receive, send, subprotocol="b", headers=[(b"set-cookie", b"a=1")])
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", **{k: v for k, v in event.items() if k != "type"}})


async def test_websocket_echo():
    test_client = client(websocket_echo)
    async with test_client.websocket("/", subprotocols=["a", "b"]) as websocket:
        assert websocket.accepted
        assert websocket.subprotocol == "b"
        assert websocket.accept_headers["Set-Cookie"] == "a=1"
        assert websocket.scope["subprotocols"] == ["a", "b"]
        for message in ["text", b"bytes", "", b""]:
            await websocket.send(message)
            assert await websocket.receive() == message
        await websocket.send_json({"a": [1]})
        assert await websocket.receive_json() == {"a": [1]}
    assert websocket.close_code == 1000
    assert test_client.get_cookie("a").value == "1"


async def closing(scope, receive, send):
    await accept(receive, send)
    await send({"type": "websocket.send", "text": "last"})
    await send({"type": "websocket.close", "code": 4001, "reason": "enough"})
    assert await receive() == {"type": "websocket.disconnect", "code": 4001, "reason": "enough"}


async def test_receive_after_the_application_closed():
    async with client(closing).websocket("/") as websocket:
        await websocket.send("to nobody")
        assert await websocket.receive() == "last"
        for _ in range(2):
            with pytest.raises(WebsocketClosed, match="4001: enough") as caught:
                await websocket.receive()
        assert (caught.value.code, caught.value.reason) == (4001, "enough")
    assert (websocket.close_code, websocket.close_reason) == (4001, "enough")


async def test_a_waiting_receive_ends_when_the_application_does():
    release = asyncio.Event()

    async def app(scope, receive, send):
        await accept(receive, send)
        await release.wait()

    async with client(app).websocket("/") as websocket:
        waiter = asyncio.ensure_future(websocket.receive())
        await asyncio.sleep(0)
        release.set()
        with pytest.raises(WebsocketClosed) as caught:
            await waiter
        assert caught.value.code == 1006
        assert not isinstance(caught.value, asyncio.CancelledError)


@pytest.mark.parametrize(
    ("leave", "code", "reason"),
    [
        (lambda ws: ws.close(), 1000, ""),
        (lambda ws: ws.close(4002, "bye"), 4002, "bye"),
        (lambda ws: ws.disconnect(), 1006, ""),
        (lambda ws: asyncio.sleep(0), 1000, ""),
    ],
)
async def test_the_client_closes(leave, code, reason):
    seen = []

    async def app(scope, receive, send):
        await accept(receive, send)
        await send({"type": "websocket.send", "bytes": b"sent before"})
        while (event := await receive())["type"] == "websocket.receive":
            seen.append(event["text"])
        seen.append(event)
        with pytest.raises(OSError, match="nobody"):
            await send({"type": "websocket.send", "text": "x"})

    async with client(app).websocket("/") as websocket:
        await websocket.send("unread")
        await leave(websocket)
        assert await websocket.receive() == b"sent before"
        if websocket.close_code is not None:
            with pytest.raises(WebsocketClosed) as caught:
                await websocket.receive()
            assert (caught.value.code, caught.value.reason) == (code, reason)
    assert seen == ["unread", {"type": "websocket.disconnect", "code": code, "reason": reason}]


async def refuse(scope, receive, send):
    assert "websocket.http.response" in scope["extensions"]
    head = start(401, (b"x-why", b"no"))
    await send({**head, "type": "websocket.http.response.start"})
    await send({**body(b"no ", more=True), "type": "websocket.http.response.body"})
    await send({**body(b"entry"), "type": "websocket.http.response.body"})


async def test_a_refused_handshake():
    async with client(refuse).websocket("/") as websocket:
        for ask in (websocket.receive, websocket.wait_accepted):
            with pytest.raises(WebsocketResponseError) as caught:
                await ask()
    assert caught.value.response.status_code == 401
    assert caught.value.response.headers["X-Why"] == "no"
    assert await caught.value.response.get_data() == b"no entry"
    assert not websocket.accepted
    with pytest.raises(WebsocketResponseError):
        async with client(refuse).websocket("/"):
            pass


async def test_a_close_before_the_accept_is_a_403():
    async def app(scope, receive, send):
        await send({"type": "websocket.close", "code": 1008})

    async with client(app).websocket("/") as websocket:
        with pytest.raises(WebsocketResponseError) as caught:
            await websocket.receive()
    assert caught.value.response.status_code == 403


async def test_waiting_for_the_accept():
    release = asyncio.Event()

    async def app(scope, receive, send):
        await release.wait()
        await accept(receive, send)
        await receive()

    async with client(app).websocket("/") as websocket:
        assert not websocket.accepted
        asyncio.get_running_loop().call_soon(release.set)
        assert await websocket.wait_accepted() is websocket
        assert websocket.accepted


async def test_an_error_of_the_application_goes_before_the_close_it_leads_to():
    async def app(scope, receive, send):
        await accept(receive, send)
        await receive()
        await send({"type": "websocket.close", "code": 1011})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with client(app).websocket("/") as websocket:
            await websocket.send("x")
            await websocket.receive()


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([{"type": "websocket.send", "text": "x"}], "not accepted yet"),
        ([{"type": "websocket.accept"}] * 2, "accepted already"),
        ([{"type": "websocket.accept"}, {"type": "websocket.send"}], "either"),
        (
            [{"type": "websocket.accept"}, {"type": "websocket.send", "text": "", "bytes": b""}],
            "either",
        ),
        ([{"type": "websocket.accept"}, {"type": "websocket.close"}] * 2, "complete already"),
        ([{"type": "websocket.http.response.body"}], "no place"),
        ([{"type": "http.response.start"}], "no place"),
    ],
)
async def test_a_websocket_is_held_to_the_protocol(messages, error):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    with pytest.raises(RuntimeError, match=error):
        async with client(app).websocket("/"):
            pass


# Event streams


def parse(*pieces):
    parser = EventStreamParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [ReceivedEvent("a")]),
        (b"data:a\r\ndata:b\r\rdata:  c\n\n", [ReceivedEvent("a\nb"), ReceivedEvent(" c")]),
        (b"\xef\xbb\xbfdata: a\n\n", [ReceivedEvent("a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [ReceivedEvent("b")]),
        (b": comment\n:\ndata: a\n: x\n\n", [ReceivedEvent("a")]),
        (b"data\n\ndata\ndata\n\ndata:", [ReceivedEvent(""), ReceivedEvent("\n")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [ReceivedEvent("a", "x"), ReceivedEvent("b")]),
        (b"event: x\n\ndata: b\n\n", [ReceivedEvent("b")]),
        (b"event: x\nevent:\ndata: b\n\n", [ReceivedEvent("b")]),
        (
            b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            [ReceivedEvent("a", id="1"), ReceivedEvent("b", id="1"), ReceivedEvent("c")],
        ),
        (b"id: 1\n\nid: 2\0\ndata: a\n\n", [ReceivedEvent("a", id="1")]),
        (b"retry: 10\ndata: a\n\ndata: b\n\n", [ReceivedEvent("a", retry=10), ReceivedEvent("b")]),
        (b"retry: -1\nretry: 1x\nretry: \xc2\xb2\nretry:\ndata: a\n\n", [ReceivedEvent("a")]),
        (b"Data: a\nunknown: b\n data: c\ndata : d\n\n", []),
        (b"data: \xff\n\n", [ReceivedEvent("\ufffd")]),
        (b"data: a\x0bb\xc2\x85c\xe2\x80\xa8d\n\n", [ReceivedEvent("a\x0bb\x85c\u2028d")]),
        (b"data: unfinished\n", []),
        (b"\n\n\r\r\n", []),
    ],
)
def test_event_stream_format(stream, events):
    assert parse(stream) == events
    assert parse(*(bytes([byte]) for byte in stream)) == events


def test_a_cr_ends_a_line_at_once():
    parser = EventStreamParser()
    assert parser.feed(b"data: a\r\r") == [ReceivedEvent("a")]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"") == []
    assert parser.feed(b"data: b\r") == []
    assert parser.feed(b"\ndata: c\r\n\r") == [ReceivedEvent("b\nc")]


def test_the_parser_keeps_what_a_browser_keeps():
    parser = EventStreamParser()
    assert parser.feed(b"id: 7\nretry: 500\n\n") == []
    assert (parser.last_event_id, parser.retry) == ("7", 500)
    parser.feed(b"id: 8\n")
    assert parser.last_event_id == "7", "the event is not complete yet"


LINES = st.lists(
    st.tuples(
        st.sampled_from(["data", "data:", "data: ", "id: ", "event: ", "retry: ", ": ", ""]),
        st.text("aä\0 :7€", max_size=3),
        st.sampled_from(["\r", "\n", "\r\n", "\n\n"]),
    ),
    max_size=12,
)


@given(LINES, st.data())
def test_the_pieces_do_not_matter(lines, data):
    stream = "".join(map("".join, lines)).encode()
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    edges = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert parse(*pieces) == parse(stream)


async def test_sse():
    bare = Bare(endless)
    async with PottleClient(bare).sse("/") as events:
        async for event in events:
            if event.data == "200":
                break
        assert (await events.receive()).json() == 201
        assert events.connection.status_code == 200
        assert not bare.ended
    assert bare.ended


async def test_sse_that_ends():
    async def app(scope, receive, send):
        assert (b"accept", b"text/event-stream") in scope["headers"]
        data = await whole_body(receive)
        await send(start(200, (b"content-type", b"Text/Event-Stream; charset=utf-8")))
        await send(body(b"id: 3\ndata: " + data + b"\n\ndata: lost"))

    async with client(app).sse("/", method="POST", json=[1]) as events:
        assert [event.json() async for event in events] == [[1]]
        with pytest.raises(EOFError):
            await events.receive()
        assert events.last_event_id == "3"


@pytest.mark.parametrize(
    ("status", "content_type"), [(500, b"text/event-stream"), (200, b"text/html"), (204, b"")]
)
async def test_an_answer_that_is_no_event_stream(status, content_type):
    async def app(scope, receive, send):
        await send(start(status, (b"content-type", content_type)))
        await send(body(b"a", more=True))
        await send(body(b"b"))

    async with client(app).sse("/") as events:
        with pytest.raises(EventStreamError, match=str(status)) as caught:
            await events.receive()
    assert await caught.value.response.get_data() == b"ab"


async def test_an_endless_answer_that_is_no_event_stream():
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"a", more=True))
        while (await receive())["type"] != "http.disconnect":
            pass

    async with client(app).sse("/") as events:
        events.connection.timeout = 0.01
        with pytest.raises(EventStreamError, match="no content type"):
            await events.receive()


# Lifespan


async def lifespan(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["seen"] = []
        scope["state"]["number"] = 1
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        scope["state"]["seen"].append("end")
        await send({"type": "lifespan.shutdown.complete"})
        return
    scope["state"]["seen"].append(scope["path"])
    scope["state"]["number"] += 1
    await send(start())
    await send(body(b"%d" % scope["state"]["number"]))


async def test_lifespan_and_its_state():
    test_app = TestApp(Bare(lifespan))
    for _ in range(2):
        async with test_app:
            test_client = test_app.test_client()
            for _ in range(2):
                response = await test_client.get("/x")
                assert await response.get_data() == b"2", "each request has a copy of its own"
        assert test_app.state == {"seen": ["/x", "/x", "end"], "number": 1}


async def test_lifespan_calls_out_of_order():
    test_app = TestApp(Bare(lifespan))
    with pytest.raises(RuntimeError, match="not started"):
        await test_app.shutdown()
    async with test_app:
        with pytest.raises(RuntimeError, match="already"):
            await test_app.startup()


def failing(step, how):
    async def app(scope, receive, send):
        for at in ("startup", "shutdown"):
            await receive()
            if at == step and how == "raise":
                raise ZeroDivisionError(f"oops {step}")
            if at == step and how == "return":
                return
            if at == step and how == "hang":
                await asyncio.Event().wait()
            outcome = "failed" if at == step and how == "say" else "complete"
            await send({"type": f"lifespan.{at}.{outcome}", "message": "no database"})

    return Bare(app)


@pytest.mark.parametrize("step", ["startup", "shutdown"])
@pytest.mark.parametrize(
    ("how", "error", "match"),
    [
        ("say", LifespanError, "Error during {}: no database"),
        ("raise", ZeroDivisionError, "oops {}"),
        ("return", LifespanError, "Error during {}: .*lifespan protocol"),
        ("hang", TimeoutError, "finish its {} in 0.01 s"),
    ],
)
async def test_a_lifespan_that_fails(step, how, error, match):
    before = asyncio.all_tasks()
    test_app = TestApp(failing(step, how), startup_timeout=0.01, shutdown_timeout=0.01)
    with pytest.raises(error, match=match.format(step)):
        async with test_app:
            assert step == "shutdown"
    assert asyncio.all_tasks() == before


async def test_the_error_of_the_test_goes_before_that_of_the_shutdown():
    with pytest.raises(KeyError) as caught:
        async with TestApp(failing("shutdown", "say")):
            raise KeyError("mine")
    assert "no database" in caught.value.__notes__[0]


@pytest.mark.parametrize("ending", ["raise", "hang"])
async def test_a_lifespan_that_does_not_end_well(ending):
    async def app(scope, receive, send):
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        if ending == "raise":
            raise ZeroDivisionError
        await receive()

    with pytest.raises(ZeroDivisionError if ending == "raise" else TimeoutError):
        async with TestApp(Bare(app), shutdown_timeout=0.01):
            pass
