"""When the file descriptors have run out, that is told once, and that there are some again."""

from __future__ import annotations

import re
import socket
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from processes import PATIENCE, served

if TYPE_CHECKING:
    from pathlib import Path

#: The size of the table of descriptors, of which connections get what the server leaves.
LIMIT = 60

PROGRAM = f"""\
import resource
import sys

if "asyncio" in sys.argv[1]:
    sys.modules["uvloop"] = None

from pottle import Pottle
from pottle.servers import Settings, descriptors, serve

descriptors.CALM = 0.3
app = Pottle(__name__)


@app.before_serving
async def limit():
    resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))


@app.get("/")
async def index():
    return "here"


serve(lambda: app, Settings(port=0, server=sys.argv[1].split()[0]))
"""


@pytest.mark.parametrize(
    "server",
    [
        "uvicorn with uvloop",
        "uvicorn with asyncio",
        "hypercorn with uvloop",
        "granian with uvloop",
    ],
)
def test_exhausted_descriptors_are_told_once(tmp_path: Path, server: str) -> None:
    (tmp_path / "full.py").write_text(PROGRAM)
    with served(sys.executable, "full.py", server, cwd=tmp_path) as process:
        address = ("127.0.0.1", process.ready().port)
        with ExitStack() as connections:
            # The others wait with the system, or are closed at once: that differs by event loop.
            for _ in range(LIMIT + 40):
                connections.enter_context(socket.create_connection(address, timeout=PATIENCE))
            line = process.line("No connection can be accepted")
            told = re.search(
                rf"all {LIMIT} file descriptors are in use, with (\d+) connections", line
            )
            assert told is not None
            assert LIMIT / 4 < int(told[1]) < LIMIT
        process.line("Connections are accepted again")
        assert is_answered(address)
        assert process.stop() == 0
    assert len(process.output) == 3, process.text[:2000]


def is_answered(address: tuple[str, int]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.create_connection(address, timeout=PATIENCE) as client:
            try:
                client.sendall(b"GET / HTTP/1.0\r\nHost: here\r\n\r\n")
                if client.recv(12).startswith(b"HTTP/1"):
                    return True
            except ConnectionResetError:
                pass  # closed connections free their descriptors a little later
    return False
