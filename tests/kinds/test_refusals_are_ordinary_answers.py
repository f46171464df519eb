"""A websocket is refused by an answer like any other: status, headers and body arrive, errors are told."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from peer import Peer, call, websocket_scope
from pottle import Blueprint, Pottle, Response, abort, jsonify, request, send_file, websocket
from pottle.signals import got_websocket_exception
from serving import SERVERS, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CONNECT = {"type": "websocket.connect"}
FULL = {"extensions": {"websocket.http.response": {}}}
HEADERS = {"X-Reason": "full", "Retry-After": "7"}


async def pieces() -> AsyncIterator[str]:
    yield "the room "
    yield "is full"


def plain_pieces() -> Iterator[bytes]:
    yield b"the room "
    yield b"is full"


async def by_text() -> Any:
    return "the room is full", 409, HEADERS


async def by_json() -> Any:
    return {"room": "full"}, 409, HEADERS


async def by_a_response() -> Any:
    return Response("the room is full", 409, HEADERS)


async def by_a_stream() -> Any:
    return pieces(), 409, HEADERS


async def by_a_plain_generator() -> Any:
    return plain_pieces(), 409, HEADERS


async def by_a_streamed_response() -> Any:
    return Response(pieces(), 409, HEADERS)


async def by_abort() -> Any:
    abort(Response(pieces(), 409, HEADERS))


async def by_json_and_abort() -> Any:
    response = jsonify(room="full")
    response.status_code = 409
    response.headers.update(HEADERS)
    abort(response)


REFUSALS = [
    by_text,
    by_json,
    by_a_response,
    by_a_stream,
    by_a_plain_generator,
    by_a_streamed_response,
    by_abort,
    by_json_and_abort,
]


def app_for(view: Any, path: str = "/") -> Pottle:
    app = Pottle(__name__, static_folder=None)
    app.add_websocket(path, view_func=view)
    return app


async def refused(port: int, path: str = "/") -> Any:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(f"ws://127.0.0.1:{port}{path}"):
            pass
    return caught.value.response


# One server for all, since Granian keeps what it has opened as long as its process lives.


@pytest.mark.parametrize("server", SERVERS)
async def test_status_headers_and_body_arrive(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of whatever kind the answer is, from a handler and from a hook before it."""
    app = Pottle(__name__, static_folder=None)

    async def accept(name: str = "") -> None:
        await websocket.accept()

    for view in REFUSALS:
        app.add_websocket(f"/handler/{view.__name__}", view_func=view)
        blueprint = Blueprint(view.__name__, __name__, url_prefix=f"/hook/{view.__name__}")
        blueprint.add_websocket("/", "accept", accept)
        blueprint.before_websocket(view)
        app.register_blueprint(blueprint)
    async with serving(app, server) as port:
        for view in REFUSALS:
            for path in (f"/handler/{view.__name__}", f"/hook/{view.__name__}/"):
                response = await refused(port, path)
                assert response.status_code == 409, path
                assert response.headers["X-Reason"] == "full", path
                assert response.headers["Retry-After"] == "7", path
                assert b"full" in response.body, path
    assert not caplog.records


@pytest.mark.parametrize("server", SERVERS)
async def test_a_file(server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def view(size: int) -> Any:
        path = tmp_path / f"{size}.txt"
        path.write_bytes(b"x" * size)
        response = await send_file(path)
        response.status_code = 409
        return response

    async with serving(app_for(view, "/<int:size>"), server) as port:
        for size in (30, 100_000):
            response = await refused(port, f"/{size}")
            assert response.status_code == 409
            assert response.headers["Content-Type"].startswith("text/plain")
            assert response.body == b"x" * size
    assert not caplog.records


@pytest.mark.parametrize("view", REFUSALS, ids=lambda view: view.__name__)
async def test_it_is_one_message(view: Any) -> None:
    """Of a body in several, Granian takes none."""
    peer = await call(app_for(view), websocket_scope(**FULL), CONNECT)
    assert [message["type"] for message in peer.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert peer.status == 409
    assert peer.header("Content-Length") == str(len(peer.body))
    assert peer.is_complete


async def test_without_the_extension_it_is_a_403() -> None:
    closed: list[str] = []

    async def source() -> AsyncIterator[str]:
        try:
            yield "why"
        finally:
            closed.append("source")

    async def view() -> Any:
        return source(), 409

    peer = await call(app_for(view), websocket_scope(), CONNECT)
    assert [message["type"] for message in peer.sent] == ["websocket.close"]
    assert closed == ["source"]


# Errors.


async def breaks_off() -> Any:
    async def source() -> AsyncIterator[str]:
        yield "the room "
        raise ValueError("no room")

    return source(), 409


async def breaks_off_at_once() -> Any:
    async def source() -> AsyncIterator[str]:
        raise ValueError("no room")
        yield ""

    return source(), 409


async def breaks_off_in_a_plain_generator() -> Any:
    def source() -> Iterator[str]:
        yield "the room "
        raise ValueError("no room")

    return source(), 409


async def yields_what_is_no_text() -> Any:
    async def source() -> AsyncIterator[Any]:
        yield 7

    return source(), 409


async def is_too_large() -> Any:
    async def source() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000

    return source(), 409


async def is_a_file_that_is_gone() -> Any:
    handle, path = tempfile.mkstemp()
    os.close(handle)
    response = await send_file(path, mimetype="text/plain")
    Path(path).unlink()
    return response


FAILING = [
    breaks_off,
    breaks_off_at_once,
    breaks_off_in_a_plain_generator,
    yields_what_is_no_text,
    is_too_large,
    is_a_file_that_is_gone,
]


@pytest.mark.parametrize("server", SERVERS)
async def test_an_error_in_the_source_is_a_500(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged once, announced once, answered by the handler, and told to the teardown."""
    app = Pottle(__name__, static_folder=None)
    announced: list[BaseException] = []
    torn_down: list[BaseException | None] = []
    for view in FAILING:
        app.add_websocket(f"/{view.__name__}", view_func=view)

    @app.errorhandler(500)
    async def failed(error: Any) -> Any:
        return "something failed", 500, {"X-Handler": "mine"}

    @app.teardown_websocket
    async def tear_down(error: BaseException | None) -> None:
        torn_down.append(error)

    def note(_: Any, exception: BaseException) -> None:
        announced.append(exception)

    with got_websocket_exception.connected_to(note, app):
        async with serving(app, server) as port:
            for count, view in enumerate(FAILING, 1):
                response = await refused(port, f"/{view.__name__}")
                assert response.status_code == 500, view
                assert response.headers["X-Handler"] == "mine", view
                assert response.body == b"something failed", view
                assert len(announced) == count, view
    assert torn_down == announced
    assert [record.getMessage() for record in caplog.records] == [
        f"Exception on websocket /{view.__name__}" for view in FAILING
    ]


async def test_an_error_in_the_source_is_raised_in_tests() -> None:
    app = app_for(breaks_off)
    app.testing = True
    peer = Peer(CONNECT)
    with pytest.raises(ValueError, match="no room"):
        await app(websocket_scope(**FULL), peer.receive, peer.send)


async def test_a_stream_that_the_500_handler_answers_with_is_sent_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_for(breaks_off)

    @app.errorhandler(500)
    async def failed(error: Any) -> Any:
        return pieces(), 500

    peer = await call(app, websocket_scope(**FULL), CONNECT)
    assert (peer.status, peer.body) == (500, b"the room is full")
    assert len(caplog.records) == 1


async def test_the_largest_refusal() -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[bytes]:
            for _ in range(16):
                yield b"x" * 65536

        return source(), 409

    peer = await call(app_for(view), websocket_scope(**FULL), CONNECT)
    assert (peer.status, len(peer.body)) == (409, 1024 * 1024)


async def test_the_source_has_the_context_of_the_websocket() -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            yield websocket.path

        return source(), 409

    assert not request
    peer = await call(app_for(view), websocket_scope(**FULL), CONNECT)
    assert peer.body == b"/"


async def test_a_client_that_leaves_while_the_refusal_is_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed: list[str] = []

    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            try:
                yield "wait"
                await asyncio.sleep(10)
            finally:
                closed.append("source")

        return source(), 409

    await call(
        app_for(view),
        websocket_scope(**FULL),
        CONNECT,
        {"type": "websocket.disconnect", "code": 1006},
    )
    assert closed == ["source"]
    assert not caplog.records
