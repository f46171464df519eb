"""A worker that ends, or cannot start, takes no other one with it."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pottle.servers import Settings, workers
from pottle.servers.watchdog import EXIT_OVERDUE
from processes import PATIENCE, POTTLE, served

if TYPE_CHECKING:
    from pathlib import Path

    from processes import Served

APP = """\
import os
from pathlib import Path

from pottle import Pottle

app = Pottle(__name__)

if Path("broken").exists():
    raise RuntimeError("broken meanwhile")


@app.get("/")
async def index():
    return str(os.getpid())


@app.get("/die")
async def die():
    os._exit(3)
"""

COMMAND = (*POTTLE, "--app", "pids", "serve", "--workers", "2", "--port", "0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pids.py").write_text(APP)
    return tmp_path


def get_pids(server: Served, count: int) -> set[int]:
    """The numbers of *count* workers that answer."""
    pids: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while len(pids) < count:
        assert time.monotonic() < deadline
        pids.add(int(get(server, "/")))
    return pids


def get(server: Served, path: str) -> bytes:
    """The answer to a request on a connection of its own; empty if there is none."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
        try:
            return b"".join(iter(partial(connection.recv, 4096), b"")).partition(b"\r\n\r\n")[2]
        except ConnectionResetError:
            return b""


def test_a_replacement_that_fails_to_start_leaves_the_others_alone(folder: Path) -> None:
    with served(*COMMAND, cwd=folder) as server:
        pids = get_pids(server.ready(), 2)
        (folder / "broken").touch()
        assert get(server, "/die") == b""
        assert "ended with exit code 3; 1 others go on" in server.line("Starting another")
        line = server.line("failed to start")
        assert re.search(r"failed to start \(exit code 1\); 1 others go on", line)
        assert "in 0.5 seconds" in line
        (survivor,) = get_pids(server, 1)
        assert survivor in pids
        (folder / "broken").unlink()
        assert survivor in get_pids(server, 2)
        assert server.stop() == 0


def test_workers_that_are_told_to_end_one_by_one_are_replaced(folder: Path) -> None:
    with served(*COMMAND, cwd=folder) as server:
        before = get_pids(server.ready(), 2)
        for pid in before:
            os.kill(pid, signal.SIGTERM)
            assert f"Worker {pid} ended with exit code 0" in server.line(f"Worker {pid}")
            assert get_pids(server, 1)
        assert not before & get_pids(server, 2)
        assert server.stop() == 0


def test_the_pause_before_another_worker_is_started_grows_to_a_bound() -> None:
    supervisor = workers.Supervisor(lambda: None, Settings(workers=2))  # type: ignore[arg-type, return-value] # never loaded
    pauses = [supervisor._pause(now) for now in range(12)]
    assert pauses[:4] == [0, 0.5, 1, 2]
    assert max(pauses) == pauses[-1] == workers.RETRY_MOST
    assert supervisor._pause(1000) == 0  # the first one in a while


def test_the_parent_says_that_a_worker_had_to_be_ended_by_force(folder: Path) -> None:
    (folder / "pids.py").write_text(
        APP
        + """
app.config.update(
    SHUTDOWN_TIMEOUT=0, BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0, SHUTDOWN_CLEANUP_TIMEOUT=0.2
)


@app.after_serving
async def after():
    import time

    time.sleep(1000)
"""
    )
    with served(*COMMAND, cwd=folder) as server:
        assert server.ready().stop() == EXIT_OVERDUE
        assert server.text.count("main thread: after (pids.py:") == 2
