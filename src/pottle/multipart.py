"""Multipart decoding: the heads and the content of parts, pulled out of a body while it streams.

RFC 7578, and what werkzeug's decoder forgives besides: a line break may be CRLF, LF or CR, there may
be text before the first boundary, and blanks after each (RFC 2046 section 5.1.1). Invariants: nothing
is read before it is asked for, no content is kept, and what is kept of other things is bounded.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from typing import NamedTuple

from werkzeug.exceptions import BadRequest
from werkzeug.http import parse_options_header

Pairs = list[tuple[str, str]]

OUTSIDE_LIMIT = 64 * 1024  # bytes before the first boundary, or of one part's headers
#: Header lines of one part (browsers send two), bytes of one line (a file name of 255 characters takes
#: 3 KB when it is sent twice and percent-encoded), and parameters of one line.
MAX_HEADERS, MAX_LINE, MAX_PARAMETERS = 16, 4096, 16
_MOST_PADDING = 128  # bytes after a boundary that are waited for, if the line does not end before

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_FOLD = re.compile(rb"(?:\r\n|\n|\r)[ \t]")  # in a header that goes on (RFC 2231)
_AFTER_BOUNDARY = re.compile(rb"--|[ \t\f\v]*(?:\r\n|\n|\r)")
# Closed or not: where it could fail, each quote in an unclosed one would be tried as the next beginning.
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*("|\\?\Z)', re.DOTALL)
# PERF: what browsers send, nine times as fast as `parse_options_header` (bench: multipart).
_USUAL = re.compile(r'form-data; name="([^"\\%]+)"(?:; filename="([^"\\%]*)")?')


class Head(NamedTuple):
    """What stands before the content of a part; *filename* is None for a form field."""

    name: str
    filename: str | None
    content_type: str | None
    headers: Pairs


class Decoder:
    """Reads *body* part by part: a head, then its content to the end, then the next head.

    What is cut off or malformed is a `BadRequest` (400).
    """

    def __init__(self, body: AsyncIterable[bytes], boundary: bytes) -> None:
        self._chunks = aiter(body)
        self._delimiter = b"--" + boundary
        # What has arrived, and where that begins which has not been looked at.
        self._buffer = b""
        self._at = 0
        self._begun = False
        # Whether the last boundary was the one that closes the body.
        self._closed = False
        # Whether nothing of the content was given out, so that it may end where it begins.
        self._fresh = False

    async def next_head(self) -> Head | None:
        """The head of the next part; None after the last, when the body was read to its end."""
        if not self._begun:
            await self._skip_preamble()
        if self._closed:
            async for _ in self._chunks:
                pass
            return None
        searched = 0
        while True:
            start = self._at
            blank = _BLANK_LINE.search(self._buffer, start + searched)
            _limit((blank.start() if blank else len(self._buffer)) - start)
            if blank is not None:
                self._at = blank.end()
                self._fresh = True
                return _parse_head(self._buffer[start : blank.start()])
            searched = max(0, len(self._buffer) - start - 3)
            if not await self._receive():
                raise _cut_off("in the headers of a part")

    async def next_content(self) -> tuple[bytes, bool]:
        """The next piece of the content, and whether there may be more of it."""
        while True:
            end, after = self._find_boundary()
            content = self._buffer[self._at : end]
            if after:
                self._at = after
                return content, False
            if content:
                self._at = end
                self._fresh = False
                return content, True
            if not await self._receive():
                raise _cut_off("in the content of a part")

    async def _skip_preamble(self) -> None:
        while True:
            begin, after = self._find_boundary(anywhere=True)
            _limit(begin)
            if after:
                break
            if not await self._receive():
                if self._buffer:
                    raise _cut_off("before its first boundary")
                self._closed = True  # a form that has nothing at all
                break
        self._at = after
        self._begun = True

    async def _receive(self) -> bool:
        """Put more of the body behind what was not looked at; answers whether there was more."""
        rest, self._buffer, self._at = self._buffer[self._at :], b"", 0
        async for chunk in self._chunks:
            if chunk:
                self._buffer = rest + chunk if rest else chunk
                return True
        self._buffer = rest
        return False

    def _find_boundary(self, anywhere: bool = False) -> tuple[int, int]:
        """Where the next boundary begins, with the line break before it, and where it ends.

        It ends at 0 where it has not arrived: then up to the other place there is none for sure. It
        has to begin a line, or may be *anywhere*.
        """
        buffer, delimiter, start = self._buffer, self._delimiter, self._at
        position = start
        while (found := buffer.find(delimiter, position)) >= 0:
            position = found + len(delimiter)
            begin = _before_break(buffer, start, found)
            if begin == found and not anywhere and not (self._fresh and found == start):
                continue
            after = _AFTER_BOUNDARY.match(buffer, position)
            if after is None:
                rest = buffer[position : position + _MOST_PADDING]
                if rest == b"-" or (len(rest) < _MOST_PADDING and not rest.strip()):
                    return begin, 0
            elif after.end() < len(buffer) or not buffer.endswith(b"\r"):
                self._closed = after[0] == b"--"
                return begin, after.end()
            else:  # the other half of a line break may follow
                return begin, 0
        near = max(start, len(buffer) - len(delimiter))
        line = 1 + max(buffer.rfind(b"\n", near), buffer.rfind(b"\r", near))
        if line and delimiter.startswith(buffer[line:]):
            return _before_break(buffer, start, line), 0
        if self._fresh and delimiter.startswith(buffer[start : start + len(delimiter)]):
            return start, 0
        return len(buffer), 0


def _before_break(buffer: bytes, start: int, end: int) -> int:
    """Where the line break before *end* begins, at *start* the earliest; *end* if there is none."""
    if buffer.endswith(b"\n", start, end):
        end -= 1
        return end - buffer.endswith(b"\r", start, end)
    return end - buffer.endswith(b"\r", start, end)


def _parse_head(block: bytes) -> Head:
    headers: Pairs = []
    disposition = content_type = None
    lines = _FOLD.sub(b" ", block).splitlines()
    if len(lines) > MAX_HEADERS:
        raise BadRequest(f"A part of the multipart body has more than {MAX_HEADERS} headers.")
    for line in lines:
        if len(line) > MAX_LINE:
            raise BadRequest(
                f"A header of a part of the multipart body has more than {MAX_LINE} bytes."
            )
        try:
            name, _, value = line.decode().partition(":")
        except UnicodeDecodeError as error:
            raise BadRequest(
                "The headers of a part of the multipart body are not valid UTF-8."
            ) from error
        name, value = name.strip(" \t"), value.strip(" \t")
        if not name and not value:
            continue
        headers.append((name, value))
        key = name.lower()
        if key == "content-disposition":
            disposition = disposition or value
        elif key == "content-type":
            content_type = content_type or _few_parameters(value)
    if disposition is None:
        raise BadRequest("A part of the multipart body has no Content-Disposition header.")
    usual = _USUAL.fullmatch(disposition)
    if usual is not None:
        name, filename = usual.groups()
    else:
        options = parse_options_header(_few_parameters(disposition))[1]
        name, filename = options.get("name", ""), options.get("filename")
    if not name:
        raise BadRequest("A part of the multipart body has no name.")
    return Head(name, filename, content_type, headers)


def _few_parameters(value: str) -> str:
    """*value*, which is refused if it takes long to parse: that is up to 5 us for a parameter."""
    many = value.count(";") > MAX_PARAMETERS  # some may be in quoted strings
    if many and _QUOTED_STRING.sub(_closed, value).count(";") > MAX_PARAMETERS:
        raise BadRequest(
            f"A header of a part of the multipart body has more than {MAX_PARAMETERS} parameters."
        )
    return value


def _closed(quoted: re.Match[str]) -> str:
    """Nothing in place of a quoted string; one without an end is kept, since parsers differ about it."""
    return "" if quoted[1] == '"' else quoted[0]


def _limit(outside: int) -> None:
    if outside > OUTSIDE_LIMIT:
        raise BadRequest(
            f"The multipart body has more than {OUTSIDE_LIMIT} bytes where a boundary or the end of"
            " a part's headers should have come."
        )


def _cut_off(place: str) -> BadRequest:
    return BadRequest(
        f"The multipart body ends {place}: it was cut off, or its boundary is not the one that the"
        " content type names."
    )
