"""The stages: each takes pieces of a file and gives pieces of another, as an async generator.

A stage pulls: it asks for the next piece when somebody has asked it for one. So the slowest part of
a pipeline sets the pace of all of it, the client's upload included, and nothing piles up.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pottle import run_sync

from .processes import StageError, through

Chunks = AsyncIterable[bytes]

PIECE = 1024**2  # bytes: a hop into a thread should be worth its while
ROWS = 1000  # that are converted at once
LONGEST_ROW = 256 * 1024  # characters
ENCODER = Path(__file__).with_name("encode.py")


class Stage(NamedTuple):
    """A stage by its function, and what comes out of it."""

    run: Callable[[Chunks], AsyncGenerator[bytes]]
    mimetype: str
    suffix: str
    about: str


@asynccontextmanager
async def chained(source: Chunks, stages: list[Stage]) -> AsyncGenerator[Chunks]:
    """The result of *source* going through *stages*, one after another.

    An async generator that is left alone in the middle keeps what it holds until the garbage
    collector comes. So each of them is closed here, the last one first.
    """
    async with AsyncExitStack() as stack:
        for stage in stages:
            generator = stage.run(source)
            stack.push_async_callback(generator.aclose)
            source = generator
        yield source


async def in_pieces(chunks: Chunks, size: int = PIECE) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of at least *size*; only the last one may be smaller."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= size:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def gzip(chunks: Chunks) -> AsyncGenerator[bytes]:
    """Compress. zlib lets other threads run meanwhile, and so the event loop."""
    compressor = zlib.compressobj(level=1, wbits=31)  # 31: with the head and end of a gzip file
    compress, finish = run_sync(compressor.compress), run_sync(compressor.flush)
    async for piece in in_pieces(chunks):
        if compressed := await compress(piece):
            yield compressed
    yield await finish()


async def jsonl(chunks: Chunks) -> AsyncGenerator[bytes]:
    """From CSV, whose first line has the names, to one JSON object a line."""
    convert = run_sync(_convert)
    names: list[str] = []
    count = 0
    async for text in _whole_rows(chunks):
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        names = names or next(rows, names)
        while lines := await convert(rows, names, count):
            count += len(lines)
            yield "".join(lines).encode()


async def _whole_rows(chunks: Chunks) -> AsyncGenerator[str]:
    """The text in pieces that end where a row ends."""
    rest = b""
    async for piece in in_pieces(chunks):
        rest += piece
        end = rest.rfind(b"\n") + 1
        while end and rest.count(b'"', 0, end) % 2:  # this line end stands within quotes
            end = rest.rfind(b"\n", 0, end - 1) + 1
        if end:
            yield _decode(rest[:end])
        rest = rest[end:]
        if len(rest) > LONGEST_ROW:
            raise StageError(f"A row has more than {LONGEST_ROW} bytes. Is this a CSV file?")
    if rest:
        yield _decode(rest)


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StageError("This is no text in UTF-8.") from error


def _convert(rows: Iterator[list[str]], names: list[str], before: int) -> list[str]:
    """The next rows as lines of JSON; *before* is how many there were before."""
    lines: list[str] = []
    try:
        for row in islice(rows, ROWS):
            if len(row) != len(names):
                number = before + len(lines) + 1
                raise StageError(f"Row {number} has {len(row)} fields and not {len(names)}.")
            values = dict(zip(names, row, strict=True))
            lines.append(json.dumps(values, ensure_ascii=False) + "\n")
    except csv.Error as error:
        raise StageError(f"Behind row {before + len(lines)}: {error}.") from error
    return lines


async def flac(chunks: Chunks) -> AsyncGenerator[bytes]:
    """Compress sound without a loss: WAV, and whatever else FFmpeg's libraries read, to FLAC."""
    async for piece in through(chunks, sys.executable, str(ENCODER)):
        yield piece


STAGES = {
    "gzip": Stage(gzip, "application/gzip", ".gz", "compress any file"),
    "jsonl": Stage(jsonl, "application/jsonl", ".jsonl", "CSV to JSON lines"),
    "flac": Stage(flac, "audio/flac", ".flac", "sound (WAV, MP3, Ogg) to FLAC"),
}
