"""Whoever connects while a server ends is answered or refused: nobody is accepted and then reset."""

from __future__ import annotations

import signal
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from processes import POTTLE, served

if TYPE_CHECKING:
    from pathlib import Path

APP = """\
import asyncio

from pottle import Pottle

app = Pottle(__name__)


@app.get("/")
async def index():
    await asyncio.sleep(0.005)
    return "here"
"""

CLIENTS = 8

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


class Clients:
    """Threads that open one connection after the other until they are refused."""

    def __init__(self, port: int) -> None:
        self.address = ("127.0.0.1", port)
        self.outcomes: Counter[str] = Counter()
        self.answered = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self.run) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self) -> None:
        outcome = ""
        while outcome not in {"refused", "not connected"}:
            outcome = self.ask()
            self.outcomes[outcome] += 1
            if outcome == "answered":
                self.answered.release()

    def ask(self) -> str:
        try:
            client = socket.create_connection(self.address, timeout=10)
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "not connected"
        with client:
            try:
                client.sendall(REQUEST)
                answer = b""
                while piece := client.recv(4096):
                    answer += piece
            except OSError as error:
                return type(error).__name__
        return "answered" if answer.endswith(b"here") else f"closed after {answer!r}"

    def join(self) -> None:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("name", "workers"), [("uvicorn", "1"), ("uvicorn", "2"), ("hypercorn", "2"), ("granian", "2")]
)
def test_connections_during_sigterm(tmp_path: Path, name: str, workers: str) -> None:
    (tmp_path / "hello.py").write_text(APP)
    command = (*POTTLE, "--app", "hello", "serve", "--server", name, "--workers", workers)
    with served(*command, "--port", "0", cwd=tmp_path) as server:
        clients = Clients(server.ready().port)
        for _ in range(100):
            assert clients.answered.acquire(timeout=20)
        server.send(signal.SIGTERM)
        clients.join()
        assert server.end() == 0
    assert clients.outcomes.keys() == {"answered", "refused"}, clients.outcomes
