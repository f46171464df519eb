"""Plain code waits for its turn, or for the event loop: not any more when its client has left."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from websockets.asyncio.client import connect

from pottle import Pottle, request, websocket
from pottle.sync import await_sync
from pottle.threads import ThreadPool
from serving import connected, request_bytes, serving

PATIENCE = 10


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def app() -> Pottle:
    app = Pottle(__name__, static_folder=None)
    app.config["THREADS"] = 1
    return app


async def test_calls_that_have_not_begun_are_given_up(app: Pottle) -> None:
    go_on, ran = threading.Event(), []

    @app.get("/slow")
    def slow() -> str:
        ran.append(request.args["who"])
        assert go_on.wait(PATIENCE)
        return "slow"

    @app.get("/quick")
    def quick() -> str:
        return "quick"

    async with serving(app) as port:
        async with connected(port) as first:
            await first.send(request_bytes("/slow?who=first"))
            await until(lambda: ran)
            leaving = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
            for _, writer in leaving:
                writer.write(request_bytes("/slow?who=gone"))
            before = len(asyncio.all_tasks())
            await until(lambda: len(app_tasks()) >= 21)
            for _, writer in leaving:
                writer.transport.abort()
            await until(lambda: len(app_tasks()) == 1)
            assert len(asyncio.all_tasks()) <= before
            go_on.set()
            assert await first.answer() == b"slow"
        async with connected(port) as other:
            await other.send(request_bytes("/quick"))
            assert await other.answer() == b"quick"
    assert ran == ["first"]


def app_tasks() -> list[Any]:
    """The requests that a server is at work for."""
    return [task for task in asyncio.all_tasks() if "run_asgi" in repr(task.get_coro())]


async def test_what_a_thread_waits_for_is_cancelled(app: Pottle) -> None:
    ended, threads = [], threading.active_count()

    @app.websocket("/")
    def handler() -> None:
        await_sync(websocket.accept())
        try:
            await_sync(asyncio.Queue[str]().get())
        except BaseException as error:
            ended.append(type(error))
            raise

    async with serving(app) as port:
        for count in (1, 2, 3):
            async with connect(f"ws://127.0.0.1:{port}/"):
                pass
            await until(lambda count=count: len(ended) == count)
    assert ended == [asyncio.CancelledError] * 3
    assert threading.active_count() <= threads + 2


async def test_what_a_thread_waits_for_goes_on_where_that_is_wanted(app: Pottle) -> None:
    go_on, ended = asyncio.Event(), []

    @app.get("/", cancel_on_disconnect=False)
    def view() -> str:
        await_sync(go_on.wait())
        ended.append(True)
        return "done"

    async with serving(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes("/"))
        await until(app_tasks)
        writer.transport.abort()
        await asyncio.sleep(0.3)
        assert app_tasks()
        go_on.set()
        await until(lambda: ended)


async def test_a_mounted_wsgi_application_that_waits_for_its_clients(app: Pottle) -> None:
    def wsgi(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/up":
            body = environ["wsgi.input"].read(1000)
            start_response("200 OK", [])
            return [b"%d" % len(body)]
        start_response("200 OK", [])
        return (b"x" * 100_000 for _ in range(1000))

    app.mount("/old", wsgi)

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    async with serving(app) as port:
        writers = []
        for head in (
            b"POST /old/up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx",
            b"GET /old/down HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(head)
            writers.append(writer)
        async with connected(port) as other:
            for _ in range(3):
                await other.send(request_bytes("/plain"))
                assert await other.answer() == b"plain"
        for writer in writers:
            writer.transport.abort()


async def test_a_system_that_has_no_more_threads(
    app: Pottle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls wait for a thread that there is, and none is lost."""
    started: list[threading.Thread] = []

    def start(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        original(thread)

    original = threading.Thread.start
    pool = ThreadPool(4)
    monkeypatch.setattr(threading.Thread, "start", start)
    go_on = threading.Event()

    def waits() -> str:
        with pool.aside():
            assert go_on.wait(PATIENCE)
        return "waited"

    waiting = [pool.submit(waits) for _ in range(2)]
    calls = [pool.submit(threading.get_ident) for _ in range(20)]
    assert all(call.queued for call in calls)
    go_on.set()
    assert [call.result(PATIENCE) for call in waiting] == ["waited"] * 2
    assert len({call.result(PATIENCE) for call in calls}) <= 2
    assert pool.submit(str, 1).result(PATIENCE) == "1"
    pool.shutdown()


async def test_threads_beyond_the_limit_end(app: Pottle) -> None:
    """Others stood aside while they worked."""
    pool, go_on, before = ThreadPool(2), threading.Event(), threading.active_count()

    def waits() -> None:
        with pool.aside():
            assert go_on.wait(PATIENCE)

    calls = [pool.submit(waits) for _ in range(12)]
    await until(lambda: threading.active_count() >= before + 12)
    go_on.set()
    for call in calls:
        call.result(PATIENCE)
    await until(lambda: threading.active_count() <= before + 2)
    pool.shutdown()


async def test_no_thread_at_all_is_an_error(app: Pottle, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError, match="No thread can be started for synchronous code"):
        ThreadPool(2).submit(str)
