"""The bodies of responses: async context managers that give an async iterator of bytes.

    async with body as chunks:
        async for chunk in chunks:
            ...

Leaving the context manager always releases the source, whether or not iteration reached its end, or
began at all. Blocking sources (files, synchronous generators) are read in threads. A body knows no
response, request or header; `make_conditional` narrows it to a part of itself.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Sequence,
)
from io import BytesIO, TextIOBase
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from werkzeug.exceptions import RequestedRangeNotSatisfiable

from ..sync import call_in_thread, run_sync_iterable
from ..typing import FilePath
from ..utils import encode_text, file_path_to_path

#: Bytes that a file is read by: a hop into a thread costs as much as reading this from the cache.
BUFFER_SIZE = 256 * 1024


class ResponseBody(ABC):
    """A body: entering it gives an async iterable of bytes, leaving it releases what it holds.

    A body that can give a part of itself has ``async make_conditional(begin, end) -> int``, too:
    it narrows the body to ``[begin, end)`` and returns the complete length. It may be called again,
    and the body entered again, for another part.
    """

    @abstractmethod
    async def __aenter__(self) -> AsyncIterable[Any]: ...

    @abstractmethod
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...


def resolve_part(begin: int, end: int | None, size: int) -> tuple[int, int]:
    """The part ``[begin, end)`` of *size* bytes; a negative *begin* counts from the end.

    Raises `RequestedRangeNotSatisfiable` (416) where nothing is left of it.
    """
    if begin < 0:
        begin = max(0, size + begin)
    end = size if end is None else min(end, size)
    if begin >= end:
        raise RequestedRangeNotSatisfiable(size)
    return begin, end


def encode_chunk(chunk: Any, /) -> bytes:
    """What one item of a body is on the wire. Raises `TypeError` for what is neither text nor bytes."""
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, str):
        return encode_text(chunk)
    if isinstance(chunk, bytearray):
        return bytes(chunk)
    if isinstance(chunk, memoryview):
        return chunk.tobytes()
    raise TypeError(
        f"A response body is made of str or bytes, but its iterable gave {type(chunk).__name__}:"
        f" {chunk!r:.80}. Convert each item, for instance with str() or json.dumps(), before"
        " yielding it."
    )


class DataBody(ResponseBody):
    """Bytes that are there already. `data` is what is sent: the part, once narrowed to one."""

    _whole: bytes | None = None

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.begin = 0
        self.end = len(data)

    async def __aenter__(self) -> AsyncIterable[bytes]:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.data:
            yield self.data

    async def make_conditional(
        self, begin: int, end: int | None, max_size: int | None = None
    ) -> int:
        """Narrow the body to ``[begin, end)`` of the data; returns the complete length."""
        if self._whole is None:
            self._whole = self.data
        self.begin, self.end = resolve_part(begin, end, len(self._whole))
        self.data = self._whole[self.begin : self.end]
        return len(self._whole)


class IterableBody(ResponseBody):
    """Chunks of str or bytes from an async or a synchronous iterable.

    A list or tuple is walked through on the spot, any other synchronous iterable in threads, all
    steps with the context variables of whoever iterates.
    """

    #: Makes bytes of an item.
    encode = staticmethod(encode_chunk)

    begin = 0
    end: int | None = None

    def __init__(self, iterable: AsyncIterable[Any] | Iterable[Any]) -> None:
        self.iter: AsyncIterator[Any]
        # Any: what a caller hands in is not always type-checked, and may have an `aclose` or `close`.
        source: Any = iterable
        self._source = source
        self._started = False
        self._chunks: AsyncGenerator[bytes] | None = None
        if hasattr(source, "__aiter__"):
            self.iter = aiter(source)
        elif isinstance(source, list | tuple):
            self.iter = _walk(cast("Sequence[Any]", source))
        elif hasattr(source, "__iter__"):
            self.iter = run_sync_iterable(source)
        else:
            raise TypeError(
                f"{type(source).__name__} cannot be the body of a response: it is neither str,"
                " bytes, an iterable, an async iterable nor a ResponseBody."
            )

    async def __aenter__(self) -> AsyncIterator[bytes]:
        return aiter(self)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self.begin == 0 and self.end is None:
            return self
        if self._chunks is None:
            self._chunks = self._part()
        return self._chunks

    async def __anext__(self) -> bytes:
        return self.encode(await anext(self.items()))

    def items(self) -> AsyncIterator[Any]:
        """What is left of the items, not encoded."""
        self._started = True
        return self.iter

    async def _part(self) -> AsyncGenerator[bytes]:
        """Of the chunks what lies within ``[begin, end)``."""
        position = 0
        async for item in self.items():
            chunk = self.encode(item)
            start, position = position, position + len(chunk)
            if position <= self.begin:
                continue
            if self.end is not None and position >= self.end:
                yield chunk[max(0, self.begin - start) : self.end - start]
                return
            yield chunk[self.begin - start :] if start < self.begin else chunk

    async def aclose(self) -> None:
        """Close the source: its `aclose` or `close` has run afterwards. Calling it twice is no harm."""
        if self._chunks is not None:
            await self._chunks.aclose()
        started, self._started = self._started, True
        aclose = getattr(self.iter, "aclose", None) or getattr(self._source, "aclose", None)
        if aclose is not None:
            await aclose()
        # What never began to run has no `finally` that would close the source.
        if not started and not hasattr(self._source, "__aiter__"):
            close = getattr(self._source, "close", None)
            if close is not None:
                await call_in_thread(close)

    async def make_conditional(
        self, begin: int, end: int | None, max_size: int | None = None
    ) -> int:
        """Narrow the body to ``[begin, end)``: what lies before is read and dropped.

        The length of an iterable is not known, so *max_size* must tell it where *end* is None or
        *begin* is negative; `ValueError` otherwise. Returns the complete length as far as known.
        An iterable can be read once, and so one part of it can be had.
        """
        size = max_size if max_size is not None or begin < 0 else end
        if size is None:
            raise ValueError(
                "How long an iterable is cannot be known before it has been read: pass `max_size`,"
                " or call `await response.make_sequence()` first."
            )
        self.begin, self.end = resolve_part(begin, end, size)
        return size


def unencoded(
    chunks: AsyncIterable[Any],
) -> tuple[AsyncIterable[Any], Callable[[Any], bytes]]:
    """What to iterate over for the *chunks* of a body, and what then makes bytes of an item."""
    if (
        isinstance(chunks, IterableBody)
        and aiter(chunks) is chunks
        and type(chunks).__anext__ is IterableBody.__anext__
    ):
        # PERF: saves the coroutine that would encode each item (bench: stream).
        return chunks.items(), chunks.encode
    return chunks, encode_chunk


async def _walk(items: Sequence[Any]) -> AsyncGenerator[Any]:
    for item in items:
        yield item


class FileBody(ResponseBody):
    """A regular file, read in threads in pieces of `buffer_size` bytes.

    Raises `OSError` at once if *file_path* cannot be looked at (this blocks: make the body in a thread
    where that matters), and on entering if it cannot be opened.
    """

    buffer_size = BUFFER_SIZE

    def __init__(self, file_path: FilePath, *, buffer_size: int | None = None) -> None:
        self.path: Path = file_path_to_path(file_path)
        self.size = self.path.stat().st_size
        self.begin = 0
        self.end = self.size
        if buffer_size is not None:
            self.buffer_size = buffer_size
        self.file: IO[bytes] | None = None
        self._position = 0
        self._first = b""

    @property
    def file_path(self) -> Path:
        """Quart's name for `path`."""
        return self.path

    async def __aenter__(self) -> FileBody:
        self._position = self.begin
        try:
            self._first = await call_in_thread(self._open)
        except BaseException:
            # A cancelled wait comes here with the file open.
            self._close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._first = b""
        if self.file is not None:
            await call_in_thread(self._close)

    def __aiter__(self) -> FileBody:
        return self

    async def __anext__(self) -> bytes:
        chunk, self._first = self._first, b""
        if not chunk:
            if self._position >= self.end:
                raise StopAsyncIteration
            chunk = await call_in_thread(self._read)
        return chunk

    def _open(self) -> bytes:
        """Open the file and read the first piece; a small file costs one hop into a thread."""
        self.file = self.path.open("rb", buffering=0)
        if self.begin:
            self.file.seek(self.begin)
        return self._read() if self.begin < self.end else b""

    def _read(self) -> bytes:
        """The next piece; the file is closed with the last one."""
        if self.file is None:
            raise RuntimeError("A FileBody is read within `async with body as chunks`.")
        chunk = self.file.read(min(self.buffer_size, self.end - self._position))
        if not chunk:
            raise OSError(
                errno.EIO,
                f"The file became shorter while it was sent: {self.end - self._position} bytes"
                " that were announced are missing",
                os.fspath(self.path),
            )
        self._position += len(chunk)
        if self._position >= self.end:
            self._close()
        return chunk

    def _close(self) -> None:
        file, self.file = self.file, None
        if file is not None:
            file.close()

    async def make_conditional(
        self, begin: int, end: int | None, max_size: int | None = None
    ) -> int:
        """Narrow the body to ``[begin, end)`` of the file; returns the size of the file."""
        self.begin, self.end = resolve_part(begin, end, self.size)
        return self.size


class IOBody(ResponseBody):
    """A binary file object, sent from its beginning wherever it stands now.

    A `io.BytesIO` is read on the spot and its position is left alone, so that one object can serve
    several responses at once. Anything else is read in threads; one that cannot seek is sent from
    where it stands, and its `size` is None. The file object is never closed here: it belongs to
    whoever opened it. Raises `ValueError` for a text file.
    """

    buffer_size = BUFFER_SIZE

    def __init__(self, io_stream: IO[bytes], *, buffer_size: int | None = None) -> None:
        self.io_stream = io_stream
        self.size = _stream_size(io_stream)
        self.begin = 0
        self.end = self.size
        if buffer_size is not None:
            self.buffer_size = buffer_size
        self._position = 0

    async def __aenter__(self) -> IOBody:
        self._position = self.begin
        if self.size is not None and not isinstance(self.io_stream, BytesIO):
            await call_in_thread(self.io_stream.seek, self.begin)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        pass

    def __aiter__(self) -> IOBody:
        return self

    async def __anext__(self) -> bytes:
        wanted = self.buffer_size
        if self.end is not None:
            wanted = min(wanted, self.end - self._position)
        if isinstance(self.io_stream, BytesIO):
            with self.io_stream.getbuffer() as view:
                chunk = bytes(view[self._position : self._position + wanted])
        elif wanted:
            chunk = encode_chunk(await call_in_thread(self.io_stream.read, wanted))
        else:
            chunk = b""
        if not chunk:
            raise StopAsyncIteration
        self._position += len(chunk)
        return chunk

    async def make_conditional(
        self, begin: int, end: int | None, max_size: int | None = None
    ) -> int:
        """Narrow the body to ``[begin, end)`` of the file; returns its size.

        Raises `ValueError` where the size is not known, since the object cannot seek.
        """
        if self.size is None:
            raise ValueError(
                f"{self.io_stream!r} cannot seek, so no part of it can be sent: read it into a"
                " BytesIO first."
            )
        self.begin, self.end = resolve_part(begin, end, self.size)
        return self.size


def _stream_size(stream: Any) -> int | None:
    """How many bytes the file object has; None where it cannot seek."""
    if isinstance(stream, BytesIO):
        with stream.getbuffer() as view:
            return view.nbytes
    if isinstance(stream, TextIOBase) or isinstance(stream.read(0), str):
        raise ValueError(
            f"{stream!r} is a text file, and a response is made of bytes: open it in binary mode"
            ' ("rb"), or put encoded text into a BytesIO.'
        )
    seekable = getattr(stream, "seekable", None)
    if seekable is None or not seekable():
        return None
    return int(stream.seek(0, os.SEEK_END))
