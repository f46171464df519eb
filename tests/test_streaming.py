"""Answers that are streams: what goes out when, what ends them, and what runs at their end."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from peer import Peer, call, calling, http_scope, piece
from pottle import (
    Pottle,
    Response,
    g,
    request,
    send_file,
    stream_with_context,
)
from pottle.engine.sweep import INTERVAL, running_sweep
from pottle.errors import ClientDisconnected
from pottle.signals import got_request_exception
from pottle.testing.connections import IncompleteResponseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    View = Callable[[], Any]

END = piece(b"", False)
GONE = {"type": "http.disconnect"}
CANCELLABLE = pytest.mark.parametrize("options", [{}, {"cancel_on_disconnect": False}], ids=str)


def app_for(view: View, **config: Any) -> Pottle:
    app = Pottle(__name__)
    app.config.update(config)
    app.add_url_rule("/", "view", view)
    return app


def chunks_of(peer: Peer) -> list[bytes]:
    return [message["body"] for message in peer.sent[1:] if message["body"]]


class AnIterator:
    """An async iterable that is no generator."""

    def __init__(self) -> None:
        self.left = ["a", b"b"]

    def __aiter__(self) -> AnIterator:
        return self

    async def __anext__(self) -> str | bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


async def async_source() -> AsyncIterator[str | bytes]:
    yield "a"
    await asyncio.sleep(0)
    yield b"b"


def sync_source() -> Iterator[str | bytes]:
    yield "a"
    yield b"b"


# What is streamed


@pytest.mark.parametrize(
    "make",
    [
        async_source,
        sync_source,
        AnIterator,
        lambda: iter(["a", b"b"]),
        lambda: (["a", b"b"][number] for number in range(2)),
        lambda: Response(async_source()),
        lambda: Response(sync_source()),
        lambda: Response(["a", b"b"]),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
async def test_whatever_can_be_iterated_is_streamed(
    make: Callable[[], Any], is_async: bool
) -> None:
    async def view() -> Any:
        return make()

    app = app_for(view if is_async else make)
    peer = await call(app, http_scope(), END)
    assert peer.status == 200
    assert chunks_of(peer) == [b"a", b"b"]
    assert peer.header("content-length") is None
    assert peer.header("content-type") == "text/html; charset=utf-8"
    assert [message.get("more_body") for message in peer.sent[1:]] == [True, True, False]
    answer = await app.test_client().get("/")
    assert await answer.get_data() == b"ab"


async def test_a_view_that_is_a_generator_function() -> None:
    async def view() -> AsyncIterator[str]:
        yield request.path
        yield "b"

    assert chunks_of(await call(app_for(view), http_scope(), END)) == [b"/", b"b"]


async def test_with_a_status_and_headers() -> None:
    async def view() -> Any:
        return async_source(), 201, {"Content-Type": "text/plain", "Content-Length": "2"}

    peer = await call(app_for(view), http_scope(), END)
    assert (peer.status, peer.body) == (201, b"ab")
    assert peer.header("content-type") == "text/plain"
    assert peer.header("content-length") == "2"


async def test_each_chunk_goes_out_before_the_next_is_asked_for() -> None:
    sent: list[int] = []

    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            for _ in range(3):
                sent.append(len(peer.sent))
                yield "x"

        return source()

    async with calling(app_for(view), http_scope(), END) as peer:
        pass
    assert sent == [1, 2, 3]


async def test_a_slow_server_slows_the_source() -> None:
    made = 0

    async def view() -> Any:
        async def source() -> AsyncIterator[bytes]:
            nonlocal made
            for _ in range(1000):
                made += 1
                yield b"x"

        return source()

    connection = app_for(view).test_client().request("/")
    connection.send_ahead = 3
    async with connection:
        await connection.send_complete()
        for count in range(1, 11):
            assert await connection.receive() == b"x"
            assert made <= count + 4
        await connection.disconnect()


async def test_context_variables_and_thread_of_a_synchronous_source() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    loop_thread = threading.get_ident()
    seen: list[Any] = []

    async def view() -> Any:
        variable.set("view")

        def source() -> Iterator[str]:
            for _ in range(3):
                seen.append((variable.get(), threading.get_ident() != loop_thread, request.path))
                variable.set(f"step {len(seen)}")
                yield "x"

        return source()

    await call(app_for(view), http_scope(), END)
    assert seen == [("view", True, "/"), ("step 1", True, "/"), ("step 2", True, "/")]


@pytest.mark.parametrize("item", [1, None, {"a": 1}])
async def test_what_is_neither_text_nor_bytes(item: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[Any]:
            yield item

        return source()

    peer = await call(app_for(view), http_scope(), END)
    assert not peer.is_complete
    assert "A response body is made of str or bytes" in caplog.text


# Answers without a body


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("HEAD", 404)]
)
async def test_answers_without_a_body_have_none(method: str, status: int) -> None:
    ran: list[str] = []

    async def source() -> AsyncIterator[str]:
        ran.append("begun")
        yield "x"

    class Closable:
        """What holds a resource from the beginning, begun or not."""

        def __iter__(self) -> Iterator[str]:
            ran.append("begun")
            return iter("x")

        def close(self) -> None:
            ran.append("closed")

    async def streamed() -> Any:
        return source(), status

    async def closable() -> Any:
        return Response(Closable()), status

    async def data() -> Any:
        return "data", status

    views: dict[str, View] = {"/streamed": streamed, "/closable": closable, "/data": data}
    app = Pottle(__name__)
    for path, view in views.items():
        app.add_url_rule(path, path, view)
        peer = await call(app, http_scope(path, method=method), END)
        assert peer.status == status
        assert peer.body == b""
        assert peer.is_complete
        if status == 204:
            assert peer.header("content-length") is None
    assert [item for item in ran if item == "closed"] == ["closed"]


async def test_head_tells_the_length_of_data() -> None:
    async def view() -> str:
        return "four"

    peer = await call(app_for(view), http_scope(method="HEAD"), END)
    assert (peer.header("content-length"), peer.body) == ("4", b"")


# Files


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_file_goes_by_its_path_where_the_server_offers_that(
    tmp_path: Path, method: str
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123456789")

    async def view() -> Response:
        return await send_file(path, conditional=True)

    app = app_for(view)
    offered = {"extensions": {"http.response.pathsend": {}}}
    peer = await call(app, http_scope(method=method, **offered), END)
    assert peer.header("content-length") == "10"
    if method == "HEAD":
        assert peer.sent[1:] == [{"type": "http.response.body", "body": b""}]
        return
    assert peer.sent[1:] == [{"type": "http.response.pathsend", "path": str(path)}]

    part = {**offered, "headers": [(b"range", b"bytes=2-4")]}
    peer = await call(app, http_scope(**part), END)
    assert (peer.status, peer.body) == (206, b"234")
    peer = await call(app, http_scope(), END)
    assert peer.body == b"0123456789"


async def test_a_file_that_cannot_be_opened_is_a_500(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123456789")

    async def view() -> Response:
        response = await send_file(path)
        path.unlink()
        return response

    peer = await call(app_for(view), http_scope(), END)
    assert peer.status == 500
    assert len(caplog.records) == 1


# The client leaves, ledger 11


@CANCELLABLE
@pytest.mark.parametrize("view_kind", ["async", "sync"])
@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.parametrize("hooked", [False, True])
async def test_the_source_is_closed_when_the_client_leaves(
    kind: str, view_kind: str, hooked: bool, options: dict[str, Any]
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    closed = threading.Event()

    async def async_chunks() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    def sync_chunks() -> Iterator[str]:
        try:
            while True:
                yield "x"
                closed.wait(0.01)
        finally:
            loop.call_soon_threadsafe(ended.set)

    make = async_chunks if kind == "async" else sync_chunks

    async def view() -> Any:
        return make()

    app = Pottle(__name__)
    app.add_url_rule("/", "view", view if view_kind == "async" else make, **options)
    if hooked:
        app.before_request(lambda: None)
    peer = Peer(END)
    task = asyncio.create_task(app(http_scope(), peer.receive, peer.send))
    try:
        await peer.until_sent(3)
        peer.put(GONE)
        async with asyncio.timeout(1):
            await ended.wait()
            await task
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert not peer.is_complete


async def test_a_source_that_waits_is_closed_when_the_client_leaves() -> None:
    seen: list[Any] = []

    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            yield "first"
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError as error:
                seen.append(type(error))
                raise
            finally:
                seen.append("finally")

        return source()

    async with app_for(view).test_client().request("/") as connection:
        await connection.send_complete()
        assert await connection.receive() == b"first"
        await connection.disconnect()
    assert issubclass(seen[0], ClientDisconnected)
    assert seen[1:] == ["finally"]


async def test_teardown_learns_that_the_client_has_left() -> None:
    seen: list[Any] = []
    app = app_for(endless)

    @app.teardown_request
    async def teardown(exc: BaseException | None) -> None:
        seen.append(type(exc))

    async with calling(app, http_scope(), END) as peer:
        await peer.until_sent(2)
        peer.put(GONE)
    assert [issubclass(kind, ClientDisconnected) for kind in seen] == [True]


async def endless() -> AsyncIterator[str]:
    while True:
        yield "x"
        await asyncio.sleep(0.01)


async def test_a_stream_for_a_client_that_has_left_already_does_not_begin() -> None:
    """The view knows, for it is one that asks, and answers all the same."""
    closed: list[str] = []

    class Closable:
        def __aiter__(self) -> Closable:
            return self

        async def __anext__(self) -> str:
            await asyncio.sleep(0.01)
            return "x"

        async def aclose(self) -> None:
            closed.append("closed")

    async def view() -> Any:
        await request.disconnected()
        return Closable()

    app = Pottle(__name__)
    app.add_url_rule("/", "view", view, cancel_on_disconnect=False)
    await call(app, http_scope(), END, GONE)
    assert closed == ["closed"]


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_server_that_says_in_send_that_the_client_is_gone(
    after: int, caplog: pytest.LogCaptureFixture
) -> None:
    """ASGI 2.4: `send` raises an OSError. It is the client's leaving, and no error of ours."""
    closed: list[str] = []
    seen: list[Any] = []

    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            try:
                async for chunk in endless():
                    if len(peer.sent) >= after:
                        peer.broken = OSError("gone")
                    yield chunk
            finally:
                closed.append("closed")

        if after == 0:
            peer.broken = OSError("gone")
        return source()

    def receiver(sender: Any, exception: Exception) -> None:
        seen.append(exception)

    app = app_for(view)
    with got_request_exception.connected_to(receiver, app):
        async with calling(app, http_scope(), END) as peer:
            pass
    assert (seen, caplog.records) == ([], [])
    assert closed == (["closed"] if after else [])


@pytest.mark.parametrize("kind", ["text", "response", "file", "head"])
async def test_nobody_is_there_to_take_a_whole_answer(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")

    async def view() -> Any:
        if kind == "file":
            return await send_file(tmp_path / "file")
        return async_source() if kind == "head" else Response("x") if kind == "response" else "x"

    app = app_for(view)
    peer = Peer(END)
    peer.broken = OSError("gone")
    method = "HEAD" if kind == "head" else "GET"
    offered = {"http.response.pathsend": {}}
    with announced(app) as seen:
        await app(http_scope(method=method, extensions=offered), peer.receive, peer.send)
    assert (seen, caplog.records) == ([], [])


# Errors in the middle, ledger 10


@contextmanager
def announced(app: Pottle) -> Iterator[list[Exception]]:
    """The errors that the application sends a signal for."""
    seen: list[Exception] = []

    def receiver(sender: Any, exception: Exception) -> None:
        seen.append(exception)

    with got_request_exception.connected_to(receiver, app):
        yield seen


@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.parametrize("error", [RuntimeError("as it should"), TimeoutError("as it should")])
@pytest.mark.parametrize("hooked", [False, True])
async def test_an_error_in_the_middle(
    kind: str, error: Exception, hooked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    torn_down: list[Any] = []

    async def view() -> Any:
        async def async_chunks() -> AsyncIterator[str]:
            yield "half"
            raise error

        def sync_chunks() -> Iterator[str]:
            yield "half"
            raise error

        return async_chunks() if kind == "async" else sync_chunks()

    app = app_for(view)
    if hooked:

        @app.teardown_request
        async def teardown(exc: BaseException | None) -> None:
            torn_down.append(exc)

    with announced(app) as seen:
        peer = await call(app, http_scope(), END)
    assert chunks_of(peer) == [b"half"]
    assert not peer.is_complete
    assert [repr(raised) for raised in seen] == [repr(error)]
    assert [record.getMessage() for record in caplog.records] == ["Exception on request GET /"]
    assert torn_down == (seen if hooked else [])


async def test_an_error_in_the_middle_is_raised_in_tests() -> None:
    async def view() -> AsyncIterator[str]:
        yield "half"
        raise RuntimeError("as it should")

    app = app_for(view, TESTING=True)
    with announced(app) as seen, pytest.raises(RuntimeError, match="as it should"):
        await app.test_client().get("/")
    assert len(seen) == 1
    app.testing = False
    with pytest.raises(IncompleteResponseError):
        await app.test_client().get("/")


async def test_an_error_before_the_first_chunk_is_in_the_middle_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The head has gone out: a source may be silent for long, and the client should see it open."""

    async def view() -> AsyncIterator[str]:
        raise RuntimeError("as it should")
        yield ""

    peer = await call(app_for(view), http_scope(), END)
    assert (peer.status, len(peer.sent)) == (200, 1)
    assert len(caplog.records) == 1


async def test_a_teardown_that_fails_after_a_stream_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def view() -> Any:
        return async_source()

    app = app_for(view)

    @app.teardown_request
    async def teardown(exc: BaseException | None) -> None:
        raise RuntimeError("in the teardown")

    peer = await call(app, http_scope(), END)
    assert peer.is_complete
    assert [record.getMessage() for record in caplog.records] == ["Exception on request GET /"]


# Time, ledger 23


async def test_a_silent_source_may_be_silent() -> None:
    """RESPONSE_TIMEOUT is for clients that take nothing."""

    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            yield "half"
            await asyncio.sleep(0.3)
            yield "whole"

        return source()

    peer = await call(app_for(view, RESPONSE_TIMEOUT=0.05), http_scope(), END)
    assert (chunks_of(peer)[:2], peer.is_complete) == ([b"half", b"whole"], True)


async def test_the_time_out_bounds_idleness_and_not_the_whole() -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            for _ in range(13):
                await asyncio.sleep(0.05)
                yield "x"

        return source()

    peer = await call(app_for(view, RESPONSE_TIMEOUT=0.5), http_scope(), END)
    assert peer.is_complete
    assert peer.body == b"x" * 13


async def test_a_client_that_takes_nothing_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            try:
                while True:
                    yield "x"
            finally:
                closed.append("closed")

        return source()

    peer = Peer(END)

    async def send(message: dict[str, Any]) -> None:
        if len(peer.sent) == 3:
            await asyncio.sleep(100)
        await peer.send(message)

    app = app_for(view, RESPONSE_TIMEOUT=0.1)
    with announced(app) as seen:
        async with asyncio.timeout(1):
            await app(http_scope(), peer.receive, send)
    assert (peer.body, peer.is_complete, closed) == (b"xx", False, ["closed"])
    assert seen == []  # it is no error of the application
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "took nothing for 0.1 seconds (RESPONSE_TIMEOUT)" in record.getMessage()


@pytest.mark.parametrize("limit", [0.05, 0.22])
async def test_a_time_out_is_never_early_and_hardly_late(limit: float) -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            await asyncio.sleep(0.03)
            yield "x"

        return source()

    loop, peer = asyncio.get_running_loop(), Peer(END)
    begun = 0.0

    async def send(message: dict[str, Any]) -> None:
        nonlocal begun
        if message.get("body"):
            begun = loop.time()
            await asyncio.sleep(100)
        await peer.send(message)

    await app_for(view, RESPONSE_TIMEOUT=limit)(http_scope(), peer.receive, send)
    assert limit <= loop.time() - begun < limit + 0.5


async def test_a_cancellation_by_others_is_no_time_out() -> None:
    seen: list[Any] = []

    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            yield "half"
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError as error:
                seen.append(type(error))
                raise

        return source()

    app, peer = app_for(view, RESPONSE_TIMEOUT=0.2), Peer(END)
    task = asyncio.create_task(app(http_scope(), peer.receive, peer.send))
    await peer.until_sent(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [asyncio.CancelledError]


async def test_nothing_waits_for_a_stream_that_has_ended() -> None:
    async def view() -> Any:
        return async_source()

    await call(app_for(view), http_scope(), END)
    sweep = running_sweep()
    await asyncio.sleep(3 * INTERVAL)
    turn = sweep.turn
    await asyncio.sleep(3 * INTERVAL)
    assert sweep.turn == turn  # it stands still: there is nobody to look at


@pytest.mark.parametrize("timeout", [None, 0.5])
async def test_a_response_may_have_a_time_out_of_its_own(timeout: float | None) -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            await asyncio.sleep(0.1)
            yield "late"

        response = Response(source())
        response.timeout = timeout
        return response

    peer = await call(app_for(view, RESPONSE_TIMEOUT=0.02), http_scope(), END)
    assert (peer.body, peer.is_complete) == (b"late", True)


async def test_no_time_out_at_all() -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            await asyncio.sleep(0.05)
            yield "late"

        return source()

    peer = await call(app_for(view, RESPONSE_TIMEOUT=None), http_scope(), END)
    assert (peer.body, peer.is_complete) == (b"late", True)


# The end


@pytest.mark.parametrize("how", ["data", "streamed", "failed", "left"])
async def test_call_on_close(how: str, caplog: pytest.LogCaptureFixture) -> None:
    ran: list[Any] = []

    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            try:
                yield "x"
                if how == "failed":
                    raise RuntimeError("as it should")
                if how == "left":
                    await asyncio.sleep(100)
            finally:
                ran.append("source")

        response = Response("data" if how == "data" else source())
        response.call_on_close(lambda: ran.append(("sync", len(peer.sent) > 1)))

        async def closing() -> None:
            ran.append("async")

        response.call_on_close(closing)
        return response

    async with calling(app_for(view), http_scope(), END) as peer:
        await peer.until_sent(2)
        peer.put(GONE)
    assert ran == [*(["source"] if how != "data" else []), ("sync", True), "async"]
    assert len(caplog.records) == (how == "failed")


async def test_a_close_function_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []

    async def view() -> Response:
        response = Response("data")
        response.call_on_close(lambda: 1 / 0)
        response.call_on_close(lambda: ran.append("second"))
        return response

    peer = await call(app_for(view), http_scope(), END)
    assert peer.body == b"data"
    assert ran == ["second"]
    assert "ZeroDivisionError" in caplog.text


# The context, ledger 9


@pytest.mark.parametrize("spelling", ["decorator", "object"])
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_stream_has_the_context_of_its_view(kind: str, spelling: str) -> None:
    order: list[Any] = []

    async def view() -> Any:
        g.name = "view"
        context = g._get_current_object()

        async def async_chunks() -> AsyncIterator[str]:
            yield g.name
            order.append(g._get_current_object() is context)
            yield request.path

        def sync_chunks() -> Iterator[str]:
            yield g.name
            order.append(g._get_current_object() is context)
            yield request.path

        function: Any = async_chunks if kind == "async" else sync_chunks
        if spelling == "decorator":
            return stream_with_context(function)()
        return stream_with_context(function())

    app = app_for(view)

    @app.teardown_request
    async def teardown(exc: BaseException | None) -> None:
        order.append(("teardown", exc, g.name))

    @app.teardown_appcontext
    async def teardown_context(exc: BaseException | None) -> None:
        order.append("context")

    peer = await call(app, http_scope(), END)
    assert chunks_of(peer) == [b"view", b"/"]
    assert order == [True, ("teardown", None, "view"), "context"]


async def test_a_stream_has_the_context_without_asking_for_it() -> None:
    async def view() -> Any:
        g.name = "view"

        async def source() -> AsyncIterator[str]:
            yield g.name

        return source()

    assert (await call(app_for(view), http_scope(), END)).body == b"view"


# One exchange in both directions


async def test_the_body_may_be_streamed_back() -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[bytes]:
            async for chunk in request.body:
                yield chunk.upper()

        return source()

    app = Pottle(__name__)
    app.add_url_rule("/", "view", view, methods=["POST"])
    async with app.test_client().request("/", method="POST") as connection:
        for word in (b"one", b"two", b"three"):
            await connection.send(word)
            assert await connection.receive() == word.upper()
        await connection.send_complete()
        assert await connection.receive() == b""


async def test_a_client_that_leaves_its_body_while_it_is_streamed_back() -> None:
    closed: list[str] = []

    async def view() -> Any:
        async def source() -> AsyncIterator[bytes]:
            try:
                async for chunk in request.body:
                    yield chunk
            finally:
                closed.append("closed")

        return source()

    app = Pottle(__name__)
    app.add_url_rule("/", "view", view, methods=["POST"])
    peer = await call(app, http_scope(method="POST"), piece(b"x"), GONE)
    assert closed == ["closed"]
    assert not peer.is_complete


# Quiet


async def test_a_good_stream_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def view() -> Any:
        return async_source()

    await call(app_for(view), http_scope(), END)
    assert [record for record in caplog.records if record.name != "asyncio"] == []
