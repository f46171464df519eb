"""A client that has left ends its own exchange; for everybody else it is an ordinary exception."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect

from peer import Peer, calling, http_scope, websocket_scope
from pottle import (
    Pottle,
    copy_current_websocket_context,
    stream_with_context,
    websocket,
)
from pottle.errors import PeerDisconnected, WebsocketDisconnect
from pottle.signals import got_request_exception, got_websocket_exception
from pottle.sync import async_to_sync
from serving import SERVERS, connected, request_bytes, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pottle import Websocket

#: Longer than one turn of the watch over a view.
SOON = 0.01
PATIENCE = 10

CONNECT = {"type": "websocket.connect"}
LEAVING = {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}
END_OF_BODY = {"type": "http.request", "body": b"", "more_body": False}


class Room:
    """An application with peers that have joined it, and what became of them."""

    def __init__(self) -> None:
        self.app = Pottle(__name__, static_folder=None)
        self.peers: list[Websocket] = []
        self.copies: list[Callable[[], Awaitable[None]]] = []
        self.caught: list[Exception] = []
        self.reached: list[str] = []
        self.left = 0
        #: What keeps the exchange of a peer that has left from ending.
        self.release = asyncio.Event()
        self.release.set()

        @self.app.websocket("/join")
        async def join() -> None:
            await websocket.accept()

            @copy_current_websocket_context
            async def send() -> None:
                await websocket.send("news")

            self.copies.append(send)
            self.peers.append(websocket._get_current_object())
            try:
                async for _ in websocket:
                    pass
            finally:
                self.left += 1
                await self.release.wait()

    async def tell_all(self) -> None:
        """What a broadcaster does that expects some to be gone."""
        for peer in self.peers:
            try:
                await peer.send("news")
            except Exception as error:
                self.caught.append(error)

    async def tell_all_or_fail(self) -> None:
        for peer in self.peers:
            await peer.send("news")

    async def tell_by_copies(self) -> None:
        for copy in self.copies:
            try:
                await copy()
            except Exception as error:
                self.caught.append(error)


@pytest.fixture
def room() -> Room:
    return Room()


@asynccontextmanager
async def somebody_left(room: Room, *, ended: bool = True) -> AsyncIterator[Peer]:
    """One peer that has left and one that is there, which is given.

    Unless *ended*, the handler of the one that has left is still at work for it.
    """
    if not ended:
        room.release.clear()
    leaver = Peer(CONNECT)
    leaving = asyncio.create_task(room.app(websocket_scope("/join"), leaver.receive, leaver.send))
    await leaver.until_sent(1)
    async with calling(room.app, websocket_scope("/join"), CONNECT) as stays:
        await stays.until_sent(1)
        leaver.put(LEAVING)
        async with asyncio.timeout(PATIENCE):
            while room.left < 1 or (ended and not leaving.done()):
                await asyncio.sleep(0.001)
        try:
            yield stays
        finally:
            room.release.set()
            async with asyncio.timeout(PATIENCE):
                await leaving
            stays.put(LEAVING)
    await asyncio.sleep(0)


async def ask(room: Room, path: str) -> Peer:
    async with calling(room.app, http_scope(path, method="POST"), END_OF_BODY) as answer:
        pass
    return answer


def received(peer: Peer) -> list[str]:
    return [message["text"] for message in peer.sent if message["type"] == "websocket.send"]


# Those who catch it.


async def in_the_view(room: Room) -> Any:
    await room.tell_all()
    return "told"


async def after_a_wait(room: Room) -> Any:
    await asyncio.sleep(SOON)
    await room.tell_all()
    await asyncio.sleep(SOON)
    return "told"


async def in_a_task_group(room: Room) -> Any:
    async with asyncio.TaskGroup() as group:
        group.create_task(room.tell_all())
    return "told"


async def gathered(room: Room) -> Any:
    results = await asyncio.gather(
        *(peer.send("news") for peer in room.peers), return_exceptions=True
    )
    room.caught += [result for result in results if isinstance(result, Exception)]
    return "told"


async def in_a_task(room: Room) -> Any:
    await asyncio.create_task(room.tell_all())
    return "told"


async def in_a_time_out(room: Room) -> Any:
    async with asyncio.timeout(PATIENCE):
        await room.tell_all()
    return "told"


async def in_a_stream(room: Room) -> Any:
    @stream_with_context
    async def pieces() -> AsyncIterator[str]:
        await room.tell_all()
        yield "told"

    return pieces()


async def by_a_copied_context(room: Room) -> Any:
    await room.tell_by_copies()
    return "told"


CATCHING = [
    in_the_view,
    after_a_wait,
    in_a_task_group,
    gathered,
    in_a_task,
    in_a_time_out,
    in_a_stream,
    by_a_copied_context,
]


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "still at work"])
@pytest.mark.parametrize("view", CATCHING, ids=lambda view: view.__name__)
async def test_a_view_that_catches_it_goes_on(
    room: Room, view: Callable[[Room], Any], ended: bool, caplog: pytest.LogCaptureFixture
) -> None:
    @room.app.post("/news")
    async def news() -> Any:
        return await view(room)

    async with somebody_left(room, ended=ended) as stays:
        answer = await ask(room, "/news")
        assert (answer.status, answer.body) == (200, b"told")
        assert received(stays) == ["news"]
    (error,) = room.caught
    assert isinstance(error, WebsocketDisconnect)
    assert (error.code, error.reason) == (1001, "bye")
    assert not caplog.records


async def test_a_plain_view_that_catches_it_goes_on(room: Room) -> None:
    """In its thread, which waits for the event loop."""

    @room.app.post("/news")
    def news() -> str:
        for peer in room.peers:
            try:
                async_to_sync(peer.send)("news")
            except Exception as error:
                room.caught.append(error)
        return "told"

    async with somebody_left(room) as stays:
        answer = await ask(room, "/news")
        assert (answer.status, answer.body) == (200, b"told")
        assert received(stays) == ["news"]
    assert [type(error).__name__ for error in room.caught] == ["PeerWebsocketDisconnect"]


async def test_a_plain_function_with_a_copied_context_is_a_guest_too(room: Room) -> None:
    copies: list[Callable[[], None]] = []

    @room.app.websocket("/plain")
    async def plain() -> None:
        await websocket.accept()

        @copy_current_websocket_context
        def send() -> None:
            async_to_sync(websocket.send)("news")

        copies.append(send)
        room.release.clear()
        try:
            await websocket.receive()
        finally:
            room.left += 1
            await room.release.wait()

    @room.app.post("/news")
    def news() -> str:
        try:
            copies[0]()
        except Exception as error:
            room.caught.append(error)
        return "told"

    async with calling(room.app, websocket_scope("/plain"), CONNECT) as peer:
        await peer.until_sent(1)
        peer.put(LEAVING)
        while not room.left:
            await asyncio.sleep(0.001)
        answer = await ask(room, "/news")
        room.release.set()
    assert (answer.status, answer.body) == (200, b"told")
    assert [type(error).__name__ for error in room.caught] == ["PeerWebsocketDisconnect"]


@pytest.mark.parametrize("hook", ["before_request", "after_request", "teardown_request"])
async def test_a_hook_that_catches_it_goes_on(
    room: Room, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    @getattr(room.app, hook)  # type: ignore[untyped-decorator]
    async def tell(given: Any = None) -> Any:
        await room.tell_all()
        return given if hook == "after_request" else None

    @room.app.post("/news")
    async def news() -> str:
        return "told"

    async with somebody_left(room) as stays:
        answer = await ask(room, "/news")
        assert (answer.status, answer.body) == (200, b"told")
        assert received(stays) == ["news"]
    assert len(room.caught) == 1
    assert not caplog.records


async def test_an_event_stream_that_catches_it_goes_on(room: Room) -> None:
    @room.app.sse("/events")
    async def events() -> AsyncIterator[str]:
        yield "before"
        await room.tell_all()
        yield "after"

    async with (
        somebody_left(room) as stays,
        calling(room.app, http_scope("/events"), END_OF_BODY) as answer,
    ):
        await answer.until_sent(3)
    assert b"data: before" in answer.body
    assert b"data: after" in answer.body
    assert answer.is_complete
    assert received(stays) == ["news"]


async def test_the_handler_of_another_websocket_that_catches_it_goes_on(room: Room) -> None:
    @room.app.websocket("/speak")
    async def speak() -> None:
        async for _ in websocket:
            await room.tell_all()
            await websocket.send("told")

    async with somebody_left(room) as stays:
        async with calling(room.app, websocket_scope("/speak"), CONNECT) as speaker:
            for count in (1, 2):
                speaker.put({"type": "websocket.receive", "text": "speak"})
                await speaker.until_sent(1 + count)
            speaker.put(LEAVING)
        assert received(speaker) == ["told"] * 2
        assert received(stays) == ["news"] * 2
    assert len(room.caught) == 2


async def test_a_background_task_that_catches_it_goes_on(room: Room) -> None:
    done = asyncio.Event()

    async def work() -> None:
        await room.tell_all()
        done.set()

    async with room.app.test_app(), somebody_left(room) as stays:
        room.app.add_background_task(work)
        async with asyncio.timeout(PATIENCE):
            await done.wait()
        assert received(stays) == ["news"]
    assert len(room.caught) == 1


# Those who do not.


async def fail_in_the_view(room: Room) -> Any:
    await room.tell_all_or_fail()


async def fail_after_a_wait(room: Room) -> Any:
    await asyncio.sleep(SOON)
    await room.tell_all_or_fail()


async def fail_in_a_task_group(room: Room) -> Any:
    async with asyncio.TaskGroup() as group:
        group.create_task(room.tell_all_or_fail())
        group.create_task(asyncio.sleep(PATIENCE))


async def fail_gathered(room: Room) -> Any:
    await asyncio.gather(*(peer.send("news") for peer in room.peers))


async def fail_in_a_task(room: Room) -> Any:
    await asyncio.create_task(room.tell_all_or_fail())


async def fail_by_a_copied_context(room: Room) -> Any:
    for copy in room.copies:
        await copy()


FAILING = [
    fail_in_the_view,
    fail_after_a_wait,
    fail_in_a_task_group,
    fail_gathered,
    fail_in_a_task,
    fail_by_a_copied_context,
]


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "still at work"])
@pytest.mark.parametrize("view", FAILING, ids=lambda view: view.__name__)
async def test_a_view_that_does_not_catch_it_fails(
    room: Room, view: Callable[[Room], Any], ended: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As with any error: logged, announced, answered by 500, and told to the teardown."""
    announced: list[BaseException] = []
    torn_down: list[BaseException | None] = []

    def note(_: Any, exception: BaseException) -> None:
        announced.append(exception)

    @room.app.post("/news")
    async def news() -> Any:
        return await view(room)

    @room.app.teardown_request
    async def tear_down(error: BaseException | None) -> None:
        torn_down.append(error)

    @room.app.errorhandler(500)
    async def failed(error: Any) -> tuple[str, int]:
        return "failed", 500

    with got_request_exception.connected_to(note, room.app):
        async with somebody_left(room, ended=ended):
            answer = await ask(room, "/news")
    assert (answer.status, answer.body) == (500, b"failed")
    assert [record.getMessage() for record in caplog.records] == ["Exception on request POST /news"]
    assert torn_down == announced
    assert isinstance(announced[0], Exception)


@pytest.mark.parametrize("hook", ["before_request", "after_request"])
async def test_a_hook_that_does_not_catch_it_fails(
    room: Room, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    @getattr(room.app, hook)  # type: ignore[untyped-decorator]
    async def tell(given: Any = None) -> Any:
        if not room.reached:
            room.reached.append(hook)
            await room.tell_all_or_fail()
        return given if hook == "after_request" else None

    @room.app.post("/news")
    async def news() -> str:
        return "told"

    async with somebody_left(room):
        answer = await ask(room, "/news")
    assert answer.status == 500
    assert [record.getMessage() for record in caplog.records] == ["Exception on request POST /news"]


async def test_a_stream_that_does_not_catch_it_breaks_off(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    @room.app.post("/news")
    async def news() -> Any:
        async def pieces() -> AsyncIterator[str]:
            yield "begun"
            await room.tell_all_or_fail()
            yield "told"

        return pieces()

    async with somebody_left(room):
        answer = await ask(room, "/news")
    assert answer.body == b"begun"
    assert not answer.is_complete
    assert [record.getMessage() for record in caplog.records] == ["Exception on request POST /news"]


async def test_the_handler_of_another_websocket_that_does_not_catch_it_fails(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    announced: list[BaseException] = []

    def note(_: Any, exception: BaseException) -> None:
        announced.append(exception)

    @room.app.websocket("/speak")
    async def speak() -> None:
        await websocket.receive()
        await room.tell_all_or_fail()

    with got_websocket_exception.connected_to(note, room.app):
        async with somebody_left(room):
            async with calling(room.app, websocket_scope("/speak"), CONNECT) as speaker:
                speaker.put({"type": "websocket.receive", "text": "speak"})
            assert speaker.sent[-1]["type"] == "websocket.close"
            assert speaker.sent[-1]["code"] == 1011
    assert [record.getMessage() for record in caplog.records] == ["Exception on websocket /speak"]
    assert len(announced) == 1


async def test_a_background_task_that_does_not_catch_it_is_logged(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    async with somebody_left(room), room.app.test_app():
        room.app.add_background_task(room.tell_all_or_fail)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], WebsocketDisconnect)


async def test_a_task_of_ones_own_that_does_not_catch_it_is_told_of_by_asyncio(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    async with somebody_left(room):
        task = asyncio.create_task(room.tell_all_or_fail())
        await asyncio.wait({task})
        del task
        gc.collect()
    (record,) = caplog.records
    assert "Task exception was never retrieved" in record.getMessage()


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "still at work"])
async def test_it_is_a_websocket_disconnect_for_everybody(room: Room, ended: bool) -> None:
    caught: list[tuple[str, int]] = []

    async def tell(where: str) -> None:
        try:
            await room.peers[0].send("news")
        except WebsocketDisconnect as error:
            caught.append((where, error.code))

    @room.app.post("/news")
    async def news() -> str:
        await tell("view")
        async with asyncio.TaskGroup() as group:
            group.create_task(tell("group"))
        return "told"

    @room.app.websocket("/speak")
    async def speak() -> None:
        await tell("websocket")
        await websocket.close()

    async with somebody_left(room, ended=ended), room.app.test_app():
        assert (await ask(room, "/news")).status == 200
        async with calling(room.app, websocket_scope("/speak"), CONNECT):
            pass
        room.app.add_background_task(tell, "background")
    assert caught == [(where, 1001) for where in ("view", "group", "websocket", "background")]


# One's own.


async def wait_in_the_handler() -> None:
    await asyncio.sleep(PATIENCE)


async def receive_in_the_handler() -> None:
    while True:
        await websocket.receive()


async def send_in_the_handler() -> None:
    while True:
        await websocket.send("news")
        await asyncio.sleep(0.001)


async def work_in_a_task_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(receive_in_the_handler())
        group.create_task(send_in_the_handler())


async def receive_in_a_task() -> None:
    """As in the tutorials of Quart: one task receives, the handler sends what others have said."""
    task = asyncio.create_task(receive_in_the_handler())
    try:
        await send_in_the_handler()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def receive_in_a_task_that_nobody_awaits() -> None:
    task = asyncio.create_task(receive_in_the_handler())
    try:
        await send_in_the_handler()
    finally:
        task.cancel()


async def receive_in_a_task_awaited_at_the_end() -> None:
    task = asyncio.create_task(receive_in_the_handler())
    try:
        await asyncio.Event().wait()
    finally:
        task.cancel()
        await task


async def send_in_a_task() -> None:
    task = asyncio.create_task(send_in_the_handler())
    try:
        await receive_in_the_handler()
    finally:
        task.cancel()


async def gather_both() -> None:
    await asyncio.gather(receive_in_the_handler(), send_in_the_handler())


async def wait_for_the_first() -> None:
    tasks = {
        asyncio.create_task(receive_in_the_handler()),
        asyncio.create_task(send_in_the_handler()),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


OWN = [
    wait_in_the_handler,
    receive_in_the_handler,
    send_in_the_handler,
    work_in_a_task_group,
    receive_in_a_task,
    receive_in_a_task_that_nobody_awaits,
    receive_in_a_task_awaited_at_the_end,
    send_in_a_task,
    gather_both,
    wait_for_the_first,
]


@pytest.mark.parametrize("hooked", [False, True], ids=["bare", "hooked"])
@pytest.mark.parametrize("handler", OWN, ids=lambda handler: handler.__name__)
async def test_ones_own_leaving_is_no_error(
    room: Room,
    handler: Callable[[], Awaitable[None]],
    hooked: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    torn_down: list[BaseException | None] = []
    if hooked:

        @room.app.teardown_websocket
        async def tear_down(error: BaseException | None) -> None:
            torn_down.append(error)

    @room.app.websocket("/own")
    async def own() -> None:
        await websocket.accept()
        await handler()
        room.reached.append("the end")

    async with calling(room.app, websocket_scope("/own"), CONNECT) as peer:
        await peer.until_sent(1)
        peer.put(LEAVING)
    gc.collect()
    await asyncio.sleep(0)
    assert not caplog.records
    if handler is not wait_for_the_first:  # which may see its tasks end first, and then ends, too
        assert not room.reached
    if hooked and not room.reached:
        (error,) = torn_down
        assert isinstance(error, WebsocketDisconnect)
        assert (error.code, error.reason) == (1001, "bye")


# Over the wire.


@pytest.mark.parametrize("server", SERVERS)
async def test_a_broadcast_over_the_wire(
    room: Room, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One peer closes, one breaks off, and one stays."""

    @room.app.post("/news")
    async def news() -> list[int]:
        await room.tell_all()
        return [len(room.caught)]

    @room.app.post("/fail")
    async def fail() -> str:
        await room.tell_all_or_fail()
        return "told"

    async with serving(room.app, server) as port:
        address = f"ws://127.0.0.1:{port}/join"
        closing, breaking = await connect(address), await connect(address)
        async with connect(address) as stays, connected(port) as client:
            await closing.close()
            breaking.transport.abort()
            async with asyncio.timeout(PATIENCE):
                while room.left < 2:
                    await asyncio.sleep(0.01)
                for count in (2, 4):
                    await client.send(request_bytes("/news", method="POST"))
                    assert json.loads(await client.answer()) == [count]
                    assert await stays.recv() == "news"
                assert not caplog.records
                await client.send(request_bytes("/fail", method="POST"))
                assert b"Internal Server Error" in await client.answer()
        assert [record.getMessage() for record in caplog.records] == [
            "Exception on request POST /fail"
        ]


@pytest.mark.parametrize("setting", ["TESTING", "PROPAGATE_EXCEPTIONS"])
@pytest.mark.parametrize("hook", [False, True])
async def test_what_a_test_sees_of_the_leaving_of_another_client(setting: str, hook: bool) -> None:
    app = Pottle(__name__, static_folder=None)
    app.config[setting] = True
    peers: list[Any] = []

    if hook:
        app.before_request(lambda: None)

    @app.websocket("/keep")
    async def keep() -> None:
        peers.append(websocket._get_current_object())
        await websocket.accept()
        await websocket.receive()

    @app.post("/tell")
    async def tell() -> str:
        await peers[0].send("news")
        return "told"

    client = app.test_client()
    async with client.websocket("/keep") as peer:
        await peer.wait_accepted()
        await peer.close(4000)
    with pytest.raises(PeerDisconnected):
        await client.post("/tell")
