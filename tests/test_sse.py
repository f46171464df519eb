"""Server-sent events: what is written is what a client of the HTML standard reads."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from functools import partial
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from peer import Peer, call, http_scope, piece
from pottle import Blueprint, Pottle, request, session
from pottle.realtime import EventStream, ServerSentEvent, event_view
from pottle.realtime.events import encode_event
from pottle.wrappers import Response


def parse(stream: bytes) -> list[dict[str, Any]]:
    """The events that a client dispatches (HTML standard, section 9.2.6), and `retry` as it goes."""
    events: list[dict[str, Any]] = []
    data: list[str] = []
    kind, last_id, retry = "", "", None
    lines = re.split(r"\r\n|\r|\n", stream.decode("utf-8"))
    assert lines.pop() == "", "the stream must end with a whole line"
    for line in lines:
        if line == "":
            if data:
                events.append(
                    {
                        "data": "\n".join(data),
                        "event": kind or "message",
                        "id": last_id,
                        "retry": retry,
                    }
                )
            data, kind = [], ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last_id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            retry = int(value)
    assert not data, "an event was left open"
    return events


one_line = st.text().filter(lambda text: not re.search(r"[\r\n\0]", text))


@given(
    data=st.text(),
    event=st.none() | one_line,
    id=st.none() | one_line,
    retry=st.none() | st.integers(0, 10**9),
    comment=st.none() | st.text(),
)
def test_a_client_reads_what_was_written(
    data: str, event: str | None, id: str | None, retry: int | None, comment: str | None
) -> None:
    sent = ServerSentEvent(data, event=event, id=id, retry=retry, comment=comment)
    (received,) = parse(sent.encode())
    assert received["data"] == re.sub(r"\r\n|\r", "\n", data)
    assert received["event"] == (event or "message")
    assert received["id"] == (id or "")
    assert received["retry"] == retry


@given(st.lists(st.text(), max_size=4))
def test_events_stay_apart(texts: list[str]) -> None:
    stream = b"".join(encode_event(text) for text in texts)
    assert [event["data"] for event in parse(stream)] == [
        re.sub(r"\r\n|\r", "\n", text) for text in texts
    ]


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        ("hello", b"data: hello\n\n"),
        ("", b"data: \n\n"),
        ("a\r\nb\rc\nd\n", b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        (" \u2028", b"data:  \xe2\x80\xa8\n\n"),
        ({"a": [1, None]}, b'data: {"a": [1, null]}\n\n'),
        ([1], b"data: [1]\n\n"),
        (0, b"data: 0\n\n"),
        (False, b"data: false\n\n"),
        (1.5, b"data: 1.5\n\n"),
        (b"data: as it is\n\n", b"data: as it is\n\n"),
        (bytearray(b":\n\n"), b":\n\n"),
        (None, b":\n\n"),
        (ServerSentEvent(), b":\n\n"),
        (ServerSentEvent(comment="a\nb"), b": a\n: b\n\n"),
        (ServerSentEvent(retry=0), b"retry: 0\n\n"),
        (ServerSentEvent(id=7), b"id: 7\n\n"),
        (
            ServerSentEvent("x", event="e", id="i", retry=1, comment="c"),
            b": c\nevent: e\ndata: x\nid: i\nretry: 1\n\n",
        ),
    ],
)
def test_encoding(item: Any, encoded: bytes) -> None:
    assert encode_event(item) == encoded


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "x\n\ndata: forged"])
@pytest.mark.parametrize("field", ["id", "event"])
def test_a_field_cannot_smuggle_another_one(field: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"The {field} of a server-sent event is one line"):
        ServerSentEvent("x", **{field: text})


@pytest.mark.parametrize("retry", [-1, 1.5, "1", True])
def test_retry_is_milliseconds(retry: Any) -> None:
    with pytest.raises(ValueError, match="whole number of milliseconds"):
        ServerSentEvent(retry=retry)


def test_data_that_json_cannot_say() -> None:
    with pytest.raises(TypeError):
        ServerSentEvent(object()).encode()


def test_repr_shows_what_was_given() -> None:
    assert repr(ServerSentEvent("x", id="1")) == "ServerSentEvent(data='x', id='1')"


# The response


async def read(stream: EventStream) -> bytes:
    async with stream.response as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_headers_and_limits() -> None:
    stream = EventStream([])
    assert stream.status_code == 200
    assert stream.headers["Content-Type"] == "text/event-stream"
    assert stream.headers["Cache-Control"] == "no-cache"
    assert stream.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in stream.headers
    assert "Connection" not in stream.headers
    assert (stream.timeout, stream.keep_alive, stream.keep_alive_chunk) == (..., 15.0, b":\n\n")
    assert stream.long_lived
    await read(stream)


async def test_own_headers_and_status_win() -> None:
    stream = EventStream(
        [], status=201, headers={"Cache-Control": "no-store", "X-Own": "1"}, keep_alive=None
    )
    assert stream.status_code == 201
    assert stream.headers["Cache-Control"] == "no-store"
    assert stream.headers["X-Own"] == "1"
    assert stream.headers["Content-Type"] == "text/event-stream"
    assert stream.keep_alive is None
    await read(stream)


async def test_sources() -> None:
    async def later() -> Any:
        yield "a"
        yield {"b": 1}

    def now() -> Any:
        yield "a"
        yield {"b": 1}

    class Both:
        def __aiter__(self) -> Any:
            return later()

    for source in (later(), now(), Both(), ["a", {"b": 1}]):
        assert await read(EventStream(source)) == b'data: a\n\ndata: {"b": 1}\n\n'


async def test_retry_goes_first() -> None:
    assert await read(EventStream(["a"], retry=500)) == b"retry: 500\n\ndata: a\n\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [(lambda: None, "Call the function"), ("text", "'text'"), (b"bytes", "bytes"), (3, "not 3")],
)
def test_what_is_no_source(source: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        EventStream(source)


async def test_closing_the_body_closes_the_source() -> None:
    ended: list[str] = []

    async def later() -> Any:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.append("async")

    def now() -> Any:
        try:
            while True:
                yield 1
        finally:
            ended.append("sync")

    for source in (later(), now()):
        async with EventStream(source).response as chunks:
            async for chunk in chunks:
                assert chunk == b"data: 1\n\n"
                break
    assert ended == ["async", "sync"]


async def test_a_source_is_closed_before_its_first_event() -> None:
    class Subscription:
        closed = False

        def __aiter__(self) -> Subscription:
            return self

        async def __anext__(self) -> str:
            raise AssertionError("nobody asked for an event")

        async def aclose(self) -> None:
            self.closed = True

    subscription = Subscription()
    async with EventStream(subscription).response:
        pass
    assert subscription.closed


async def test_a_source_without_close() -> None:
    class Countdown:
        left = 2

        def __aiter__(self) -> Countdown:
            return self

        async def __anext__(self) -> int:
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return self.left

    assert await read(EventStream(Countdown())) == b"data: 1\n\ndata: 0\n\n"


# Through an application


@pytest.fixture
def app() -> Pottle:
    app = Pottle(__name__)
    app.secret_key = "a key of more than sixteen bytes"
    return app


async def test_a_view_that_returns_a_stream(app: Pottle) -> None:
    @app.get("/events")
    async def events() -> EventStream:
        async def source() -> Any:
            yield request.path
            yield ServerSentEvent({"b": 1, "a": session.get("user")}, event="news", id="1")

        return EventStream(source(), retry=100)

    response = await app.test_client().get("/events")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    first, second = parse(await response.get_data())
    assert first == {"data": "/events", "event": "message", "id": "", "retry": 100}
    # The JSON is that of the application, whose keys are sorted.
    assert second == {"data": '{"a": null, "b": 1}', "event": "news", "id": "1", "retry": 100}


async def test_views_that_are_sources(app: Pottle) -> None:
    class Texts:
        def __init__(self, word: str) -> None:
            self.word = word

        async def __aiter__(self) -> Any:
            yield self.word

    async def generator(word: str) -> Any:
        yield word

    def plain_generator(word: str) -> Any:
        yield word

    async def coroutine(word: str) -> Any:
        return Texts(word)

    def plain(word: str) -> Any:
        return iter([word])

    for func in (generator, plain_generator, coroutine, plain, partial(generator)):
        view = event_view(func, retry=5)
        assert view.__doc__ == func.__doc__
        app.add_url_rule(f"/{len(app.view_functions)}/<word>", f"{id(func)}", view)
    client = app.test_client()
    rules = [rule.rule for rule in app.url_map.iter_rules() if rule.rule.endswith("<word>")]
    assert len(rules) == 5
    for rule in rules:
        response = await client.get(rule.replace("<word>", "hello"))
        assert await response.get_data() == b"retry: 5\n\ndata: hello\n\n"
    assert event_view(generator).__name__ == "generator"


async def test_an_event_view_may_answer_otherwise(app: Pottle) -> None:
    answers: dict[str, Any] = {"tuple": ("no more", 410), "list": [1], "none": Response("", 204)}

    @event_view
    async def view(name: str) -> Any:
        return answers[name]

    app.add_url_rule("/<name>", "view", view)
    client = app.test_client()
    assert (await client.get("/tuple")).status_code == 410
    assert await (await client.get("/list")).get_json() == [1]
    assert (await client.get("/none")).status_code == 204


async def test_the_decorator(app: Pottle) -> None:
    blueprint = Blueprint("live", __name__, url_prefix="/live")

    @app.sse("/one", retry=7)
    async def one() -> Any:
        yield "one"

    @blueprint.sse("/two/<word>")
    async def two(word: str) -> Any:
        """Two."""
        yield {"word": word}

    app.register_blueprint(blueprint)
    client = app.test_client()
    assert await (await client.get("/one")).get_data() == b"retry: 7\n\ndata: one\n\n"
    assert await (await client.get("/live/two/x")).get_data() == b'data: {"word": "x"}\n\n'
    assert app.view_functions["live.two"].__doc__ == "Two."


async def test_last_event_id(app: Pottle) -> None:
    @app.sse("/events")
    async def events() -> Any:
        last = int(request.last_event_id or 0)
        for number in range(last + 1, last + 3):
            yield ServerSentEvent(number, id=number)

    response = await app.test_client().get("/events", headers={"Last-Event-ID": "41"})
    assert [event["id"] for event in parse(await response.get_data())] == ["42", "43"]


# On a real server


class Served:
    """An application on uvicorn, and what a client reads from it."""

    def __init__(self, app: Any) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=5)
        self.server = uvicorn.Server(config)

    async def __aenter__(self) -> Served:
        self.task = asyncio.create_task(self.server.serve(sockets=[self.socket]))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.server.should_exit = True
        await self.task
        self.socket.close()

    async def open(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.socket.getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-type: text/event-stream\r\n" in head
        return reader, writer


@pytest.mark.parametrize("kind", ["async", "silent", "sync"])
async def test_when_the_client_leaves_the_source_ends(app: Pottle, kind: str) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    @app.sse("/async")
    async def events() -> Any:
        try:
            while True:
                yield "tick"
                await asyncio.sleep(0.01)
        finally:
            await asyncio.sleep(0)
            ended.set()

    @app.sse("/silent")
    async def silent() -> Any:
        try:
            yield "tick"
            await asyncio.Event().wait()
        finally:
            ended.set()

    @app.sse("/sync")
    def plain() -> Any:
        pause = threading.Event()
        try:
            while True:
                yield "tick"
                pause.wait(0.01)
        finally:
            loop.call_soon_threadsafe(ended.set)

    async with Served(app) as served:
        reader, writer = await served.open(f"/{kind}")
        await reader.readuntil(b"data: tick\n\n")
        writer.close()
        async with asyncio.timeout(1):
            await ended.wait()
            await writer.wait_closed()


async def test_a_silent_stream_is_kept_alive(app: Pottle) -> None:
    @app.sse("/events", keep_alive=0.02)
    async def events() -> Any:
        yield "first"
        await asyncio.Event().wait()

    async with Served(app) as served:
        reader, writer = await served.open("/events")
        async with asyncio.timeout(2):
            await reader.readuntil(b"data: first\n\n")
            await reader.readuntil(b":\n\n")
            await reader.readuntil(b":\n\n")
        writer.close()
        await writer.wait_closed()


async def test_fillers_and_events_do_not_overlap(app: Pottle) -> None:
    """Sending takes longer than the silence that is filled."""

    @app.sse("/events", keep_alive=0.05)
    async def events() -> Any:
        for number in range(3):
            yield f"{number}"
            await asyncio.sleep(0.3)

    sending, sent = False, b""

    async def send(message: dict[str, Any]) -> None:
        nonlocal sending, sent
        assert not sending
        sending = True
        try:
            await asyncio.sleep(0.1)
        finally:
            sending = False
        sent += message.get("body", b"")

    await app(http_scope("/events"), Peer(piece(b"", False)).receive, send)
    assert parse(sent) == [
        {"data": f"{number}", "event": "message", "id": "", "retry": None} for number in range(3)
    ]
    assert 2 <= sent.count(b"\n:\n\n") <= 8


async def test_a_busy_stream_is_not_filled(app: Pottle) -> None:
    @app.sse("/events", keep_alive=0.5)
    async def events() -> Any:
        for _ in range(40):
            yield "tick"
            await asyncio.sleep(0.02)

    peer = await call(app, http_scope("/events"), piece(b"", False))
    assert peer.body == b"data: tick\n\n" * 40


async def test_the_end_does_not_wait_for_a_filler(app: Pottle) -> None:
    ended: list[str] = []

    @app.sse("/events", keep_alive=0.05)
    async def events() -> Any:
        yield "first"
        await asyncio.sleep(0.3)

    peer = Peer(piece(b"", False))

    async def send(message: dict[str, Any]) -> None:
        if message.get("body") == b":\n\n":
            try:
                await asyncio.sleep(100)
            finally:
                ended.append("filler")
        await peer.send(message)

    async with asyncio.timeout(2):
        await app(http_scope("/events"), peer.receive, send)
    assert (peer.body, peer.is_complete, ended) == (b"data: first\n\n", True, ["filler"])


async def test_a_filler_for_a_client_that_is_gone(
    app: Pottle, caplog: pytest.LogCaptureFixture
) -> None:
    @app.sse("/events", keep_alive=0.05)
    async def events() -> Any:
        yield "first"
        peer.broken = OSError("gone")
        await asyncio.sleep(0.2)
        yield "second"

    peer = Peer(piece(b"", False))
    await app(http_scope("/events"), peer.receive, peer.send)
    assert (peer.body, peer.is_complete, caplog.records) == (b"data: first\n\n", False, [])


async def test_a_stream_outlives_the_response_timeout(app: Pottle) -> None:
    app.config["RESPONSE_TIMEOUT"] = 0.02

    @app.sse("/events", keep_alive=None)
    async def events() -> Any:
        await asyncio.sleep(0.1)  # longer than the limit for other answers
        yield "late"

    response = await app.test_client().get("/events")
    assert await response.get_data() == b"data: late\n\n"


async def test_shutdown_ends_a_stream(app: Pottle) -> None:
    ended = asyncio.Event()

    @app.sse("/events")
    async def events() -> Any:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Served(app) as served:
        reader, writer = await served.open("/events")
        await reader.readuntil(b"data: first\n\n")
        app.begin_shutdown()
        async with asyncio.timeout(2):
            await ended.wait()
            await reader.readuntil(b"\r\n0\r\n\r\n")  # a whole answer, not a broken one
        writer.close()
        await writer.wait_closed()
