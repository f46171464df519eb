"""Serving commands of the documentation: run as they stand, except that they listen elsewhere."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import ssl
import time
from pathlib import Path
from typing import Self

import httpx

from processes import PATIENCE, Served

#: The port that is meant where a command names none.
DEFAULT_PORTS = {"pottle": "5000", "python": "5000"}
#: Options that say where to listen, each with a value.
PLACES = {"--host", "-h", "--port", "-p", "--bind", "-b", "--uds"}


class Server:
    """A serving command, on a port that is free. It is gone at the end of the ``with`` block."""

    def __init__(self, command: str) -> None:
        self.command = command
        words, places = _split(shlex.split(command))
        self.kind = _kind(words)
        bind = places.get("--bind", "").rpartition(":")[2]
        default = DEFAULT_PORTS.get(self.kind, "8000")
        self.shown_port = places.get("--port") or places.get("-p") or bind or default
        self.port = _free_port()
        self.socket = "server.sock" if "--uds" in places else None
        # Whoever is asked for a certificate presents the one that signs: with its key in one file.
        self.ca_certs = words[words.index("--ca-certs") + 1] if "--ca-certs" in words else None
        self.secure = any(word.startswith("--cert") for word in words)
        if self.socket:
            where = ["--uds", self.socket]
        elif self.kind == "hypercorn":
            where = ["--bind", f"127.0.0.1:{self.port}"]
        else:
            where = ["--host", "127.0.0.1", "--port", str(self.port)]
        # `env` for the variables that the command may begin with.
        self.process = Served("env", *words, *where, cwd=Path.cwd())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    def expect(self, request: str) -> None:
        """Wait until it answers, and compare what: `METHOD PATH -> STATUS [TEXT]`."""
        asked, _, expected = request.partition(" -> ")
        status, _, part = expected.partition(" ")
        method, path = asked.split()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.ca_certs:
            context.load_cert_chain(self.ca_certs)
        transport = httpx.HTTPTransport(uds=self.socket, verify=context)
        scheme = "https" if self.secure else "http"
        with httpx.Client(
            transport=transport, base_url=f"{scheme}://127.0.0.1:{self.port}"
        ) as client:
            answer = self._ask(client, method, path)
        told = f"$ {self.command}\n{request}: {answer.status_code} {answer.text}"
        assert answer.status_code == int(status), told
        assert part in answer.text, told

    def _ask(self, client: httpx.Client, method: str, path: str) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                return client.request(method, path)
            except httpx.TransportError:
                if self.process.process.poll() is not None:
                    break
                time.sleep(0.05)
        self.process.kill()
        self.process.end()
        raise AssertionError(f"$ {self.command}\ndoes not answer:\n{self.process.text}")

    def addressed(self, command: str) -> str:
        """*command*, with the address that the page shows replaced by the one of this server."""
        there = rf"\b(?:127\.0\.0\.1|localhost):{self.shown_port}\b"
        return re.sub(there, f"127.0.0.1:{self.port}", command)

    def restarted(self) -> None:
        """Wait until it runs again, if it is one that starts anew when a file changes."""
        if "--debug" in self.command:
            self.process.line("Restarting")
            self.process.line("Running on")

    def stop(self) -> None:
        """Ask it to end. Pottle's commands end well; uvicorn's own dies of the signal."""
        code = self.process.stop(signal.SIGTERM)
        good = {0} if self.kind == "pottle" else {0, -signal.SIGTERM, 128 + signal.SIGTERM}
        assert code in good, f"$ {self.command}\nended with exit code {code}:\n{self.process.text}"


def _split(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """The words without those that say where to listen, and these."""
    rest: list[str] = []
    places: dict[str, str] = {}
    remaining = iter(words)
    for word in remaining:
        if word in PLACES:
            places[word] = next(remaining)
        else:
            rest.append(word)
    return rest, places


def _kind(words: list[str]) -> str:
    """The command that serves: the first word, or the one that `pottle exec --` is given."""
    if "--" in words:
        words = words[words.index("--") + 1 :]
    return next(word for word in words if "=" not in word)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
