"""A client's leaving is a real cancellation: nothing that handles cancellations swallows it."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import httpx
import pytest
from websockets.asyncio.client import connect

from peer import Peer, http_scope, piece, websocket_scope
from pottle import Pottle, Response, request, websocket
from pottle.errors import ClientDisconnected, WebsocketDisconnect
from serving import SERVERS, connected, request_bytes, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Wait = Callable[[], Awaitable[Any]]
    Block = Callable[[Wait], Awaitable[None]]

PATIENCE = 10

CONNECT = {"type": "websocket.connect"}
END_OF_BODY = piece(b"", False)


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often whether a client has left: there are hundreds of them here."""
    monkeypatch.setattr("pottle.engine.sweep.INTERVAL", 0.004)
    monkeypatch.setattr("pottle.engine.inbox.CODE_WAIT", 0.02, raising=False)


# Blocks around a wait, after which no code may run once the client has left.


async def nothing(wait: Wait) -> None:
    await wait()


async def asyncio_group_whose_body_waits(wait: Wait) -> None:
    async with asyncio.TaskGroup():
        await wait()


async def asyncio_group_whose_child_waits(wait: Wait) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(wait())  # type: ignore[arg-type]  # a coroutine


async def asyncio_group_where_both_wait(wait: Wait) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(PATIENCE))
        await wait()


async def nested_asyncio_groups(wait: Wait) -> None:
    async with asyncio.TaskGroup(), asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(PATIENCE))
        await wait()


async def asyncio_timeout(wait: Wait) -> None:
    async with asyncio.timeout(PATIENCE):
        await wait()


async def asyncio_timeout_around_a_group(wait: Wait) -> None:
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(PATIENCE))
        await wait()


async def wait_for(wait: Wait) -> None:
    await asyncio.wait_for(wait(), PATIENCE)


async def gather(wait: Wait) -> None:
    await asyncio.gather(wait(), asyncio.sleep(PATIENCE))


async def gather_with_exceptions(wait: Wait) -> None:
    """Where it is a child that is told of it, the exception is a result; the cancellation is none."""
    await asyncio.gather(asyncio.sleep(PATIENCE), asyncio.sleep(PATIENCE), return_exceptions=True)


async def shield(wait: Wait) -> None:
    task = asyncio.ensure_future(wait())
    try:
        await asyncio.shield(task)
    finally:
        task.cancel()
        await asyncio.wait({task})


async def asyncio_wait(wait: Wait) -> None:
    task = asyncio.ensure_future(asyncio.sleep(PATIENCE))
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()


async def a_task(wait: Wait) -> None:
    await asyncio.create_task(wait())  # type: ignore[arg-type]  # a coroutine


async def a_queue(wait: Wait) -> None:
    await asyncio.Queue[None]().get()


async def anyio_group_whose_body_waits(wait: Wait) -> None:
    async with anyio.create_task_group():
        await wait()


async def anyio_group_whose_child_waits(wait: Wait) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(wait)


async def anyio_group_where_both_wait(wait: Wait) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, PATIENCE)
        await wait()


async def nested_anyio_groups(wait: Wait) -> None:
    async with anyio.create_task_group(), anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, PATIENCE)
        await wait()


async def anyio_cancel_scope(wait: Wait) -> None:
    with anyio.CancelScope():
        await wait()


async def anyio_move_on_after(wait: Wait) -> None:
    with anyio.move_on_after(PATIENCE):
        await wait()


async def anyio_fail_after(wait: Wait) -> None:
    with anyio.fail_after(PATIENCE):
        await wait()


async def anyio_group_in_move_on_after(wait: Wait) -> None:
    with anyio.move_on_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, PATIENCE)
            await wait()


async def anyio_sleep(wait: Wait) -> None:
    await anyio.sleep(PATIENCE)


async def anyio_event(wait: Wait) -> None:
    await anyio.Event().wait()


async def anyio_thread(wait: Wait) -> None:
    """The thread ends by itself; nobody waits for it."""
    import threading

    release = threading.Event()
    try:
        await anyio.to_thread.run_sync(release.wait, PATIENCE, abandon_on_cancel=True)
    finally:
        release.set()


async def asyncio_thread(wait: Wait) -> None:
    import threading

    release = threading.Event()
    try:
        await asyncio.to_thread(release.wait, PATIENCE)
    finally:
        release.set()


BLOCKS: list[Block] = [
    nothing,
    asyncio_group_whose_body_waits,
    asyncio_group_whose_child_waits,
    asyncio_group_where_both_wait,
    nested_asyncio_groups,
    asyncio_timeout,
    asyncio_timeout_around_a_group,
    wait_for,
    gather,
    gather_with_exceptions,
    shield,
    asyncio_wait,
    a_task,
    a_queue,
    anyio_group_whose_body_waits,
    anyio_group_whose_child_waits,
    anyio_group_where_both_wait,
    nested_anyio_groups,
    anyio_cancel_scope,
    anyio_move_on_after,
    anyio_fail_after,
    anyio_group_in_move_on_after,
    anyio_sleep,
    anyio_event,
    anyio_thread,
    asyncio_thread,
]

#: Those that wait by themselves, whatever they are given.
OWN_WAIT = {
    gather_with_exceptions,
    asyncio_wait,
    a_queue,
    anyio_sleep,
    anyio_event,
    anyio_thread,
    asyncio_thread,
}

each_block = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
each_block_around_a_wait = pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block not in OWN_WAIT], ids=lambda block: block.__name__
)
hooked_or_not = pytest.mark.parametrize("hooked", [False, True], ids=["bare", "hooked"])


async def sleep() -> None:
    await asyncio.sleep(PATIENCE)


class Exchange:
    """One call of an application in a task of its own, and what is left of the leaving afterwards."""

    def __init__(self) -> None:
        self.app = Pottle(__name__, static_folder=None)
        self.begun = asyncio.Event()
        self.behind: list[str] = []
        self.torn_down: list[BaseException | None] = []
        self.cleaned_up = 0

    def hook(self) -> None:
        @self.app.teardown_request
        @self.app.teardown_websocket
        async def tear_down(error: BaseException | None) -> None:
            self.torn_down.append(error)

    async def run(self, block: Block, wait: Wait) -> None:
        """*block*, and a mark behind it."""
        self.begun.set()
        try:
            await block(wait)
            self.behind.append("the block")
        finally:
            self.cleaned_up += 1

    async def leave(self, scope: dict[str, Any], *events: dict[str, Any]) -> Peer:
        """Call the application until it waits, leave, and see it end like any other call."""
        peer = Peer(*events)
        cancelling: list[int] = []

        async def serve() -> None:
            await self.app(scope, peer.receive, peer.send)
            task = asyncio.current_task()
            assert task is not None
            cancelling.append(task.cancelling())
            await asyncio.sleep(0)  # a cancellation that is left over would be delivered here
            cancelling.append(task.cancelling())

        task = asyncio.create_task(serve())
        async with asyncio.timeout(PATIENCE / 2):
            await self.begun.wait()
            await asyncio.sleep(0)
            kind = scope["type"]
            peer.put({"type": f"{kind}.disconnect", "code": 1001, "reason": "bye"})
            await task
        assert cancelling == [0, 0]
        gc.collect()
        await asyncio.sleep(0)
        return peer

    def check(self, caplog: pytest.LogCaptureFixture, *, hooked: bool) -> None:
        assert self.behind == []
        assert self.cleaned_up == 1
        assert not caplog.records
        if hooked:
            (error,) = self.torn_down
            assert isinstance(error, ClientDisconnected)
            assert isinstance(error, asyncio.CancelledError)


@hooked_or_not
@each_block
async def test_a_view_that_waits(
    block: Block, hooked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Exchange()
    if hooked:
        exchange.hook()

    @exchange.app.get("/")
    async def view() -> str:
        await exchange.run(block, sleep)
        return "done"

    peer = await exchange.leave(http_scope(), END_OF_BODY)
    exchange.check(caplog, hooked=hooked)
    assert peer.sent == []


@each_block_around_a_wait
async def test_a_view_that_reads_its_body(block: Block, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange()
    exchange.hook()

    @exchange.app.post("/")
    async def view() -> str:
        await exchange.run(block, request.get_data)
        return "done"

    peer = await exchange.leave(http_scope(method="POST"), piece(b"half"))
    exchange.check(caplog, hooked=True)
    assert peer.sent == []


@each_block
async def test_a_before_hook_that_waits(block: Block, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange()
    exchange.hook()

    @exchange.app.before_request
    async def before() -> None:
        await exchange.run(block, sleep)

    @exchange.app.get("/")
    async def view() -> str:
        exchange.behind.append("the view")
        return "done"

    await exchange.leave(http_scope(), END_OF_BODY)
    exchange.check(caplog, hooked=True)


@each_block
async def test_a_stream_that_waits(block: Block, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange()
    exchange.hook()

    @exchange.app.get("/")
    async def view() -> Any:
        async def pieces() -> AsyncIterator[str]:
            yield "first"
            await exchange.run(block, sleep)
            yield "second"

        return pieces()

    peer = await exchange.leave(http_scope(), END_OF_BODY)
    exchange.check(caplog, hooked=True)
    assert peer.body == b"first"
    assert not peer.is_complete


@each_block
async def test_an_event_stream_that_waits(block: Block, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange()
    exchange.hook()

    @exchange.app.sse("/")
    async def events() -> AsyncIterator[str]:
        yield "first"
        await exchange.run(block, sleep)
        yield "second"

    peer = await exchange.leave(http_scope(), END_OF_BODY)
    exchange.check(caplog, hooked=True)
    assert peer.body == b"data: first\n\n"


@hooked_or_not
@each_block
async def test_a_websocket_that_waits(
    block: Block, hooked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Exchange()
    if hooked:
        exchange.hook()

    @exchange.app.websocket("/")
    async def ws() -> None:
        await websocket.accept()
        await exchange.run(block, sleep)

    await exchange.leave(websocket_scope(), CONNECT)
    exchange.check(caplog, hooked=hooked)
    if hooked:
        assert isinstance(exchange.torn_down[0], WebsocketDisconnect)
        assert exchange.torn_down[0].args == (1001, "bye")


async def receive() -> None:
    while True:
        await websocket.receive()


async def send() -> None:
    while True:
        await websocket.send("tick")
        await asyncio.sleep(0.001)


@hooked_or_not
@pytest.mark.parametrize("wait", [receive, send], ids=["receives", "sends"])
@each_block_around_a_wait
async def test_a_websocket_that_works(
    block: Block, wait: Wait, hooked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Exchange()
    if hooked:
        exchange.hook()

    @exchange.app.websocket("/")
    async def ws() -> None:
        await websocket.accept()
        await exchange.run(block, wait)

    message = {"type": "websocket.receive", "text": "hello"}
    await exchange.leave(websocket_scope(), CONNECT, message)
    exchange.check(caplog, hooked=hooked)
    if hooked:
        assert isinstance(exchange.torn_down[0], WebsocketDisconnect)
        assert exchange.torn_down[0].args == (1001, "bye")


@each_block_around_a_wait
async def test_a_send_that_fails(block: Block, caplog: pytest.LogCaptureFixture) -> None:
    """The server says in `send` that the client is gone, before `receive` says so."""
    exchange = Exchange()
    exchange.hook()

    async def wait() -> None:
        await asyncio.sleep(0)
        peer.broken = OSError("gone")
        while True:
            await websocket.send("tick")

    @exchange.app.websocket("/")
    async def ws() -> None:
        await websocket.accept()
        await exchange.run(block, wait)

    peer = Peer(CONNECT)
    task = asyncio.create_task(exchange.app(websocket_scope(), peer.receive, peer.send))
    async with asyncio.timeout(PATIENCE):
        await task
    if sys.version_info >= (3, 12):  # a task group of 3.11 does not take its own cancellation back
        assert task.cancelling() == 0
    gc.collect()
    exchange.check(caplog, hooked=True)
    assert isinstance(exchange.torn_down[0], WebsocketDisconnect)


@pytest.mark.parametrize("library", ["asyncio", "anyio"])
async def test_a_group_ends_when_the_sender_in_it_fails(
    library: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As for any child that fails; what the client has said before and nobody has read is lost."""
    exchange = Exchange()
    exchange.hook()
    received: list[Any] = []

    async def read_slowly() -> None:
        while True:
            received.append(await websocket.receive())
            await asyncio.sleep(0.005)

    async def fail() -> None:
        await asyncio.sleep(0.01)
        peer.broken = OSError("gone")
        await websocket.send("tick")

    async def both(wait: Wait) -> None:
        if library == "anyio":
            async with anyio.create_task_group() as anyios:
                anyios.start_soon(read_slowly)
                anyios.start_soon(fail)
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(read_slowly())
                group.create_task(fail())

    @exchange.app.websocket("/")
    async def ws() -> None:
        await websocket.accept()
        await exchange.run(both, sleep)

    events = [{"type": "websocket.receive", "text": str(number)} for number in range(10)]
    peer = Peer(CONNECT, *events, {"type": "websocket.disconnect", "code": 1001})
    async with asyncio.timeout(PATIENCE):
        await exchange.app(websocket_scope(), peer.receive, peer.send)
    exchange.check(caplog, hooked=True)
    assert received == [str(number) for number in range(len(received))]


# Shields, and code that has something to do at the end.


async def test_what_is_shielded_is_finished() -> None:
    """A shielded scope of anyio, as for a commit that must not be broken off."""
    exchange = Exchange()
    finished: list[str] = []

    @exchange.app.get("/")
    async def view() -> str:
        exchange.begun.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
                finished.append("anyio")
            await asyncio.shield(asyncio.create_task(asyncio.sleep(0.01)))
            finished.append("asyncio")

    await exchange.leave(http_scope(), END_OF_BODY)
    assert finished == ["anyio", "asyncio"]


async def test_clean_up_may_wait() -> None:
    """The cancellation is delivered once, in the view and in the teardown that follows."""
    exchange = Exchange()
    finished: list[str] = []

    @exchange.app.get("/")
    async def view() -> str:
        exchange.begun.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            await asyncio.sleep(0.01)
            async with asyncio.timeout(PATIENCE):
                await asyncio.sleep(0.01)
            finished.append("view")

    @exchange.app.teardown_request
    async def tear_down(error: BaseException | None) -> None:
        await asyncio.sleep(0.01)
        finished.append("teardown")

    await exchange.leave(http_scope(), END_OF_BODY)
    assert finished == ["view", "teardown"]


async def test_a_time_out_of_ones_own_is_still_a_time_out(caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange()
    exchange.hook()
    timed_out: list[str] = []

    @exchange.app.get("/")
    async def view() -> str:
        for name, limit in (
            ("asyncio", asyncio.timeout(0.001)),
            ("anyio", anyio.fail_after(0.001)),
        ):
            try:
                if isinstance(limit, asyncio.Timeout):
                    async with limit:
                        await asyncio.sleep(PATIENCE)
                else:
                    with limit:
                        await asyncio.sleep(PATIENCE)
            except TimeoutError:
                timed_out.append(name)
        with anyio.move_on_after(0.001):
            await asyncio.sleep(PATIENCE)
        timed_out.append("move on")
        await exchange.run(nothing, sleep)
        return "done"

    await exchange.leave(http_scope(), END_OF_BODY)
    assert timed_out == ["asyncio", "anyio", "move on"]
    exchange.check(caplog, hooked=True)


async def test_an_error_beside_the_leaving_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """A group in which clean-up fails is an error, and the leaving does not hide it."""
    exchange = Exchange()
    exchange.hook()

    async def fail_at_the_end() -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            raise ValueError("clean-up")

    @exchange.app.get("/")
    async def view() -> str:
        exchange.begun.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(fail_at_the_end())
        return "done"

    await exchange.leave(http_scope(), END_OF_BODY)
    assert [record.getMessage() for record in caplog.records] == ["Exception on request GET /"]


async def test_a_cancellation_by_the_server_stays_one() -> None:
    """Its task is to be cancelled, and so it is."""
    exchange = Exchange()
    exchange.hook()

    @exchange.app.get("/")
    async def view() -> Response:
        await exchange.run(anyio_group_where_both_wait, sleep)
        return Response("done")

    peer = Peer(END_OF_BODY)
    task = asyncio.create_task(exchange.app(http_scope(), peer.receive, peer.send))
    await exchange.begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert exchange.behind == []
    (error,) = exchange.torn_down
    assert isinstance(error, asyncio.CancelledError)
    assert not isinstance(error, ClientDisconnected)


# Over the wire.


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("kind", ["view", "stream", "websocket"])
async def test_over_the_wire(server: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange()
    ended = asyncio.Event()

    @exchange.app.get("/view")
    async def view() -> str:
        await exchange.run(anyio_group_where_both_wait, sleep)
        return "done"

    @exchange.app.get("/stream")
    async def stream() -> Any:
        async def pieces() -> AsyncIterator[str]:
            yield "first"
            await exchange.run(anyio_group_where_both_wait, sleep)
            yield "second"

        return pieces()

    @exchange.app.websocket("/websocket")
    async def ws() -> None:
        await websocket.accept()
        await exchange.run(anyio_group_where_both_wait, receive)

    @exchange.app.get("/alive")
    async def alive() -> str:
        return "alive"

    @exchange.app.teardown_request
    @exchange.app.teardown_websocket
    async def tear_down(error: BaseException | None) -> None:
        if request_is_of_interest():
            exchange.torn_down.append(error)
            ended.set()

    def request_is_of_interest() -> bool:
        return exchange.begun.is_set() and not ended.is_set()

    async with serving(exchange.app, server) as port:
        if kind == "websocket":
            client = await connect(f"ws://127.0.0.1:{port}/websocket")
            await exchange.begun.wait()
            await client.close()
        else:
            async with connected(port) as connection:
                await connection.send(request_bytes(f"/{kind}"))
                await exchange.begun.wait()
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        async with httpx.AsyncClient() as control:
            assert (await control.get(f"http://127.0.0.1:{port}/alive")).text == "alive"
    exchange.check(caplog, hooked=True)
