"""Who never waits gives others a turn: no client, and no source, keeps a process to itself."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from peer import PATIENCE, Peer, call, calling, http_scope, websocket_scope
from pottle import Pottle, websocket
from processes import POTTLE, served
from serving import SERVERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from pottle import Websocket

CONNECT = {"type": "websocket.connect"}
LEAVING = {"type": "websocket.disconnect", "code": 1001}
END_OF_BODY = {"type": "http.request", "body": b"", "more_body": False}

#: Pieces after which others have had a turn at the latest.
MOST = 128 + 8
SENDS = 20_000


class Turns:
    """Another task, which counts its turns and how many pieces pass between two of them."""

    def __init__(self) -> None:
        self.pieces = 0
        self.count = 0
        self.longest = 0
        self._before = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.count += 1
            self.note()

    def note(self) -> None:
        self.longest = max(self.longest, self.pieces - self._before)
        self._before = self.pieces


@asynccontextmanager
async def turns_counted() -> AsyncIterator[Turns]:
    turns = Turns()
    task = asyncio.create_task(turns.run())
    await asyncio.sleep(0)
    try:
        yield turns
    finally:
        turns.note()
        task.cancel()
        await asyncio.wait({task})


class Deaf(Peer):
    """Takes whatever is sent without keeping it, and never lets the application wait."""

    async def send(self, message: dict[str, Any]) -> None:
        if len(self.sent) < 2:
            await super().send(message)


async def run(app: Pottle, scope: dict[str, Any], *events: dict[str, Any]) -> None:
    peer = Deaf(*events)
    async with asyncio.timeout(30):
        await app(scope, peer.receive, peer.send)


def make_app(kind: str, turns: Turns, count: int, work: Callable[[], object]) -> Pottle:
    """At / a source of *count* pieces that never suspends, and does *work* for each of them."""
    app = Pottle(__name__, static_folder=None)

    def piece() -> bytes:
        turns.pieces += 1
        work()
        return b"x"

    @app.get("/stream")
    async def stream() -> Any:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(count):
                yield piece()

        return pieces()

    @app.get("/generator")
    async def generator() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield piece()

    @app.sse("/events")
    async def events() -> AsyncIterator[str]:
        for _ in range(count):
            yield piece().decode()

    @app.websocket("/websocket")
    async def send() -> None:
        for _ in range(count):
            await websocket.send(piece())

    @app.websocket("/json")
    async def send_json() -> None:
        for _ in range(count):
            await websocket.send_json(piece().decode())

    @app.websocket("/task")
    async def send_in_a_task() -> None:
        await websocket.accept()
        async with asyncio.TaskGroup() as group:
            group.create_task(send())

    return app


def scope_of(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if kind in {"websocket", "json", "task"}:
        return websocket_scope(f"/{kind}"), CONNECT
    return http_scope(f"/{kind}"), END_OF_BODY


KINDS = ["stream", "generator", "events", "websocket", "json", "task"]


@pytest.mark.parametrize("hooked", [False, True], ids=["bare", "hooked"])
@pytest.mark.parametrize("kind", KINDS)
async def test_others_have_turns_while_something_is_sent(kind: str, hooked: bool) -> None:
    async with turns_counted() as turns:
        app = make_app(kind, turns, SENDS, lambda: None)
        if hooked:

            @app.before_request
            @app.before_websocket
            async def before() -> None:
                pass

        await run(app, *scope_of(kind))
    assert turns.pieces == SENDS
    assert turns.count >= 100
    assert turns.longest <= MOST


@pytest.mark.parametrize("kind", KINDS)
async def test_others_wait_the_shorter_the_longer_a_piece_takes(kind: str) -> None:
    """A source of expensive pieces: each eighth looks at the clock."""
    async with turns_counted() as turns:
        app = make_app(kind, turns, 80, lambda: time.sleep(0.001))
        await run(app, *scope_of(kind))
    assert turns.pieces == 80
    assert turns.longest <= 8


async def test_others_have_turns_while_rows_are_sent() -> None:
    """A finite stream of many rows, as an export is."""
    async with turns_counted() as turns:
        app = make_app("stream", turns, 200_000, lambda: None)
        await run(app, *scope_of("stream"))
    assert turns.pieces == 200_000
    assert turns.longest <= MOST


async def test_others_have_turns_while_one_message_goes_to_many() -> None:
    """One view sends to hundreds of peers, once to each of them and never twice to the same one."""
    app = Pottle(__name__, static_folder=None)
    peers: list[Websocket] = []
    finished = asyncio.Event()

    @app.websocket("/join")
    async def join() -> None:
        await websocket.accept()
        peers.append(websocket._get_current_object())
        await finished.wait()

    async with turns_counted() as turns:

        @app.post("/news")
        async def news() -> str:
            for peer in peers:
                turns.pieces += 1
                await peer.send("news")
            return "told"

        joining = [
            asyncio.create_task(run(app, websocket_scope("/join"), CONNECT)) for _ in range(500)
        ]
        async with asyncio.timeout(PATIENCE):
            while len(peers) < 500:
                await asyncio.sleep(0)
        turns.longest = 0
        for _ in range(3):
            await call(app, http_scope("/news", method="POST"), END_OF_BODY)
        finished.set()
        await asyncio.wait(joining)
    assert turns.pieces == 1500
    assert turns.longest <= MOST


# Trying again and again.


async def send_again() -> None:
    try:
        await websocket.send("x")
    except BaseException as error:
        if type(error) is asyncio.CancelledError:
            raise


async def receive_again() -> None:
    try:
        await websocket.receive()
    except BaseException as error:
        if type(error) is asyncio.CancelledError:
            raise


async def iterate_again() -> None:
    async for _ in websocket:
        pass


@pytest.mark.parametrize(
    "step",
    [send_again, receive_again, iterate_again],
    ids=lambda step: step.__name__,
)
async def test_a_handler_that_ignores_the_leaving_of_its_client(
    step: Callable[[], Any],
) -> None:
    app = Pottle(__name__, static_folder=None)
    async with turns_counted() as turns:

        @app.websocket("/")
        async def stubborn() -> None:
            await websocket.accept()
            await receive_again()
            for _ in range(2000):
                turns.pieces += 1
                await step()

        async with calling(app, websocket_scope(), CONNECT) as peer:
            await peer.until_sent(1)
            peer.put(LEAVING)
    assert turns.longest <= MOST


@pytest.mark.parametrize("how", ["left", "closed by us"])
@pytest.mark.parametrize("where", ["view", "background", "websocket"])
async def test_who_sends_to_a_peer_that_is_gone_again_and_again(how: str, where: str) -> None:
    app = Pottle(__name__, static_folder=None)
    peers: list[Websocket] = []
    failed = 0

    @app.websocket("/join")
    async def join() -> None:
        await websocket.accept()
        peers.append(websocket._get_current_object())
        if how == "closed by us":
            await websocket.close()
        else:
            await websocket.receive()

    async with turns_counted() as turns:

        async def tell() -> None:
            nonlocal failed
            while failed < 2000:
                try:
                    await peers[0].send("news")
                except Exception:
                    failed += 1
                    turns.pieces += 1

        @app.post("/news")
        async def news() -> str:
            if where == "background":
                app.add_background_task(tell)
            else:
                await tell()
            return "told"

        @app.websocket("/news")
        async def speak() -> None:
            await websocket.accept()
            await tell()

        async with app.test_app():
            async with calling(app, websocket_scope("/join"), CONNECT) as peer:
                await peer.until_sent(1)
                peer.put(LEAVING)
            if where == "websocket":
                await call(app, websocket_scope("/news"), CONNECT)
            else:
                await call(app, http_scope("/news", method="POST"), END_OF_BODY)
    assert failed == 2000
    assert turns.longest <= MOST


# Real processes, real clients.

APP = """\
import asyncio
from pottle import Pottle, websocket

app = Pottle(__name__)
app.config["SHUTDOWN_TIMEOUT"] = app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 0.2
begun = {"stream": 0, "events": 0, "websocket": 0}
closed = {"stream": 0, "events": 0, "websocket": 0}
peers = []


@app.get("/closed")
async def tell_closed():
    return {"begun": begun, "closed": closed}


@app.get("/stream")
async def stream():
    async def pieces():
        begun["stream"] += 1
        try:
            while True:
                yield b"x"
        finally:
            closed["stream"] += 1

    return pieces()


@app.sse("/events")
async def events():
    begun["events"] += 1
    try:
        while True:
            yield "x"
    finally:
        closed["events"] += 1


@app.websocket("/websocket")
async def send():
    begun["websocket"] += 1
    try:
        while True:
            await websocket.send("x")
    finally:
        closed["websocket"] += 1


@app.websocket("/join")
async def join():
    await websocket.accept()
    peers.append(websocket._get_current_object())
    await websocket.receive()


async def tell():
    while True:
        try:
            await peers[0].send("news")
        except Exception:
            continue


@app.post("/tell")
async def start_to_tell():
    app.add_background_task(tell)
    return "told"


@app.post("/tell-in-view")
async def tell_in_view():
    await tell()
"""

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def opened(port: int, path: str, method: str = "GET") -> socket.socket:
    """A connection on which a request for *path* was sent."""
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    extra = UPGRADE if path in {"/websocket", "/join"} else ""
    client.sendall(
        f"{method} {path} HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: 0\r\n\r\n".encode()
    )
    return client


@contextmanager
def read_as_fast_as_it_goes(port: int, path: str) -> Iterator[None]:
    client, over = opened(port, path), threading.Event()
    begun = threading.Event()

    def read() -> None:
        try:
            while not over.is_set() and client.recv(1 << 20):
                begun.set()
        except OSError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert begun.wait(PATIENCE)
        yield
    finally:
        over.set()
        client.close()
        reader.join(PATIENCE)


def until_closed(control: httpx.Client, kind: str, count: int) -> None:
    """Until *count* sources at least have begun, and all that have are closed."""
    deadline = time.monotonic() + PATIENCE
    while True:
        told = control.get("/closed").json()
        if told["begun"][kind] == told["closed"][kind] >= count:
            return
        assert time.monotonic() < deadline, f"the source of the {kind} still goes on"
        time.sleep(0.01)


@pytest.mark.parametrize("server", SERVERS)
def test_endless_sources_that_never_wait(tmp_path: Path, server: str) -> None:
    """For a reader that keeps up, for a client that leaves at once, and at the end of the process."""
    (tmp_path / "endless.py").write_text(APP)
    command = (*POTTLE, "--app", "endless", "serve", "--port", "0", "--server", server)
    with served(*command, cwd=tmp_path) as process, ExitStack() as stack:
        port = process.ready().port
        control = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE)
        )
        for kind in ("stream", "events", "websocket"):
            with read_as_fast_as_it_goes(port, f"/{kind}"):
                for _ in range(3):
                    assert control.get("/closed").json()["closed"][kind] == 0
            until_closed(control, kind, 1)
            opened(port, f"/{kind}").close()  # a server may see that before it begins
            leaver = opened(port, f"/{kind}")
            assert leaver.recv(100)
            leaver.close()
            until_closed(control, kind, 2)
        for kind in ("stream", "events", "websocket"):
            stack.enter_context(read_as_fast_as_it_goes(port, f"/{kind}"))
        assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.text


@pytest.mark.parametrize("path", ["/tell", "/tell-in-view"])
def test_a_process_in_which_somebody_sends_to_a_peer_that_is_gone(
    tmp_path: Path, path: str
) -> None:
    """On uvloop, where the parts of the loop have another order."""
    (tmp_path / "endless.py").write_text(APP)
    command = (*POTTLE, "--app", "endless", "serve", "--port", "0")
    with (
        served(*command, cwd=tmp_path) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{process.ready().port}", timeout=5) as control,
    ):
        peer = opened(process.port, "/join")
        assert peer.recv(100)
        peer.close()
        speaker = opened(process.port, path, "POST")
        for _ in range(20):
            assert control.get("/closed").status_code == 200
        speaker.close()
        assert process.stop(signal.SIGTERM) == 0
