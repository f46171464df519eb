"""The end of a server process: SIGTERM with work in flight, on every server."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pottle import Pottle
from pottle.servers.shutdown import SIGNALS, Serving, Shutdown, signals_handled
from pottle.servers.watchdog import EXIT_OVERDUE
from processes import POTTLE, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processes import Served

SERVERS = ("uvicorn", "hypercorn", "granian")

APP = """\
import asyncio

from pottle import Pottle, websocket

app = Pottle(__name__)
app.config["SHUTDOWN_TIMEOUT"] = 8


@app.after_serving
async def after():
    print("after serving", flush=True)


@app.sse("/events")
async def events():
    yield "first"
    try:
        await asyncio.sleep(1000)
    finally:
        print("events closed", flush=True)


@app.websocket("/ws")
async def ws():
    while True:
        await websocket.send(await websocket.receive())


@app.post("/slow")
async def slow():
    print("slow begins", flush=True)
    await asyncio.sleep(1)
    return "slow but sure"


@app.get("/hang")
async def hang():
    print("hang begins", flush=True)
    try:
        await asyncio.sleep(1000)
    finally:
        print("hang cancelled", flush=True)


@app.get("/flood")
async def flood():
    async def chunks():
        print("flood begins", flush=True)
        while True:
            yield bytes(1 << 20)

    return chunks()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ending.py").write_text(APP)
    return tmp_path


@pytest.fixture
def start(folder: Path, name: str) -> Iterator[Served]:
    with served(
        *POTTLE, "--app", "ending", "serve", "--server", name, "--port", "0", cwd=folder
    ) as server:
        yield server.ready()


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=" ".join)
@pytest.mark.parametrize("name", SERVERS)
def test_sigterm_with_work_in_flight(folder: Path, name: str, options: tuple[str, ...]) -> None:
    command = (*POTTLE, "--app", "ending", "serve", "--server", name, "--port", "0", *options)
    with served(*command, cwd=folder) as server, ThreadPoolExecutor(1) as pool:
        server.ready()
        with (
            connect(f"ws://127.0.0.1:{server.port}/ws") as ws,
            httpx.stream("GET", server.url + "/events") as events,
        ):
            lines = events.iter_lines()
            assert next(lines) == "data: first"
            ws.send("hello")
            assert ws.recv() == "hello"
            slow = pool.submit(httpx.post, server.url + "/slow")
            server.line("slow begins")

            server.send(signal.SIGTERM)

            with pytest.raises(ConnectionClosed) as closed:
                ws.recv(timeout=5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
            assert [line for line in lines if line] == []
            assert slow.result().text == "slow but sure"
            assert server.process.wait(5) == 0
        assert server.end() == 0
        text = "\n".join(server.output)  # the lines of two workers may run into each other
        assert "events closed" in text
        assert text.count("after serving") == (2 if options else 1)


@pytest.mark.parametrize("name", SERVERS)
def test_what_takes_longer_than_the_grace_period_is_cancelled(folder: Path, name: str) -> None:
    command = (*POTTLE, "--app", "ending", "serve", "--server", name, "--port", "0")
    with (
        served(*command, "--graceful-timeout", "0.2", cwd=folder) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        server.ready()
        hanging = pool.submit(httpx.get, server.url + "/hang", timeout=20)
        server.line("hang begins")
        server.send(signal.SIGTERM)
        assert server.process.wait(5) == 0
        assert server.end() == 0
        assert server.output.index("hang cancelled") < server.output.index("after serving")
        try:
            assert hanging.result().status_code == 500
        except httpx.RemoteProtocolError:
            pass  # closed without an answer: as good


@pytest.mark.parametrize("name", SERVERS)
def test_a_second_ctrl_c_insists(start: Served) -> None:
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(httpx.get, start.url + "/hang", timeout=20)
        start.line("hang begins")
        with httpx.stream("GET", start.url + "/events") as events:
            next(events.iter_lines())
            start.send(signal.SIGINT)
            start.line("events closed")  # it has begun; the hanging view is still there
        assert "hang cancelled" not in start.output
        start.send(signal.SIGINT)
        assert start.process.wait(5) == 0
        assert start.end() == 0
        assert "after serving" in start.output
        hanging.exception()


@pytest.mark.parametrize("name", SERVERS)
def test_a_client_that_does_not_read(folder: Path, name: str) -> None:
    """Not even cancelling helps where the connection itself is stuck."""
    command = (*POTTLE, "--app", "ending", "serve", "--server", name, "--port", "0")
    with served(*command, "--graceful-timeout", "0.2", cwd=folder) as server:
        server.ready()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(10)
            server.line("flood begins")
            assert server.stop() == 0
        assert server.output.count("after serving") == 1
        assert "Exception in ASGI application" not in server.text


@pytest.mark.parametrize("name", SERVERS)
def test_idle_connections_do_not_hold_it_up(start: Served) -> None:
    with httpx.Client() as client:
        assert client.get(start.url + "/").status_code == 404
        start.send(signal.SIGTERM)
        assert start.process.wait(5) == 0


@pytest.mark.parametrize("name", SERVERS)
def test_a_signal_during_start_up(tmp_path: Path, name: str) -> None:
    (tmp_path / "slow.py").write_text(
        "import asyncio\n"
        "from pottle import Pottle\n"
        "app = Pottle(__name__)\n"
        "@app.before_serving\n"
        "async def before():\n"
        "    print('starting', flush=True)\n"
        "    await asyncio.sleep(0.5)\n"
        "@app.after_serving\n"
        "async def after():\n"
        "    print('after serving', flush=True)\n"
    )
    with served(
        *POTTLE, "--app", "slow", "serve", "--server", name, "--port", "0", cwd=tmp_path
    ) as server:
        server.line("starting")
        assert server.stop() == 0
        assert "after serving" in server.output


def test_a_worker_that_cannot_end_by_itself_is_killed(tmp_path: Path) -> None:
    (tmp_path / "stopped.py").write_text(
        "import os, signal\n"
        "from pottle import Pottle\n"
        "app = Pottle(__name__)\n"
        "app.config.update(\n"
        "    SHUTDOWN_TIMEOUT=0, BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0, SHUTDOWN_CLEANUP_TIMEOUT=0.1\n"
        ")\n"
        "@app.after_serving\n"
        "async def after():\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    program = (
        "import sys\n"
        "from pottle.cli import main\n"
        "from pottle.servers import workers\n"
        "workers.KILL_WAIT = 0.5\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    (tmp_path / "program.py").write_text(program)
    command = (sys.executable, "program.py", "--app", "stopped", "serve", "--workers", "2")
    with served(*command, "--port", "0", cwd=tmp_path) as server:
        server.ready()
        assert server.stop() == EXIT_OVERDUE
        assert server.text.count("does not end: killed") == 2


async def test_signals_outside_of_the_main_thread_are_left_alone() -> None:
    app = Pottle(__name__)
    before = [signal.getsignal(number) for number in SIGNALS]
    seen: list[bool] = []

    def look() -> None:
        with signals_handled(Shutdown(app, Serving(app, lambda: None, track=False))):
            seen.append([signal.getsignal(number) for number in SIGNALS] == before)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [True]


async def test_a_call_that_is_cancelled_by_others_is_still_an_error() -> None:
    """Only what the end of the server cancels is kept from the server."""

    async def asgi(scope: object, receive: object, send: object) -> None:
        await asyncio.sleep(1000)

    serving = Serving(asgi, lambda: None, track=True)
    task = asyncio.ensure_future(serving({"type": "http"}, None, None))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
