"""The control client: a small request twenty times a second, in a process of its own.

`python -m soak.control PORT SECONDS` prints what it measured as JSON. Latency counts from the moment
when a request was due, so that one that is held up shows in all that should have followed. How
late this process itself was, because the machine was busy, is measured beside and stated for each.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field

from .wire import HOST

INTERVAL = 0.05  # seconds
PATIENCE = 5.0  # seconds that an answer may take before it is given up
REQUEST = b"GET /control HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: Every so many requests come by a new connection.
NEW_CONNECTION = 4


class Lateness:
    """How late a thread of this process wakes up, which says how busy the machine is."""

    STEP = 0.01  # seconds

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=2000)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            begun = time.monotonic()
            time.sleep(self.STEP)
            now = time.monotonic()
            self._late.append((now, now - begun - self.STEP))

    def since(self, begun: float) -> float:
        """The longest since then."""
        return max((late for at, late in list(self._late) if at >= begun), default=0.0)


@dataclass
class Measured:
    """What the control client found. Seconds all over."""

    #: From when each request was due to its answer.
    latencies: list[float] = field(default_factory=list)
    #: The same, less what this process was late itself.
    without_own: list[float] = field(default_factory=list)
    #: When, from the beginning, each was due that went unanswered, and why.
    unanswered: list[tuple[float, str]] = field(default_factory=list)
    own_lateness: float = 0.0


class Control:
    def __init__(self, port: int) -> None:
        self.port = port
        self.measured = Measured()
        self.ending = threading.Event()
        self._lateness = Lateness()
        self._connection: socket.socket | None = None

    def run(self, seconds: float) -> Measured:
        begun = due = time.monotonic()
        number = 0
        while due < begun + seconds and not self.ending.is_set():
            time.sleep(max(due - time.monotonic(), 0))
            if number % NEW_CONNECTION == 0:
                self._disconnect()
            try:
                self._ask()
            except (OSError, ValueError) as error:
                self.measured.unanswered.append((due - begun, f"{type(error).__name__}: {error}"))
                self._disconnect()
                due = time.monotonic()  # those that were due meanwhile are left out
            else:
                self._note(due)
            number += 1
            due += INTERVAL
        self._disconnect()
        return self.measured

    def _note(self, due: float) -> None:
        latency = time.monotonic() - due
        own = self._lateness.since(due)
        self.measured.latencies.append(latency)
        self.measured.without_own.append(max(latency - own, 0.0))
        self.measured.own_lateness = max(self.measured.own_lateness, own)

    def _ask(self) -> None:
        deadline = time.monotonic() + PATIENCE
        if self._connection is None:
            self._connection = socket.create_connection((HOST, self.port), PATIENCE)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sendall(REQUEST)
        answer = b""
        while not answer.endswith(b"\r\n\r\nfine"):
            self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = self._connection.recv(4096)
            answer += piece
            if not piece or len(answer) > 4096:
                raise ValueError(f"the answer was {answer[:80]!r}")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def main() -> None:
    control = Control(int(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: control.ending.set())
    measured = control.run(float(sys.argv[2]))
    json.dump(asdict(measured), sys.stdout)


if __name__ == "__main__":
    main()
