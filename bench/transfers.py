"""Bodies of any size over HTTP, by plain sockets: uploads, downloads, and many streams at once.

The content is one random block over and over, so that every byte of a gigabyte can be checked at the
speed of the memory.
"""

from __future__ import annotations

import json
import random
import select
import time
from collections.abc import Iterator
from pathlib import Path

from bench.client import PATIENCE, WrongAnswerError, connect, read_head

MIB = 1024 * 1024
BLOCK = random.Random(1).randbytes(MIB)  # what does not compress, and has all bytes
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
FORM_HEAD = (
    f"--{BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="file"; filename="film.mp4"\r\n'
    "Content-Type: video/mp4\r\n\r\n"
).encode()
FORM_TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
#: Bytes of an answer that are read at once.
_MOST = 4 * MIB


def upload(port: int, path: str, mib: int, *, as_form: bool) -> float:
    """Post *mib* MiB and give the seconds until the answer was there: ``{"size": ...}``."""
    before, after = (FORM_HEAD, FORM_TAIL) if as_form else (b"", b"")
    content_type = FORM_TYPE if as_form else "application/octet-stream"
    size = len(before) + mib * MIB + len(after)
    with connect(port) as connection:
        start = time.perf_counter()
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {size}\r\nConnection: close\r\n\r\n".encode()
        )
        connection.sendall(before)
        try:
            for _ in range(mib):
                connection.sendall(BLOCK)
            connection.sendall(after)
        except ConnectionError:
            pass  # the server has answered before it had everything, and says why
        head, body = read_head(connection), b""
        while piece := connection.recv(_MOST):
            body += piece
    _check_status(head)
    received = json.loads(body)["size"]
    if received != mib * MIB:
        raise WrongAnswerError(f"{received:,} bytes arrived of {mib * MIB:,}")
    return time.perf_counter() - start


def download(port: int, path: str, mib: int) -> float:
    """Get *mib* MiB and give the seconds that it took."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    expected = memoryview(BLOCK * (_MOST // MIB + 1))
    buffer = bytearray(_MOST)
    view = memoryview(buffer)
    total = 0
    with connect(port) as connection:
        start = time.perf_counter()
        connection.sendall(request.encode())
        head = read_head(connection)
        _check_status(head)
        while size := connection.recv_into(view):
            first = total % MIB
            if view[:size] != expected[first : first + size]:
                raise WrongAnswerError(f"other bytes than sent, after {total:,}")
            total += size
    if total != mib * MIB or f"content-length: {total}\r\n" not in head.decode().lower():
        raise WrongAnswerError(f"{total:,} bytes arrived of {mib * MIB:,}")
    return time.perf_counter() - start


def write_blocks(path: Path, mib: int) -> None:
    """Make a file of *mib* MiB."""
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(BLOCK)


def check_blocks(path: Path, mib: int) -> None:
    """Raise `WrongAnswerError` unless the file is what `write_blocks` would have made."""
    with path.open("rb") as file:
        for number in range(mib):
            if file.read(MIB) != BLOCK:
                raise WrongAnswerError(f"the file is another one, from {number} MiB on")
        if file.read(1):
            raise WrongAnswerError(f"the file is larger than {mib} MiB")


def streams(port: int, path: str, count: int) -> tuple[float, list[bytes]]:
    """Ask for *path* by *count* connections at once; gives the seconds, and the bodies."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    connections = [connect(port) for _ in range(count)]
    of_file = {connection.fileno(): connection for connection in connections}
    received: dict[int, bytearray] = {number: bytearray() for number in of_file}
    try:
        with select.epoll() as epoll:
            for number in of_file:
                epoll.register(number, select.EPOLLIN)
            start = time.perf_counter()
            for connection in connections:
                connection.sendall(request)
            missing = count
            while missing:
                ready = epoll.poll(PATIENCE)
                if not ready:
                    raise WrongAnswerError(f"{missing} streams have stopped before their end")
                for number, _ in ready:
                    if piece := of_file[number].recv(65536):
                        received[number] += piece
                    else:
                        epoll.unregister(number)
                        missing -= 1
            passed = time.perf_counter() - start
    finally:
        for connection in connections:
            connection.close()
    return passed, [_body(bytes(answer)) for answer in received.values()]


def _check_status(head: bytes) -> None:
    if not head.startswith(b"HTTP/1.1 200 "):
        raise WrongAnswerError(f"answered {head[:60]!r}")


def _body(answer: bytes) -> bytes:
    """The body of a chunked answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    _check_status(head)
    if b"transfer-encoding: chunked" not in head.lower():
        raise WrongAnswerError(f"the answer is not chunked: {head!r}")
    return b"".join(_chunks(body))


def _chunks(body: bytes) -> Iterator[bytes]:
    at = 0
    while True:
        line = body.find(b"\r\n", at)
        size = int(body[at:line], 16) if line >= 0 else 0
        if not size:
            break
        at = line + 2 + size + 2
        yield body[line + 2 : at - 2]
    if body[at:] != b"0\r\n\r\n":
        raise WrongAnswerError("a stream has broken off")
