"""A lean client for thousands of websockets from one process: plain sockets and one `epoll`.

A websocket costs it a socket and a few hundred bytes, a message two system calls, so that what is
measured is the server. Frames are built before the clock runs. Whatever arrives is compared with what
has to come, and anything else is a `WrongAnswerError`.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import struct
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager

from bench.servers import CLIENT_CORE

HOST = "127.0.0.1"
#: Seconds that a server may take for anything before it is given up.
PATIENCE = 30.0
#: Handshakes that are under way at once: the backlog of some servers holds 100 connections.
WAVE = 64
#: Any four bytes will do here; RFC 6455 section 5.3 asks for random ones for the sake of proxies.
MASK = b"\x5a\x12\xc3\x71"
TEXT, PING, PONG = 0x1, 0x9, 0xA
FINAL = 0x80

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "User-Agent: bench\r\nOrigin: http://localhost\r\nCookie: theme=light\r\n\r\n"
)
#: Closing sends a reset: no closing handshakes, and no ports that are blocked for a minute.
RESET = struct.pack("ii", 1, 0)


class WrongAnswerError(Exception):
    """The server has sent something else than it had to, or nothing."""


def allow_connections(count: int) -> None:
    """Let this process, and servers that it starts from now on, have *count* connections."""
    needed = count + 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise OSError(f"{needed} open files are needed, and `ulimit -Hn` allows {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@contextmanager
def on_client_core() -> Iterator[None]:
    """Leave the server's core to the server, if there is another."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CLIENT_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def connect(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_head(connection: socket.socket) -> bytes:
    """The head of an answer. What follows it stays in the socket."""
    while True:
        data = connection.recv(65536, socket.MSG_PEEK)
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            return connection.recv(end + 4)
        if not data or len(data) == 65536:
            raise WrongAnswerError(f"no head of an answer, but {data[:60]!r}")


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One masked frame, of less than 64 KiB."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    mask = (MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return bytes([FINAL | opcode]) + length + MASK + masked.to_bytes(size, "big")


class Peer:
    """The client's end of one websocket."""

    __slots__ = ("begun", "number", "received", "socket")

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.socket = connection
        #: For whoever counts: how many messages have come.
        self.received = 0
        #: What has arrived of a frame that is not whole yet.
        self.begun = b""

    def receive(self) -> list[bytes]:
        """The text messages that have arrived. Pings among them are answered."""
        piece = self.socket.recv(65536)
        if not piece:
            raise WrongAnswerError("the server has broken a connection")
        data = self.begun + piece
        messages: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= 4 or (end - at >= 2 and data[at + 1] < 126):
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            if start + size > end:
                break
            at, head = start + size, data[at]
            if head == FINAL | TEXT:
                messages.append(data[start:at])
            elif head == FINAL | PING:
                self.socket.sendall(frame(data[start:at], PONG))
            else:
                raise WrongAnswerError(f"a frame {head:#x} {data[start:at]!r}")
        self.begun = data[at:]
        return messages


class Peers:
    """Websockets to one server, all open; a context manager that breaks them off."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self.list: list[Peer] = []
        self._of_file: dict[int, Peer] = {}
        self._epoll = select.epoll()
        request = HANDSHAKE.format(path=path).encode()
        try:
            while len(self.list) < count:
                self._open(port, request, min(WAVE, count - len(self.list)))
        except BaseException:
            self.close()
            raise

    def _open(self, port: int, request: bytes, count: int) -> None:
        wave: list[Peer] = []
        for _ in range(count):
            peer = Peer(len(self.list), connect(port))
            wave.append(peer)
            self.list.append(peer)
            peer.socket.sendall(request)
        for peer in wave:
            head = read_head(peer.socket)
            if not head.startswith(b"HTTP/1.1 101 "):
                raise WrongAnswerError(f"a handshake was answered by {head[:60]!r}")
            peer.socket.setblocking(False)
            self._of_file[peer.socket.fileno()] = peer
            self._epoll.register(peer.socket.fileno(), select.EPOLLIN)

    def close(self) -> None:
        for peer in self.list:
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            peer.socket.close()
        self._epoll.close()

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self, timeout: float = PATIENCE) -> list[Peer]:
        """Those that something has arrived for, which is waited for *timeout* seconds at most."""
        of_file = self._of_file
        return [of_file[number] for number, _ in self._epoll.poll(timeout)]

    def expect(self, message: bytes) -> None:
        """Wait until every websocket has received this one message, and nothing else."""
        missing = set(self.list)
        while missing:
            ready = self.ready()
            if not ready:
                raise WrongAnswerError(f"{len(missing)} of {len(self.list)} wait for a message")
            for peer in ready:
                for received in peer.receive():
                    if received != message or peer not in missing:
                        raise WrongAnswerError(f"{received[:60]!r} came, not {message[:60]!r}")
                    missing.discard(peer)

    def echo(self, payloads: list[bytes], seconds: float, depth: int) -> int:
        """Send the *payloads* round and round, *depth* of them under way on each websocket.

        Gives how many came back within *seconds*, and those that were under way then.
        """
        frames = [frame(payload) for payload in payloads]
        size = len(frames)
        for peer in self.list:
            peer.received = 0
            peer.socket.sendall(b"".join(frames[i % size] for i in range(depth)))
        end = time.perf_counter() + seconds
        missing = len(self.list) * depth
        total = 0
        while missing:
            ready = self.ready()
            if not ready:
                raise WrongAnswerError(f"{missing} messages were not answered")
            open_ = time.perf_counter() < end
            for peer in ready:
                first = peer.received
                for message in peer.receive():
                    if message != payloads[peer.received % size]:
                        raise WrongAnswerError(f"{message[:60]!r} came back")
                    peer.received += 1
                count = peer.received - first
                total += count
                if not open_:
                    missing -= count
                elif count:
                    next_ = range(first + depth, first + depth + count)
                    peer.socket.sendall(b"".join(frames[i % size] for i in next_))
        return total

    def chat(self, seconds: int) -> tuple[int, array[float]]:
        """Send one message a second on each websocket for so many *seconds*, evenly spread.

        Gives how many were sent, and the seconds that each echo took. What has not come back some
        seconds after the last was sent is lost.
        """
        count = len(self.list)
        payloads = [f"{number:06} says it is all right".encode() for number in range(count)]
        frames = [frame(payload) for payload in payloads]
        for peer in self.list:
            peer.received = 0
        sent = array("d")
        delays = array("d")
        start = time.perf_counter()
        end, total = start + seconds + 5.0, count * seconds
        while len(delays) < total and time.perf_counter() < end:
            due = min(total, int((time.perf_counter() - start) * count) + 1)
            while len(sent) < due:
                number = len(sent) % count
                sent.append(time.perf_counter())
                self.list[number].socket.sendall(frames[number])
            for peer in self.ready(0.001 if len(sent) < total else 0.1):
                for message in peer.receive():
                    if message != payloads[peer.number]:
                        raise WrongAnswerError(f"{message[:60]!r} came back")
                    delays.append(time.perf_counter() - sent[peer.received * count + peer.number])
                    peer.received += 1
        return len(sent), delays
