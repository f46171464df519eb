"""Conditional requests and ranges: RFC 9110 sections 13 and 14, as functions of headers and lengths.

What the client asks for is decided here, what becomes of the response in `response`. Positions are
half-open, ``[begin, end)``, everywhere but on the wire.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_date, parse_etags, unquote_etag

from .bodies import ResponseBody

#: A request for more ranges than this is answered with the whole representation (section 14.2
#: allows to ignore it). Together with the joining of overlapping ranges it bounds what an answer
#: costs to the representation itself and some 10 KiB.
MAX_RANGES = 50

_RANGE_SPEC = re.compile(r"([0-9]{0,100})-([0-9]{0,100})")


def precondition_status(method: str, request: Headers, response: Headers) -> int | None:
    """The status that the request's conditions call for (section 13.2.2): 412, 304, or None.

    *request* and *response* are the headers of each; the validators are the ``ETag`` and
    ``Last-Modified`` of the response.
    """
    etag = response.get("ETag")
    modified = _as_date(response.get("Last-Modified"))
    if (if_match := request.get("If-Match")) is not None:
        if not _matches_strongly(if_match, etag):
            return 412
    else:
        limit = _as_date(request.get("If-Unmodified-Since"))
        if limit and modified and modified > limit:
            return 412
    if (if_none_match := request.get("If-None-Match")) is not None:
        if _matches_weakly(if_none_match, etag):
            return 304 if method in {"GET", "HEAD"} else 412
    elif method in {"GET", "HEAD"} and modified:
        since = _as_date(request.get("If-Modified-Since"))
        if since and modified <= since:
            return 304
    return None


def range_still_applies(if_range: str | None, response: Headers) -> bool:
    """Whether an ``If-Range`` of that value, or none, lets the ``Range`` stand (section 13.1.5).

    A weak validator never does, and a date only if it is exactly the ``Last-Modified`` date.
    """
    if if_range is None:
        return True
    if if_range.lstrip().startswith(('"', "W/", "w/")):
        return _matches_strongly(if_range, response.get("ETag"))
    date = _as_date(if_range)
    return date is not None and date == _as_date(response.get("Last-Modified"))


def _as_date(value: str | None) -> datetime | None:
    return None if value is None else parse_date(value)


def _matches_strongly(value: str, etag: str | None) -> bool:
    tag, weak = unquote_etag(etag)
    tags = parse_etags(value)
    return tags.star_tag or (tag is not None and not weak and tags.is_strong(tag))


def _matches_weakly(value: str, etag: str | None) -> bool:
    tag, _ = unquote_etag(etag)
    tags = parse_etags(value)
    return tags.star_tag or (tag is not None and tags.contains_weak(tag))


def select_ranges(header: str | None, length: int) -> list[tuple[int, int]] | None:
    """What a ``Range`` header selects of *length* bytes, in the order asked for, nothing twice.

    None if the header is to be ignored: it is missing, malformed (section 14.1.1), of another unit
    than bytes or asks for more than `MAX_RANGES` ranges, or there is nothing to select from.
    Ranges that overlap or touch are joined. Raises `RequestedRangeNotSatisfiable` (416, with the
    length for its ``Content-Range``) if no range lies within the representation.
    """
    if header is None or length <= 0:
        return None
    unit, _, specs = header.partition("=")
    if unit.strip().lower() != "bytes" or specs.count(",") >= 2 * MAX_RANGES:
        return None
    ranges: list[tuple[int, int]] = []
    count = 0
    for spec in specs.split(","):
        spec = spec.strip(" \t")
        if not spec:
            continue  # An empty element of a list means nothing (section 5.6.1.2).
        count += 1
        positions = _positions(spec, length)
        if positions is None or count > MAX_RANGES:
            return None
        if positions[0] < positions[1]:
            ranges.append(positions)
    if not count:
        return None
    if not ranges:
        raise RequestedRangeNotSatisfiable(length)
    return _joined(ranges)


def _positions(spec: str, length: int) -> tuple[int, int] | None:
    """``[begin, end)`` of one range, empty if it cannot be satisfied; None if it is malformed."""
    match = _RANGE_SPEC.fullmatch(spec)
    if match is None:
        return None
    first, last = match.groups()
    if first:
        begin = int(first)
        if not last:
            return begin, length
        return None if int(last) < begin else (begin, min(int(last) + 1, length))
    return (max(0, length - int(last)), length) if last else None


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges with what overlaps or touches made one, which stands where its first part stood."""
    joined: list[tuple[int, int, int]] = []
    for begin, end, place in sorted((*span, place) for place, span in enumerate(ranges)):
        if joined and begin <= joined[-1][1]:
            previous = joined[-1]
            joined[-1] = (previous[0], max(previous[1], end), min(previous[2], place))
        else:
            joined.append((begin, end, place))
    return [(begin, end) for begin, end, _ in sorted(joined, key=lambda span: span[2])]


def content_range(begin: int, end: int, length: int) -> str:
    """The value of a ``Content-Range`` header (section 14.4)."""
    return f"bytes {begin}-{end - 1}/{length}"


class MultipartRangeBody(ResponseBody):
    """Several parts of one body as ``multipart/byteranges`` (section 14.6).

    Arguments:
        body: the whole; it must have `make_conditional` and bear being entered once per part.
        ranges: the parts, ``[begin, end)``.
        length: the complete length of the body in bytes.
        part_type: the ``Content-Type`` of the whole, repeated in each part; None for none.
    """

    def __init__(
        self,
        body: Any,  # A ResponseBody that has make_conditional, which the base does not promise.
        ranges: Sequence[tuple[int, int]],
        length: int,
        part_type: str | None,
    ) -> None:
        self.body = body
        self.ranges = ranges
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/byteranges; boundary={boundary}"
        type_line = f"Content-Type: {part_type}\r\n" if part_type else ""
        self._heads = [
            f"\r\n--{boundary}\r\n{type_line}"
            f"Content-Range: {content_range(begin, end, length)}\r\n\r\n".encode("latin-1")
            for begin, end in ranges
        ]
        self._tail = f"\r\n--{boundary}--\r\n".encode("latin-1")
        #: The length of the whole multipart body in bytes.
        self.size = (
            sum(map(len, self._heads)) + len(self._tail) + sum(end - begin for begin, end in ranges)
        )
        self._chunks: AsyncGenerator[bytes] | None = None

    async def __aenter__(self) -> AsyncIterator[bytes]:
        self._chunks = self._parts()
        return self._chunks

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._chunks is not None:
            await self._chunks.aclose()

    async def _parts(self) -> AsyncGenerator[bytes]:
        for head, (begin, end) in zip(self._heads, self.ranges, strict=True):
            yield head
            await self.body.make_conditional(begin, end)
            async with self.body as chunks:
                async for chunk in chunks:
                    yield chunk
        yield self._tail
