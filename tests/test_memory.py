"""What passes through a server does not pile up in it: 1 GiB each way, with a slow other side.

The memory is that of the server process as the kernel tells it, its peak included.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from processes import PATIENCE, POTTLE, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processes import Served

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the proc file system"),
    pytest.mark.timeout(120),
]

MIB = 1 << 20
SIZE = 1024 * MIB
LIMIT = 48 * MIB
PIECE = bytes(64 * 1024)

APP = f"""\
import asyncio
import os

from pottle import Pottle, request

app = Pottle(__name__)
app.config["MAX_CONTENT_LENGTH"] = None
go_on = asyncio.Event()
taken = 0
made = 0


@app.post("/upload")
async def upload():
    global taken
    async for chunk in request.body:
        taken += len(chunk)
        await go_on.wait()
    return str(taken)


@app.get("/download")
async def download():
    async def chunks():
        global made
        piece = bytes({len(PIECE)})
        while made < {SIZE}:
            made += len(piece)
            yield piece

    return chunks(), {{"Content-Length": "{SIZE}"}}


@app.get("/progress")
async def progress():
    return [taken, made]


@app.get("/pid")
async def pid():
    return str(os.getpid())


@app.post("/go-on")
async def let_go():
    go_on.set()
    return ""
"""


class Memory:
    """The memory of the process that serves, in bytes."""

    def __init__(self, server: Served) -> None:
        pid = httpx.get(f"{server.url}/pid").text
        assert progress(server) == (0, 0)  # warm
        self.folder = Path(f"/proc/{pid}")
        self.forget_peak()
        self.before = self.value("VmRSS")

    def value(self, name: str) -> int:
        for line in (self.folder / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")

    def forget_peak(self) -> None:
        (self.folder / "clear_refs").write_text("5")

    @property
    def growth(self) -> int:
        """By how much the peak since the beginning is higher than the beginning."""
        return self.value("VmHWM") - self.before


@contextmanager
def connected(server: Served, head: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        client.sendall(f"{head} HTTP/1.1\r\nHost: localhost\r\n".encode())
        yield client


@pytest.fixture(params=["uvicorn", "hypercorn", "granian"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "flow.py").write_text(APP)
    command = (*POTTLE, "--app", "flow", "serve", "--server", request.param, "--port", "0")
    with served(*command, cwd=tmp_path) as process:
        process.ready()
        yield process


def progress(server: Served) -> tuple[int, int]:
    taken, made = httpx.get(f"{server.url}/progress", timeout=PATIENCE).json()
    return taken, made


def until_still(look: object) -> int:
    """The value of *look* once it has not changed for half a second."""
    assert callable(look)
    deadline = time.monotonic() + PATIENCE
    seen, since = look(), time.monotonic()
    while time.monotonic() - since < 0.5:
        assert time.monotonic() < deadline, f"still moving: {seen}"
        time.sleep(0.05)
        now = look()
        if now != seen:
            seen, since = now, time.monotonic()
    return int(seen)


def test_an_upload_that_the_application_takes_slowly(server: Served) -> None:
    memory = Memory(server)
    sent = 0

    def send() -> None:
        nonlocal sent
        client.sendall(f"Content-Length: {SIZE}\r\n\r\n".encode())
        while sent < SIZE:
            client.sendall(PIECE)
            sent += len(PIECE)

    with connected(server, "POST /upload") as client:
        sender = threading.Thread(target=send)
        sender.start()
        try:
            until_still(lambda: sent)
            stalled = memory.growth
            assert 0 < progress(server)[0] < MIB
        finally:
            httpx.post(f"{server.url}/go-on").raise_for_status()
            sender.join(PATIENCE * 2)
        answer = client.recv(4096)
        while not answer.endswith(str(SIZE).encode()):
            answer += client.recv(4096)
    assert b" 200 " in answer
    growth = memory.growth
    print(f"grown by {stalled / MIB:.1f} MiB while it stood still, {growth / MIB:.1f} MiB in all")
    assert growth < LIMIT


def test_a_download_that_the_client_takes_slowly(server: Served) -> None:
    memory = Memory(server)
    with connected(server, "GET /download") as client:
        client.sendall(b"\r\n")
        received = client.recv(1000)
        head, _, body = received.partition(b"\r\n\r\n")
        assert b" 200 " in head

        made = until_still(lambda: progress(server)[1])
        stalled = memory.growth
        assert made < LIMIT  # most of it is what the kernel has buffered

        length = len(body)
        buffer = bytearray(256 * 1024)
        while length < SIZE:
            count = client.recv_into(buffer)
            assert count, f"ended after {length} bytes"
            length += count
    assert length == SIZE
    growth = memory.growth
    print(f"grown by {stalled / MIB:.1f} MiB while it stood still, {growth / MIB:.1f} MiB in all")
    assert growth < LIMIT
