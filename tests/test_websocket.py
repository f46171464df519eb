"""Websockets: the handshake, messages both ways, and every way in which one ends."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden

from peer import Peer, call, calling, websocket_scope
from pottle import (
    Blueprint,
    Pottle,
    Response,
    abort,
    after_this_websocket,
    flash,
    g,
    get_flashed_messages,
    session,
    websocket,
)
from pottle.engine.sweep import running_sweep
from pottle.errors import WebsocketCancelled, WebsocketDisconnect, WebsocketStateError
from pottle.sessions import SecureCookieSessionInterface
from pottle.signals import (
    got_websocket_exception,
    websocket_received,
    websocket_sent,
)
from pottle.testing import WebsocketResponseError
from pottle.testing.connections import WebsocketClosed
from pottle.wrappers import Websocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pottle.testing.connections import TestWebsocketConnection

    Handler = Callable[[], Awaitable[Any]]

CONNECT = {"type": "websocket.connect"}
WITH_RESPONSE = {"extensions": {"websocket.http.response": {}}}


def text(data: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": data}


def leaving(code: int | None = 1001, reason: str = "") -> dict[str, Any]:
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


def app_for(handler: Handler, **config: Any) -> Pottle:
    app = Pottle(__name__)
    app.config.update(config)
    app.websocket("/")(handler)
    return app


def connect(handler: Handler, **options: Any) -> TestWebsocketConnection:
    connection: TestWebsocketConnection = app_for(handler).test_client().websocket("/", **options)
    return connection


async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


# The handshake


async def test_accept_with_headers_and_subprotocol() -> None:
    async def handler() -> None:
        assert websocket.requested_subprotocols == ["a", "b"]
        await websocket.accept(headers={"X-One": "1"}, subprotocol="b")
        await websocket.accept(headers={"X-Two": "2"})  # no error, and nothing is sent
        await websocket.send("hello")

    async with connect(handler, subprotocols=["a", "b"]) as peer:
        await peer.wait_accepted()
        assert peer.subprotocol == "b"
        assert peer.accept_headers is not None
        assert peer.accept_headers["x-one"] == "1"
        assert "x-two" not in peer.accept_headers
        assert await peer.receive() == "hello"


@pytest.mark.parametrize("action", ["send", "receive"])
async def test_the_first_message_accepts(action: str) -> None:
    async def handler() -> None:
        await (websocket.send("hello") if action == "send" else websocket.receive())

    peer = await call(app_for(handler), websocket_scope(), CONNECT, text("hello"))
    assert [message["type"] for message in peer.sent] == [
        "websocket.accept",
        *(["websocket.send"] if action == "send" else []),
        "websocket.close",
    ]
    assert peer.sent[0]["subprotocol"] is None


async def test_two_tasks_that_accept_at_once() -> None:
    async def handler() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(websocket.receive())
            group.create_task(websocket.send("hello"))
            group.create_task(websocket.accept())

    async with calling(app_for(handler), websocket_scope()) as peer:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert peer.sent == []  # the opening event has to come first
        peer.put(CONNECT, text("hello"))
    kinds = [message["type"] for message in peer.sent]
    assert kinds == ["websocket.accept", "websocket.send", "websocket.close"]


async def test_a_client_that_leaves_before_the_accept() -> None:
    seen: list[Any] = []

    async def handler() -> None:
        for action in (websocket.accept, websocket.receive, websocket.accept):
            with pytest.raises(WebsocketDisconnect) as gone:
                await action()
            seen.append(gone.value.code)
        await websocket.close()

    peer = await call(app_for(handler), websocket_scope(), leaving(1001))
    assert seen == [1001, 1001, 1001]
    assert peer.sent == []


async def test_a_close_for_a_client_that_has_left_before_is_no_error() -> None:
    async def handler() -> None:
        await websocket.close(4000)
        assert websocket.close_code == 1001

    peer = await call(app_for(handler), websocket_scope(), leaving(1001))
    assert peer.sent == []


async def test_giving_up_on_the_accept_loses_nothing() -> None:
    async def handler() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await websocket.accept()
        peer.put(CONNECT, text("first"))
        await websocket.send(await websocket.receive())

    async with calling(app_for(handler), websocket_scope()) as peer:
        pass
    assert peer.sent[1]["text"] == "first"


async def test_facts() -> None:
    async def handler(name: str) -> None:
        await websocket.send_json(
            {
                "path": websocket.path,
                "url": websocket.url,
                "scheme": websocket.scheme,
                "method": websocket.method,
                "args": websocket.args,
                "cookies": websocket.cookies,
                "endpoint": websocket.endpoint,
                "blueprints": websocket.blueprints,
                "view_args": websocket.view_args,
                "root": websocket.script_root,
                "subprotocols": websocket.requested_subprotocols,
                "client": websocket.remote_addr,
            }
        )

    app = Pottle(__name__)
    blueprint = Blueprint("chat", __name__, url_prefix="/chat")
    blueprint.websocket("/<name>")(handler)
    app.register_blueprint(blueprint)
    connection = app.test_client().websocket(
        "/api/chat/me?x=1", root_path="/api", headers={"Cookie": "a=b"}, scheme="wss"
    )
    async with connection as peer:
        assert await peer.receive_json() == {
            "path": "/chat/me",
            "url": "wss://localhost/api/chat/me?x=1",
            "scheme": "wss",
            "method": "GET",
            "args": {"x": "1"},
            "cookies": {"a": "b"},
            "endpoint": "chat.handler",
            "blueprints": ["chat"],
            "view_args": {"name": "me"},
            "root": "/api",
            "subprotocols": [],
            "client": "<local>",
        }


# Messages


@pytest.mark.parametrize("message", ["text", "", "é\u2028", b"binary", b""])
async def test_messages_come_as_they_were_sent(message: str | bytes) -> None:
    async with connect(echo) as peer:
        await peer.send(message)
        assert await peer.receive() == message


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"text": None, "bytes": b""}, b""),
        ({"bytes": b"", "text": None}, b""),
        ({"bytes": None, "text": ""}, ""),
    ],
)
async def test_messages_as_servers_write_them(event: dict[str, Any], expected: Any) -> None:
    async def handler() -> None:
        received.append(await websocket.receive())

    received: list[Any] = []
    event = {"type": "websocket.receive", **event}
    await call(app_for(handler), websocket_scope(), CONNECT, event)
    assert received == [expected]


@pytest.mark.parametrize("data", [bytearray(b"abc"), memoryview(b"abc")])
async def test_other_kinds_of_bytes(data: Any) -> None:
    async def handler() -> None:
        await websocket.send(data)

    async with connect(handler) as peer:
        assert await peer.receive() == b"abc"


async def test_what_cannot_be_sent() -> None:
    async def handler() -> None:
        with pytest.raises(TypeError, match=r"not dict\. Use send_json"):
            await websocket.send({"a": 1})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="not both"):
            await websocket.send_json(1, a=2)
        await websocket.send("still open")

    async with connect(handler) as peer:
        assert await peer.receive() == "still open"


async def test_json() -> None:
    async def handler() -> None:
        assert await websocket.receive_json() == {"a": [1, None]}
        with pytest.raises(ValueError, match="Expecting value"):
            await websocket.receive_json()
        await websocket.send_json({"b": 1})
        await websocket.send_json(1, "two")
        await websocket.send_json(c=3)
        await websocket.send_json()

    async with connect(handler) as peer:
        await peer.send_json({"a": [1, None]})
        await peer.send("nope")
        seen = [await peer.receive_json() for _ in range(4)]
    assert seen == [{"b": 1}, [1, "two"], {"c": 3}, {}]


async def test_send_and_receive_in_different_tasks() -> None:
    async def sending(queue: asyncio.Queue[str]) -> None:
        while True:
            await websocket.send((await queue.get()).upper())

    async def receiving(queue: asyncio.Queue[str]) -> None:
        async for message in websocket:
            assert isinstance(message, str)
            await queue.put(message)
        raise asyncio.CancelledError

    ended: list[str] = []

    async def handler() -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(sending(queue))
                group.create_task(receiving(queue))
        finally:
            ended.append("handler")

    async with connect(handler) as peer:
        for word in ("one", "two", "three"):
            await peer.send(word)
            assert await peer.receive() == word.upper()
        await peer.close()
    assert ended == ["handler"]


async def test_two_tasks_may_receive() -> None:
    async def handler() -> None:
        received.extend(await asyncio.gather(websocket.receive(), websocket.receive()))

    received: list[Any] = []
    async with calling(app_for(handler), websocket_scope(), CONNECT) as peer:
        await peer.until_sent(1)
        for word in ("1", "2"):
            await asyncio.sleep(0)
            peer.put(text(word))
    assert received == ["1", "2"]


async def test_messages_are_pulled() -> None:
    """Ledger 18: no more is read ahead than may be, and that only after a while."""
    go_on = asyncio.Event()
    asked: list[int] = []

    async def handler() -> None:
        asked.append(await read())
        await go_on.wait()
        asked.append(peer.asked)
        asked.extend([await read() for _ in range(4)])

    async def read() -> int:
        await websocket.receive()
        return peer.asked

    events = [text(str(number)) for number in range(6)]
    app = app_for(handler)
    app.config["READ_AHEAD_MESSAGES"] = 1
    async with calling(app, websocket_scope(), CONNECT, *events) as peer:
        async with asyncio.timeout(5):
            while peer.asked < 3:
                await asyncio.sleep(0.01)
        for _ in range(20):
            await asyncio.sleep(0)
        go_on.set()
    assert asked == [2, 3, 3, 4, 5, 6]


# Rejection


async def reject_by_abort() -> None:
    abort(403, "not you")


async def reject_by_return() -> Any:
    return "not you", 403, {"X-Why": "because"}


async def reject_by_response() -> Any:
    return Response("not you", 403, headers={"X-Why": "because"})


async def reject_by_stream() -> Any:
    async def chunks() -> Any:
        yield "not "
        yield b"you"

    return chunks(), 403


@pytest.mark.parametrize(
    "handler", [reject_by_abort, reject_by_return, reject_by_response, reject_by_stream]
)
async def test_rejection_with_a_response(handler: Handler) -> None:
    app = app_for(handler)
    seen: list[int] = []

    @app.after_websocket
    async def after(response: Response | None) -> Response | None:
        assert response is not None
        seen.append(response.status_code)
        response.headers["X-After"] = "yes"
        return response

    peer = await call(app, websocket_scope(**WITH_RESPONSE), CONNECT)
    assert peer.sent[0]["type"] == "websocket.http.response.start"
    assert peer.status == 403
    assert b"not you" in peer.body
    assert peer.is_complete
    assert peer.header("X-After") == "yes"
    assert {message["type"] for message in peer.sent[1:]} == {"websocket.http.response.body"}
    assert seen == [403]

    peer = await call(app, websocket_scope(), CONNECT)
    assert [message["type"] for message in peer.sent] == ["websocket.close"]


async def test_rejection_by_a_before_hook() -> None:
    app = app_for(echo)

    @app.before_websocket
    async def guard() -> Any:
        return {"error": "login"}, 401

    with pytest.raises(WebsocketResponseError) as refused:
        async with app.test_client().websocket("/") as peer:
            await peer.receive()
    assert refused.value.response.status_code == 401
    assert await refused.value.response.get_json() == {"error": "login"}


async def test_the_close_functions_of_a_rejecting_response_are_called() -> None:
    closed: list[str] = []

    async def handler() -> Any:
        response = Response("no", 403)
        response.call_on_close(lambda: closed.append("closed"))
        return response

    await call(app_for(handler), websocket_scope(**WITH_RESPONSE), CONNECT)
    assert closed == ["closed"]


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/http", 400), ("/int/x", 404), ("/redirect", 308)]
)
async def test_what_no_websocket_rule_matches(path: str, status: int) -> None:
    app = app_for(echo)
    app.get("/http")(echo)
    app.websocket("/int/<int:number>", endpoint="number")(echo)
    app.websocket("/redirect/", endpoint="redirect")(echo)
    peer = await call(app, websocket_scope(path, **WITH_RESPONSE), CONNECT)
    assert peer.status == status


async def test_a_handler_that_returns_without_accepting() -> None:
    """Ledger 20: a clean rejection."""

    async def handler() -> None:
        pass

    for extensions in ({}, WITH_RESPONSE):
        peer = await call(app_for(handler), websocket_scope(**extensions), CONNECT)
        assert [message["type"] for message in peer.sent] == ["websocket.close"]
        assert peer.asked == 1


async def test_close_before_accept_is_a_rejection() -> None:
    async def handler() -> None:
        await websocket.close(1008)
        with pytest.raises(
            WebsocketStateError, match=r"Cannot accept: .* closed by the application"
        ):
            await websocket.accept()

    peer = await call(app_for(handler), websocket_scope(), CONNECT)
    assert peer.sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


async def test_an_error_before_the_accept_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def handler() -> None:
        raise RuntimeError("as it should")

    peer = await call(app_for(handler), websocket_scope(**WITH_RESPONSE), CONNECT)
    assert peer.status == 500
    assert b"as it should" not in peer.body
    assert [record.getMessage() for record in caplog.records] == ["Exception on websocket /"]


# Closing


async def close_itself() -> None:
    await websocket.accept()
    await websocket.close(4000, "enough")


async def accept_and_return() -> None:
    await websocket.accept()


async def accept_and_answer() -> str:
    await websocket.accept()
    return "what nobody gets"


async def accept_and_fail() -> None:
    await websocket.accept()
    raise RuntimeError("as it should")


async def accept_and_abort() -> None:
    await websocket.accept()
    abort(403)


async def accept_and_abort_500() -> None:
    await websocket.accept()
    abort(503)


@pytest.mark.parametrize(
    ("handler", "code", "reason"),
    [
        (close_itself, 4000, "enough"),
        (accept_and_return, 1000, ""),
        (accept_and_answer, 1000, ""),
        (accept_and_fail, 1011, ""),
        (accept_and_abort, 1008, ""),
        (accept_and_abort_500, 1011, ""),
    ],
)
@pytest.mark.parametrize("hooked", [False, True])
async def test_close_codes(handler: Handler, code: int, reason: str, hooked: bool) -> None:
    """Ledger 15."""
    app = app_for(handler)
    if hooked:

        @app.before_websocket
        async def before() -> None:
            pass

    peer = await call(app, websocket_scope(**WITH_RESPONSE), CONNECT)
    assert [message["type"] for message in peer.sent] == ["websocket.accept", "websocket.close"]
    assert (peer.sent[-1]["code"], peer.sent[-1]["reason"]) == (code, reason)


async def test_an_error_is_logged_and_announced_once(caplog: pytest.LogCaptureFixture) -> None:
    app = app_for(accept_and_fail)
    seen: list[Any] = []

    def receiver(sender: Any, exception: Exception) -> None:
        seen.append(exception)

    with got_websocket_exception.connected_to(receiver, app):
        await call(app, websocket_scope(), CONNECT)
    assert [str(error) for error in seen] == ["as it should"]
    assert [record.getMessage() for record in caplog.records] == ["Exception on websocket /"]


@pytest.mark.parametrize("setting", ["TESTING", "PROPAGATE_EXCEPTIONS"])
async def test_errors_propagate_in_tests_and_the_client_is_told(setting: str) -> None:
    app = app_for(accept_and_fail, **{setting: True})
    peer = Peer(CONNECT)
    with pytest.raises(RuntimeError, match="as it should"):
        await app(websocket_scope(), peer.receive, peer.send)
    assert peer.sent[-1]["code"] == 1011


async def test_error_handlers() -> None:
    app = app_for(accept_and_fail)
    app.websocket("/reject")(reject_by_abort)
    app.websocket("/early", endpoint="early")(lambda: 1 / 0)
    seen: list[BaseException] = []

    @app.errorhandler(RuntimeError)
    async def handle(error: RuntimeError) -> tuple[str, int]:
        seen.append(error)
        return "handled", 400

    @app.errorhandler(403)
    def forbidden(error: Forbidden) -> tuple[str, int]:
        return f"forbidden: {error.description}", 403

    @app.errorhandler(ZeroDivisionError)
    async def math(error: ZeroDivisionError) -> tuple[str, int]:
        return "math", 422

    peer = await call(app, websocket_scope(), CONNECT)
    assert (peer.sent[-1]["type"], peer.sent[-1]["code"]) == ("websocket.close", 1008)
    assert len(seen) == 1
    peer = await call(app, websocket_scope("/reject", **WITH_RESPONSE), CONNECT)
    assert (peer.status, peer.body) == (403, b"forbidden: not you")
    peer = await call(app, websocket_scope("/early", **WITH_RESPONSE), CONNECT)
    assert (peer.status, peer.body) == (422, b"math")


async def test_a_teardown_that_fails_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    app = app_for(accept_and_return)

    @app.teardown_websocket
    async def fail(exc: BaseException | None) -> None:
        raise RuntimeError("in the teardown")

    peer = await call(app, websocket_scope(), CONNECT)
    assert peer.sent[-1]["code"] == 1011
    assert "in the teardown" in caplog.text


async def test_the_server_shuts_down() -> None:
    seen: list[Any] = []

    async def handler() -> None:
        try:
            await echo()
        except WebsocketDisconnect as error:
            seen.append((error.code, error.reason))
            raise
        finally:
            seen.append("finally")

    app = app_for(handler)
    async with calling(app, websocket_scope(), CONNECT, text("hello")) as peer:
        await peer.until_sent(2)
        app.begin_shutdown()
    assert peer.sent[-1]["code"] == 1012
    assert seen == [(1012, "The server is shutting down."), "finally"]


async def test_the_server_shuts_down_before_the_accept() -> None:
    async def handler() -> None:
        await asyncio.sleep(100)

    app = app_for(handler)
    async with calling(app, websocket_scope(), CONNECT) as peer:
        await asyncio.sleep(0)
        app.begin_shutdown()
    assert [message["type"] for message in peer.sent] == ["websocket.close"]


# Wrong states


async def test_what_is_wrong_after_a_close_is_said() -> None:
    async def handler() -> None:
        await websocket.accept()
        await websocket.close(4001, "bye")
        assert (websocket.close_code, websocket.close_reason) == (4001, "bye")
        for name, action in (
            ("accept", websocket.accept()),
            ("receive", websocket.receive()),
            ("send", websocket.send("x")),
            ("send", websocket.send_json(1)),
            ("close", websocket.close()),
        ):
            with pytest.raises(WebsocketStateError) as wrong:
                await action
            assert str(wrong.value) == (
                f"Cannot {name}: this websocket is closed by the application with code 4001. "
                "Leave the handler instead of using it further."
            )

    async with connect(handler) as peer:
        with pytest.raises(WebsocketClosed) as closed:
            await peer.receive()
    assert (closed.value.code, closed.value.reason) == (4001, "bye")


async def test_a_receiver_learns_of_the_close_by_another_task() -> None:
    seen: list[int] = []

    async def reading() -> None:
        try:
            await websocket.receive()
        except WebsocketDisconnect as error:
            seen.append(error.code)

    async def handler() -> None:
        await websocket.accept()
        reader = asyncio.create_task(reading())
        await asyncio.sleep(0)
        await websocket.close(4001)
        peer.put(leaving(1006))  # what a server adds
        await reader

    async with calling(app_for(handler), websocket_scope(), CONNECT) as peer:
        pass
    assert seen == [4001]
    assert peer.sent[-1]["code"] == 4001


async def test_what_is_wrong_after_the_client_has_left_is_a_disconnect() -> None:
    async def handler() -> None:
        for action in (websocket.receive, websocket.receive, websocket.accept):
            with pytest.raises(WebsocketDisconnect):
                await action()
        with pytest.raises(WebsocketDisconnect) as gone:
            await websocket.send("x")
        assert (gone.value.code, gone.value.reason) == (4002, "later")
        assert (websocket.close_code, websocket.close_reason) == (4002, "later")
        await websocket.close()  # no error

    peer = await call(app_for(handler), websocket_scope(), CONNECT, leaving(4002, "later"))
    assert [message["type"] for message in peer.sent] == ["websocket.accept"]


# The client leaves


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 4000, None])
async def test_iteration_ends_quietly(code: int | None) -> None:
    received: list[Any] = []

    async def handler() -> None:
        async for message in websocket:
            received.append(message)  # noqa: PERF401
        received.append(websocket.close_code)

    events = [text("1"), text("2"), leaving(code)]
    peer = await call(app_for(handler), websocket_scope(), CONNECT, *events)
    assert received == ["1", "2", code or 1005]
    assert [message["type"] for message in peer.sent] == ["websocket.accept"]


async def test_what_the_client_sent_before_it_closed_is_received() -> None:
    """Ledger 16, with the client's close long there before the first message is taken."""
    received: list[Any] = []

    async def handler() -> None:
        try:
            while True:
                received.append(await websocket.receive())
        except asyncio.CancelledError as error:
            received.append(error)
            raise

    async with connect(handler) as peer:
        for number in range(5):
            await peer.send(str(number))
        await peer.close(4003, "done")
    *messages, error = received
    assert messages == ["0", "1", "2", "3", "4"]
    assert isinstance(error, WebsocketDisconnect)
    assert (error.code, error.reason) == (4003, "done")


async def test_a_handler_that_waits_for_something_else_is_cancelled() -> None:
    ended = asyncio.Event()
    seen: list[Any] = []

    async def handler() -> None:
        await websocket.accept()
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError as error:
            seen.append(error)
            raise
        finally:
            ended.set()

    async with connect(handler) as peer:
        await peer.wait_accepted()
        await peer.close(4004)
        async with asyncio.timeout(1):
            await ended.wait()
    assert isinstance(seen[0], WebsocketDisconnect)
    assert seen[0].code == 4004


async def test_a_handler_that_waits_while_a_task_of_its_receives_is_cancelled() -> None:
    ended: list[str] = []

    async def reading() -> None:
        try:
            while True:
                await websocket.receive()
        except WebsocketDisconnect as error:
            ended.append(f"reader {error.code}")
            raise

    async def handler() -> None:
        reader = asyncio.create_task(reading())
        try:
            await asyncio.sleep(100)
        except WebsocketDisconnect as error:
            ended.append(f"handler {error.code}")
            raise
        finally:
            await asyncio.wait({reader})

    async with connect(handler) as peer:
        await peer.wait_accepted()
        await peer.send("x")
        await peer.close(4005)
        async with asyncio.timeout(1):
            while len(ended) < 2:
                await asyncio.sleep(0.01)
    assert sorted(ended) == ["handler 4005", "reader 4005"]


async def test_a_handler_that_is_not_to_be_cancelled_is_not() -> None:
    go_on = asyncio.Event()
    seen: list[Any] = []

    async def handler() -> None:
        await websocket.accept()
        await go_on.wait()
        seen.append("went on")
        with pytest.raises(WebsocketDisconnect):
            await websocket.receive()

    app = Pottle(__name__)
    app.websocket("/", cancel_on_disconnect=False)(handler)
    async with calling(app, websocket_scope(), CONNECT, leaving()):
        await asyncio.sleep(0.2)  # twice as long as it takes the watch to begin
        assert running_sweep().members == set()
        go_on.set()
    assert seen == ["went on"]


@pytest.mark.parametrize("action", ["accept", "send", "close"])
async def test_a_server_that_says_in_send_that_the_client_is_gone(action: str) -> None:
    """ASGI 2.4: `send` raises an OSError."""
    seen: list[Any] = []

    async def handler() -> None:
        if action != "accept":
            await websocket.accept()
        peer.broken = OSError("gone")
        if action == "close":
            await websocket.close()
            seen.append("closed")
            return
        try:
            await (websocket.send("x") if action == "send" else websocket.accept())
        except WebsocketDisconnect as error:
            seen.append((error.code, error.reason))
            raise

    async with calling(app_for(handler), websocket_scope(), CONNECT) as peer:
        pass
    assert seen == ["closed" if action == "close" else (1006, "gone")]


async def test_when_sending_fails_what_was_sent_before_can_still_be_received() -> None:
    received: list[Any] = []

    async def handler() -> None:
        await websocket.accept()
        peer.broken = OSError("gone")
        with pytest.raises(WebsocketDisconnect):
            await websocket.send("x")
        try:
            while True:
                received.append(await websocket.receive())
        except WebsocketDisconnect as error:
            received.append(error.code)
            raise

    events = [CONNECT, text("1"), text("2"), leaving(4006)]
    async with calling(app_for(handler), websocket_scope(), *events) as peer:
        pass
    assert received == ["1", "2", 4006]


@pytest.mark.parametrize("where", ["receiving", "waiting"])
async def test_hooks_run_when_the_client_leaves(where: str) -> None:
    """Ledger 13."""
    ran: list[Any] = []

    async def handler() -> None:
        await websocket.accept()

        @after_this_websocket
        async def this(response: Response | None) -> Response | None:
            ran.append(("this", response))
            return response

        if where == "receiving":
            await websocket.receive()
        else:
            await asyncio.sleep(100)

    app = app_for(handler)

    @app.after_websocket
    async def after(response: Response | None) -> Response | None:
        ran.append(("after", response))
        return response

    @app.teardown_websocket
    async def teardown(exc: BaseException | None) -> None:
        ran.append(("teardown", type(exc)))

    @app.teardown_appcontext
    async def teardown_context(exc: BaseException | None) -> None:
        ran.append(("context", type(exc)))

    await call(app, websocket_scope(), CONNECT, leaving())
    assert issubclass(WebsocketCancelled, WebsocketDisconnect)
    assert ran == [
        ("this", None),
        ("after", None),
        ("teardown", WebsocketCancelled),
        ("context", WebsocketCancelled),
    ]


async def test_hooks_run_at_a_quiet_end() -> None:
    ran: list[Any] = []

    async def handler() -> None:
        async for _ in websocket:
            pass

    app = app_for(handler)

    @app.before_websocket
    async def before() -> None:
        ran.append("before")

    @app.after_websocket
    async def after(response: Response | None) -> Response | None:
        ran.append(("after", response))
        return response

    @app.teardown_websocket
    async def teardown(exc: BaseException | None) -> None:
        ran.append(("teardown", exc))

    await call(app, websocket_scope(), CONNECT, leaving(1000))
    assert ran == ["before", ("after", None), ("teardown", None)]


async def test_the_client_leaving_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    app = app_for(echo)
    seen: list[Any] = []

    def receiver(sender: Any, exception: Exception) -> None:
        seen.append(exception)

    caplog.set_level(logging.DEBUG)
    with got_websocket_exception.connected_to(receiver, app):
        await call(app, websocket_scope(), CONNECT, leaving(1006))
    assert seen == []
    assert [record for record in caplog.records if record.name != "asyncio"] == []


# Sessions and flashes, ledger 19 and 21


async def test_the_session_is_there() -> None:
    app = Pottle(__name__)
    app.secret_key = "s"

    @app.get("/login")
    async def login() -> str:
        session["user"] = "me"
        await flash("hello")
        return ""

    @app.url_value_preprocessor
    async def lang(endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.lang = None if values is None else values.pop("lang", None)

    @app.websocket("/<lang>/ws")
    async def ws() -> None:
        await websocket.send_json([session["user"], get_flashed_messages(), g.lang])

    client = app.test_client()
    await client.get("/login")
    async with client.websocket("/de/ws") as peer:
        assert await peer.receive_json() == ["me", ["hello"], "de"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_session_is_saved_by_a_sync_or_async_interface(is_async: bool) -> None:
    saved: list[Any] = []

    class Interface(SecureCookieSessionInterface):
        if is_async:

            async def save_session(self, app: Any, session: Any, response: Any) -> None:
                saved.append((dict(session), session.modified, response is None))
        else:

            def save_session(self, app: Any, session: Any, response: Any) -> None:
                saved.append((dict(session), session.modified, response is None))

    async def handler() -> None:
        session["n"] = 1
        await websocket.accept()

    app = app_for(handler, SECRET_KEY="s")
    app.session_interface = Interface()
    peer = await call(app, websocket_scope(), CONNECT)
    assert peer.sent[-1]["code"] == 1000
    # With the handshake, and at the end, when there is no cookie any more.
    assert saved == [({"n": 1}, True, False), ({"n": 1}, False, True)]


async def test_a_rejection_can_carry_the_session_cookie() -> None:
    async def handler() -> Any:
        session["n"] = 1
        return "no", 403

    app = app_for(handler, SECRET_KEY="s")
    peer = await call(app, websocket_scope(**WITH_RESPONSE), CONNECT)
    assert peer.status == 403
    assert (peer.header("set-cookie") or "").startswith("session=")


# Signals


async def test_signals_tell_of_every_message() -> None:
    seen: list[Any] = []

    def received(message: Any) -> None:
        seen.append(("received", message))

    async def sent(message: Any) -> None:
        seen.append(("sent", message))

    async def handler() -> None:
        await websocket.send(await websocket.receive())
        await websocket.send(b"2")

    with websocket_received.connected_to(received), websocket_sent.connected_to(sent):
        await call(app_for(handler), websocket_scope(), CONNECT, text("1"))
    assert seen == [("received", "1"), ("sent", "1"), ("sent", b"2")]


# Synchronous handlers and classes of one's own


async def test_a_class_with_an_initialiser_of_its_own() -> None:
    class Own(Websocket):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.count = 0

        async def receive(self) -> str | bytes:
            self.count += 1
            return await super().receive()

    async def handler() -> None:
        await websocket.receive()
        await websocket.send_json([websocket.count, websocket.requested_subprotocols])

    app = app_for(handler)
    app.websocket_class = Own
    async with app.test_client().websocket("/", subprotocols=["a"]) as peer:
        await peer.send("x")
        assert await peer.receive_json() == [1, ["a"]]


def made_by_hand(log: list[Any], **options: Any) -> Websocket:
    def logging(name: str) -> Callable[..., Awaitable[None]]:
        async def log_call(*args: Any) -> None:
            log.append((name, *args))

        return log_call

    return Websocket(
        "/path",
        b"a=1",
        "wss",
        Headers({"Host": "ex.org"}),
        "/root",
        "1.1",
        ["a"],
        logging("send"),
        logging("accept"),
        logging("close"),
        {},
        **options,
    )


async def test_a_websocket_from_single_functions() -> None:
    messages: list[Any] = ["text", b"bytes"]

    async def receive() -> Any:
        return messages.pop(0)

    log: list[Any] = []
    made = made_by_hand(log, receive=receive)
    assert made.url == "wss://ex.org/root/path?a=1"
    assert made.requested_subprotocols == ["a"]
    assert await made.receive() == "text"
    assert await made.receive() == b"bytes"
    await made.send("x")
    await made.send(b"y")
    await made.close(4000, "bye")
    assert log == [
        ("accept", Headers(), None),
        ("send", "x"),
        ("send", b"y"),
        ("close", 4000, "bye"),
    ]
    with pytest.raises(WebsocketStateError, match="without a receive function"):
        await made_by_hand([]).receive()
