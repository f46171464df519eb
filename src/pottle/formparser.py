"""Forms and uploads: a request body becomes parts while it streams, and parts become a form.

No application and no request is known here, only the body: an asynchronous iterable of bytes, which
enforces `MAX_CONTENT_LENGTH` and the time-out itself. Invariants: the body is read when a part is
asked for and not before; what a field or a part's headers may take of memory is bounded; the disk is
touched in threads; a body that is cut off or malformed is an error and never a smaller form.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import AsyncIterable, Awaitable, Callable
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote_to_bytes

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, ServiceUnavailable
from werkzeug.http import parse_options_header

from .datastructures import FileStorage, Headers
from .errors import BodyConsumedError
from .multipart import Decoder, Head
from .sync import call_in_thread
from .utils import checked_headers

if TYPE_CHECKING:
    from .typing import FilePath

Body = AsyncIterable[bytes]
Form = MultiDict[str, Any]
Files = MultiDict[str, Any]
StreamFactory = Callable[[int | None, str | None, str | None, int | None], IO[bytes]]
ParseFunction = Callable[
    ["FormDataParser", Body, str, int | None, dict[str, str]], Awaitable[tuple[Form, Files]]
]

_logger = logging.getLogger("pottle.uploads")

SPOOL_SIZE = 500 * 1024  # bytes of an upload that stay in memory
_BATCH = 512 * 1024  # bytes that are written to disk at once
_MOST_PIECES = 64  # in which they may come, since each has to be kept
# of fields; RFC 7578 section 5.1.2 knows only UTF-8 and these are what werkzeug takes besides
_CHARSETS = {"ascii", "us-ascii", "utf-8", "iso-8859-1"}
# how bytes that are no UTF-8 are decoded, sent raw or escaped: they stay as `%FF`
_QUOTED = "werkzeug.url_quote"


class SpooledFile(SpooledTemporaryFile[bytes]):
    """A temporary file that stays in memory up to `SPOOL_SIZE` bytes and is gone when closed."""

    def __init__(self) -> None:
        super().__init__(max_size=SPOOL_SIZE, mode="w+b")
        self.on_disk = False

    def rollover(self) -> None:
        """Move the content from memory to disk."""
        super().rollover()
        self.on_disk = True

    def has_room(self, size: int) -> bool:
        """Whether *size* bytes more can be written without touching the disk."""
        return not self.on_disk and self.tell() + size <= SPOOL_SIZE


def default_stream_factory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    """Give the file that an upload is collected in: in memory if small, else temporary on disk."""
    return SpooledFile()


class Part:
    """One part of a multipart body, while it streams: a form field or an uploaded file.

    Its content can be taken once: by iteration, `read`, `text` or `save`. Going on to the next part
    skips what was not taken; asking for it later is a `BodyConsumedError`.
    """

    def __init__(self, head: Head, decoder: Decoder, max_size: int | None) -> None:
        self.name: str = head.name
        #: What the client calls the file, or None for a form field.
        self.filename: str | None = head.filename
        #: The content type with its parameters, or None if the client sent none.
        self.content_type: str | None = head.content_type
        self.headers: Headers = checked_headers(head.headers)
        self._decoder = decoder
        self._max_size = max_size
        self._ended = False
        self._skipped = False

    @property
    def mimetype(self) -> str:
        """The content type without parameters, in lower case; empty if the client sent none."""
        return parse_options_header(self.content_type)[0].lower()

    @property
    def charset(self) -> str:
        """How `text` decodes: as the part says, if that is ASCII, UTF-8 or Latin 1; else UTF-8."""
        charset = parse_options_header(self.content_type)[1].get("charset", "").lower()
        return charset if charset in _CHARSETS else "utf-8"

    def __aiter__(self) -> Part:
        return self

    async def __anext__(self) -> bytes:
        if self._skipped:
            raise BodyConsumedError(
                f"The part {self.name!r} was skipped: the body has streamed on to a later part."
                " Take the content of a part before you ask for the next one."
            )
        while not self._ended:
            content, more = await self._decoder.next_content()
            self._ended = not more
            if content:
                return content
        raise StopAsyncIteration

    async def read(self, limit: int | None = None) -> bytes:
        """All that is left of the content.

        More than *limit* bytes are a `RequestEntityTooLarge` (413). Without a limit a field may
        have `MAX_FORM_MEMORY_SIZE`, a file whatever the body may have.
        """
        if limit is None and self.filename is None:
            limit = self._max_size
        return await _collect(self, limit, f"The form field {self.name!r}")

    async def text(self, limit: int | None = None) -> str:
        """All that is left of the content, decoded; bytes that do not decode are replaced.

        For *limit* see `read`.
        """
        return (await self.read(limit)).decode(self.charset, "replace")

    async def save(self, destination: FilePath | IO[bytes]) -> int:
        """Write what is left of the content to a path or a binary file object; answers its size.

        The disk is written to in threads, as the content comes in. A file object stays open. A file
        that was to be made at a path is removed again if the upload breaks off.
        """
        if not isinstance(destination, (str, os.PathLike)):
            return await _write(self, destination)
        path = Path(destination)
        file = await call_in_thread(path.open, "wb")
        unfinished: Path | None = path
        try:
            size = await _write(self, file)
            unfinished = None
        finally:
            await call_in_thread(_close, file, unfinished)
        return size

    async def skip(self) -> None:
        """Leave what was not taken of the content behind."""
        if not self._ended:
            async for _ in self:
                pass
            self._skipped = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} filename={self.filename!r}>"


class Parts:
    """The parts of a multipart body in their order; an asynchronous iterator.

    *body* is read as far as the content that is asked for. Raises `BadRequest` (400) where the body
    is cut off or malformed and `RequestEntityTooLarge` (413) at more than *max_form_parts* parts.
    """

    def __init__(
        self,
        body: Body,
        boundary: bytes,
        *,
        max_form_parts: int | None = None,
        max_form_memory_size: int | None = None,
    ) -> None:
        self._decoder = Decoder(body, boundary)
        self._max_form_parts = max_form_parts
        self._max_form_memory_size = max_form_memory_size
        self._count = 0
        self._part: Part | None = None
        self._ended = False

    def __aiter__(self) -> Parts:
        return self

    async def __anext__(self) -> Part:
        if self._part is not None:
            await self._part.skip()
        head = None if self._ended else await self._decoder.next_head()
        if head is None:
            self._ended = True
            raise StopAsyncIteration
        self._count += 1
        if self._max_form_parts is not None and self._count > self._max_form_parts:
            raise RequestEntityTooLarge(f"The form has more than {self._max_form_parts} parts.")
        self._part = Part(head, self._decoder, self._max_form_memory_size)
        return self._part


def iter_parts(
    body: Body,
    mimetype_params: dict[str, str],
    *,
    max_form_parts: int | None = None,
    max_form_memory_size: int | None = None,
) -> Parts:
    """Iterate over the parts of a ``multipart/form-data`` *body*.

    *mimetype_params* are the parameters of the content type; without a usable ``boundary`` among
    them the body cannot be read, which is a `BadRequest` (400).
    """
    return Parts(
        body,
        _boundary(mimetype_params),
        max_form_parts=max_form_parts,
        max_form_memory_size=max_form_memory_size,
    )


class FormDataParser:
    """Reads a whole form: the fields into memory, the uploads into files.

    *cls* is the class of the results and *stream_factory* makes the files for uploads. More than
    *max_form_memory_size* bytes in one field, or in a whole urlencoded body, and more than
    *max_form_parts* parts or *max_form_files* files are a `RequestEntityTooLarge` (413). A body that is malformed or cut off
    is a `BadRequest` (400), or an empty form if *silent*. *max_content_length* is kept for
    subclasses; it is the body that enforces it.

    The caller closes the files of the result. If parsing fails, none is left open.
    """

    file_storage_class: type[FileStorage] = FileStorage

    def __init__(
        self,
        *,
        stream_factory: StreamFactory = default_stream_factory,
        max_form_memory_size: int | None = None,
        max_content_length: int | None = None,
        max_form_parts: int | None = None,
        max_form_files: int | None = None,
        cls: type[MultiDict[str, Any]] | None = MultiDict,
        silent: bool = False,
    ) -> None:
        self.stream_factory = stream_factory
        self.max_form_memory_size = max_form_memory_size
        self.max_content_length = max_content_length
        self.max_form_parts = max_form_parts
        self.max_form_files = max_form_files
        self.cls: type[MultiDict[str, Any]] = MultiDict if cls is None else cls
        self.silent = silent

    def get_parse_func(self, mimetype: str, options: dict[str, str]) -> ParseFunction | None:
        """The function that reads bodies of type *mimetype*, or None where there is no form."""
        return self.parse_functions.get(mimetype)

    async def parse(
        self,
        body: Body,
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> tuple[Form, Files]:
        """Read *body* and give its fields and its files; both empty if *mimetype* is of no form.

        *content_length* is the size of the body, if known, and *options* are the parameters of the
        content type.
        """
        options = options or {}
        function = self.get_parse_func(mimetype, options)
        if function is not None:
            try:
                return await function(self, body, mimetype, content_length, options)
            except (BadRequest, ValueError):
                if not self.silent:
                    raise
        return self.cls(), self.cls()

    async def _parse_urlencoded(
        self, body: Body, mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> tuple[Form, Files]:
        data = await _collect(body, self.max_form_memory_size, "The form")
        return self.cls(parse_pairs(data.decode("utf-8", _QUOTED))), self.cls()

    async def _parse_multipart(
        self, body: Body, mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> tuple[Form, Files]:
        parser = MultiPartParser(
            cls=self.cls,
            file_storage_cls=self.file_storage_class,
            max_content_length=self.max_content_length,
            max_form_memory_size=self.max_form_memory_size,
            max_form_parts=self.max_form_parts,
            max_form_files=self.max_form_files,
            stream_factory=self.stream_factory,
        )
        return await parser.parse(body, _boundary(options), content_length)

    parse_functions: ClassVar[dict[str, ParseFunction]] = {
        "multipart/form-data": _parse_multipart,
        "application/x-www-form-urlencoded": _parse_urlencoded,
        "application/x-url-encoded": _parse_urlencoded,
    }


class MultiPartParser:
    """Reads a whole multipart form; the part of `FormDataParser` that knows this one type.

    *file_storage_cls* is the class of the uploads, and *buffer_size* the bytes that are collected
    before the disk is written to. For the other arguments see there.
    """

    def __init__(
        self,
        *,
        buffer_size: int = _BATCH,
        cls: type[MultiDict[str, Any]] = MultiDict,
        file_storage_cls: type[FileStorage] = FileStorage,
        max_content_length: int | None = None,
        max_form_memory_size: int | None = None,
        max_form_parts: int | None = None,
        max_form_files: int | None = None,
        stream_factory: StreamFactory = default_stream_factory,
    ) -> None:
        self.buffer_size = buffer_size
        self.cls = cls
        self.file_storage_cls = file_storage_cls
        self.max_content_length = max_content_length
        self.max_form_memory_size = max_form_memory_size
        self.max_form_parts = max_form_parts
        self.max_form_files = max_form_files
        self.stream_factory = stream_factory

    async def parse(
        self, body: Body, boundary: bytes, content_length: int | None
    ) -> tuple[Form, Files]:
        """Read *body*, whose size is *content_length* if known, and give its fields and files."""
        form: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        parts = Parts(
            body,
            boundary,
            max_form_parts=self.max_form_parts,
            max_form_memory_size=self.max_form_memory_size,
        )
        try:
            async for part in parts:
                if part.filename is None:
                    form.append((part.name, await part.text()))
                    continue
                if self.max_form_files is not None and len(files) >= self.max_form_files:
                    raise RequestEntityTooLarge(
                        f"The form has more than {self.max_form_files} files."
                    )
                stream = self.start_file_streaming(part, content_length)
                file = self.file_storage_cls(stream, part.filename, part.name, headers=part.headers)
                files.append((part.name, file))
                await _write(part, stream, self.buffer_size)
                await _do(stream, 0, stream.seek, 0)
        except BaseException as error:
            for _, file in files:
                file.close()
            if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
                _logger.warning("An upload was refused with 503: %s.", error.strerror)
                raise ServiceUnavailable(
                    "The server has too many files open. Try again later.", retry_after=10
                ) from error
            raise
        return self.cls(form), self.cls(files)

    def start_file_streaming(self, part: Part, total_content_length: int | None) -> IO[bytes]:
        """Give the file that the content of *part* is collected in."""
        size = part.headers.get("content-length", 0, type=int)
        return self.stream_factory(total_content_length, part.content_type, part.filename, size)


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """The fields of *text*, an urlencoded form or query, in their order; blank ones too."""
    # PERF: not `urllib.parse.parse_qsl`, which takes three times as long (bench: query, form).
    pairs: list[tuple[str, str]] = []
    for field in text.replace("+", " ").split("&"):
        if field:
            name, _, value = field.partition("=")
            if "%" in name:
                name = unquote_to_bytes(name).decode("utf-8", _QUOTED)
            if "%" in value:
                value = unquote_to_bytes(value).decode("utf-8", _QUOTED)
            pairs.append((name, value))
    return pairs


def _boundary(mimetype_params: dict[str, str]) -> bytes:
    boundary = mimetype_params.get("boundary", "")
    if not boundary or not boundary.isascii():
        raise BadRequest(
            "The content type of a multipart body needs the parameter 'boundary', in ASCII."
        )
    return boundary.encode()


async def _collect(chunks: Body, limit: int | None, what: str) -> bytes:
    """All of *chunks*, which may be *limit* bytes."""
    collected = bytearray()
    async for chunk in chunks:
        collected += chunk
        if limit is not None and len(collected) > limit:
            raise RequestEntityTooLarge(f"{what} has more than {limit} bytes.")
    return bytes(collected)


async def _write(chunks: Body, file: IO[bytes], buffer_size: int = _BATCH) -> int:
    """Write *chunks* to *file*, many at a time, and answer how many bytes they were."""
    total = waiting = 0
    batch: list[bytes] = []
    async for chunk in chunks:
        batch.append(chunk)
        waiting += len(chunk)
        if waiting >= buffer_size or len(batch) == _MOST_PIECES:
            await _do(file, waiting, _write_all, file, batch)
            total += waiting
            waiting = 0
            batch = []
    if batch:
        await _do(file, waiting, _write_all, file, batch)
    return total + waiting


def _write_all(file: IO[bytes], chunks: list[bytes]) -> None:
    for chunk in chunks:
        file.write(chunk)


async def _do(file: IO[bytes], size: int, operation: Callable[..., Any], *args: Any) -> None:
    """Do what *file* is asked for: here if it stays in memory with *size* bytes more, or in a thread."""
    if isinstance(file, BytesIO) or (isinstance(file, SpooledFile) and file.has_room(size)):
        operation(*args)
    else:
        await call_in_thread(operation, *args)


def _close(file: IO[bytes], unfinished: Path | None) -> None:
    file.close()
    if unfinished is not None and unfinished.is_file():
        unfinished.unlink()
