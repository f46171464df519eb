"""The one response class: status and headers from werkzeug, a `ResponseBody` for the body.

Whatever a view, a hook or an exception answers with has become a `Response` before `after_request`
sees it. Nothing here sends anything; the engine reads the attributes.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from functools import lru_cache
from http import HTTPStatus
from itertools import chain
from types import EllipsisType
from typing import Any, ClassVar, Literal, Self, TypeVar, cast, overload

from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES, generate_etag, remove_entity_headers
from werkzeug.sansio.request import Request as SansIORequest
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.utils import get_content_type
from werkzeug.wrappers import Request as WSGIRequest
from werkzeug.wrappers import Response as WSGIResponse
from werkzeug.wsgi import FileWrapper

from .. import json
from ..active import current
from ..awaitables import must_await
from ..errors import ErrorCollector
from ..sync import call_in_thread, plain_in_world
from ..typing import Headerish
from ..utils import checked_headers, encode_text, is_async
from .bodies import (
    BUFFER_SIZE,
    DataBody,
    FileBody,
    IOBody,
    IterableBody,
    ResponseBody,
    encode_chunk,
)
from .ranges import (
    MultipartRangeBody,
    content_range,
    precondition_status,
    range_still_applies,
    select_ranges,
)

Close = TypeVar("Close", bound=Callable[[], Any])

_STATUS_LINES = {
    int(code): f"{int(code)} {text.upper()}" for code, text in HTTP_STATUS_CODES.items()
}


@lru_cache(maxsize=128)
def _content_type(mimetype: str) -> str:
    """The header for *mimetype*. Raises `ValueError` for one that could not be sent."""
    value = get_content_type(mimetype, "utf-8")
    Headers().add("Content-Type", value)
    return value


_NOT_IN_304 = ("Expires", "Content-Location", "Last-Modified")


def _has(headers: Headers, name: str) -> bool:
    return any(key.lower() == name for key, _ in headers)


class Response(SansIOResponse):
    """An HTTP response.

    Arguments:
        response: the body: text (sent as UTF-8), bytes, an iterable or async iterable of either,
            or a `ResponseBody`.
        status: ``201``, ``"201 CREATED"`` or `http.HTTPStatus.CREATED`; 200 by default.
        headers: a mapping, pairs, or a `werkzeug.datastructures.Headers`, which is then used itself.
        mimetype: the media type; text types get ``charset=utf-8``.
        content_type: the whole ``Content-Type``, instead of *mimetype*.
        direct_passthrough: taken for the sake of code written for Flask; bodies are passed on anyway.

    A response can be awaited and then gives itself, so that ``await make_response(x)`` and
    ``make_response(x)`` are the same.
    """

    #: Whether ``Content-Length`` is set whenever the whole body is known.
    automatically_set_content_length = True
    default_mimetype: str | None = "text/html"
    #: Whether `get_data` keeps what it has read, so that the body is still there to be sent.
    implicit_sequence_conversion = True
    json_module: Any = json

    data_body_class: ClassVar[type[DataBody]] = DataBody
    file_body_class: ClassVar[type[FileBody]] = FileBody
    io_body_class: ClassVar[type[IOBody]] = IOBody
    iterable_body_class: ClassVar[type[IterableBody]] = IterableBody

    #: Seconds for which the client may take nothing of a stream before it is given up; None for no
    #: limit, Ellipsis for the application's ``RESPONSE_TIMEOUT``. How long the source is silent does
    #: not matter.
    timeout: float | EllipsisType | None = ...
    #: Seconds without a chunk after which `keep_alive_chunk` is sent; None for never.
    keep_alive: float | None = None
    keep_alive_chunk: bytes = b""
    #: Whether the response may go on for ever, and is ended when the server shuts down.
    long_lived: bool = False

    #: Extensions for Flask ask for it before they touch a body.
    direct_passthrough = False

    response: ResponseBody
    _on_close: list[Callable[[], Any]] | tuple[()] = ()

    def __init__(
        self,
        response: ResponseBody
        | str
        | bytes
        | bytearray
        | Iterable[str | bytes]
        | AsyncIterable[str | bytes]
        | None = None,
        status: int | str | HTTPStatus | None = None,
        headers: Headerish | None = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        # PERF: what the base class does, without its look-ups that end in a KeyError (bench: hooks).
        self.status = self.default_status if status is None else status
        data = self._set_body(response)
        known_length = data is not None and self.automatically_set_content_length
        if headers is None and content_type is None:
            # PERF: nothing that a caller gave is in these pairs, so nothing has to be checked.
            pairs: list[tuple[str, str]] = []
            type_given = self.default_mimetype if mimetype is None else mimetype
            if type_given is not None:
                pairs.append(("Content-Type", _content_type(type_given)))
            if known_length:
                pairs.append(("Content-Length", str(len(data or b""))))
            self.headers = checked_headers(pairs)
            return
        given: Any = headers  # werkzeug's annotation has no integers as values, but it takes them.
        self.headers = given if isinstance(given, Headers) else Headers(given)
        if content_type is None:
            if mimetype is None and not _has(self.headers, "content-type"):
                mimetype = self.default_mimetype
            if mimetype is not None:
                content_type = _content_type(mimetype)
        if content_type is not None:
            self.headers["Content-Type"] = content_type
        # A length that was given stands where there is no body, as in the answer to HEAD.
        if known_length and not (response is None and _has(self.headers, "content-length")):
            self.headers["Content-Length"] = len(data or b"")

    def _set_body(self, response: Any) -> bytes | None:
        """Make a body of *response*; gives its bytes where they are known."""
        if isinstance(response, (str, bytes, bytearray)):
            # PERF: `encode_text`, written out for what nearly every text is (bench: session).
            try:
                data = response.encode() if isinstance(response, str) else bytes(response)
            except UnicodeEncodeError:
                data = encode_text(str(response))
        elif response is None:
            data = b""
        else:
            ready = isinstance(response, ResponseBody)
            self.response = response if ready else self.iterable_body_class(response)
            return None
        self.response = self.data_body_class(data)
        return data

    def __await__(self) -> Generator[Any, None, Self]:
        return self
        yield

    def _clean_status(self, value: str | int | HTTPStatus) -> tuple[str, int]:
        # PERF: the usual lines are made once (bench: response).
        if type(value) is int and (line := _STATUS_LINES.get(value)) is not None:
            return line, value
        return super()._clean_status(value)

    @classmethod
    def force_type(cls, response: SansIOResponse, environ: Any = None) -> Self:
        """*response* as an instance of this class.

        An instance of this class is returned as it is, one of another `Response` class of ours
        becomes one of this class. From a werkzeug response, status, headers and body are taken,
        streamed or not, and it is closed when the result is. *environ* is there for werkzeug's
        signature. Raises `TypeError` for anything else, WSGI callables included.
        """
        if isinstance(response, cls):
            return response
        if isinstance(response, Response):
            response.__class__ = cls
            same: Any = response  # An instance of cls since the line above.
            return cast("Self", same)
        if isinstance(response, WSGIResponse):
            return cls._from_wsgi(response)
        if not isinstance(response, SansIOResponse):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all type-checked
            raise TypeError(
                f"{type(response).__name__} cannot become a {cls.__name__}: it is no response of"
                " werkzeug's. A WSGI application is mounted with a WSGI-to-ASGI adapter instead."
            )
        return cls()._take_over(response)

    @classmethod
    def _from_wsgi(cls, response: WSGIResponse) -> Self:
        source: Any = response.response  # Typed as an iterable, but its attributes are asked for.
        if isinstance(source, ResponseBody):
            return cls(source)._take_over(response)
        if response.is_sequence:
            # werkzeug counts the length of a sequence when it sends it; here it is counted now.
            result = cls()._take_over(response)
            result._keep(b"".join(response.iter_encoded()))
        else:
            if type(source) is FileWrapper:
                source.buffer_size = max(source.buffer_size, BUFFER_SIZE)
            # Through `chain`, which has no `close`: the response closes its source itself, once.
            result = cls(chain(source))._take_over(response)
        registered: Any = getattr(response, "_on_close", None)  # what call_on_close was given
        if registered or hasattr(source, "close"):
            result.call_on_close(response.close)
        if result.status_code == 304:  # which werkzeug looks at when it sends
            remove_entity_headers(result.headers)
        return result

    def _take_over(self, response: SansIOResponse) -> Self:
        self.headers = response.headers
        self.status = response.status
        return self

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]  # a plain attribute in werkzeug
        """``MAX_COOKIE_SIZE`` of the active application, else 4093: a larger cookie is warned of."""
        context = current.get(None)
        if context is None:
            return super().max_cookie_size
        size: int = context.app.config["MAX_COOKIE_SIZE"]
        return size

    # The body

    @overload
    async def get_data(self, as_text: Literal[False] = False) -> bytes: ...

    @overload
    async def get_data(self, as_text: Literal[True]) -> str: ...

    @overload
    async def get_data(self, as_text: bool) -> str | bytes: ...

    @must_await("response.get_data()", "data")
    @plain_in_world
    async def get_data(self, as_text: bool = False) -> str | bytes:
        """The whole body; as text, decoded from UTF-8, where *as_text* is true.

        The body is kept to be sent or read again, unless `implicit_sequence_conversion` is off.
        """
        if type(self.response) is DataBody:
            data = self.response.data
        else:
            data = b"".join([chunk async for chunk in self.iter_encode()])
            if self.implicit_sequence_conversion:
                self._keep(data)
        return data.decode() if as_text else data

    def set_data(self, data: str | bytes) -> None:
        """Replace the body, and set ``Content-Length`` to fit."""
        encoded = encode_text(data) if isinstance(data, str) else bytes(data)
        self.response = self.data_body_class(encoded)
        if self.automatically_set_content_length:
            self.headers["Content-Length"] = len(encoded)

    def _keep(self, data: bytes) -> None:
        """Take *data*, which was read from the body, in its place; a length that was given stands."""
        self.response = self.data_body_class(data)
        if self.automatically_set_content_length and not _has(self.headers, "content-length"):
            self.headers.add("Content-Length", len(data))

    @property
    @must_await("response.data", "data")
    async def data(self) -> bytes:
        """The whole body; reading is awaited, assigning is not."""
        return await self.get_data()

    @data.setter
    def data(self, value: str | bytes) -> None:
        self.set_data(value)

    async def iter_encode(self) -> AsyncGenerator[bytes]:
        """The chunks of the body as bytes. The body is used up unless it can be entered again."""
        async with self.response as chunks:
            async for chunk in chunks:
                yield encode_chunk(chunk)

    @plain_in_world
    async def make_sequence(self) -> None:
        """Read the whole body and keep it."""
        self._keep(b"".join([chunk async for chunk in self.iter_encode()]))

    @plain_in_world
    async def freeze(self) -> None:
        """Read the whole body, keep it, and set ``Content-Length`` to fit."""
        self.set_data(b"".join([chunk async for chunk in self.iter_encode()]))

    @property
    @must_await("response.json", "data")
    async def json(self) -> Any:
        """The body as JSON, as `get_json` gives it."""
        return await self.get_json()

    @must_await("response.get_json()", "data")
    @plain_in_world
    async def get_json(self, force: bool = False, silent: bool = False) -> Any:
        """What the JSON of the body stands for.

        None if the media type is not JSON and *force* is false. A body that is no JSON raises
        `ValueError`, or gives None where *silent* is true.
        """
        if not (force or self.is_json):
            return None
        try:
            return self.json_module.loads(await self.get_data())
        except ValueError:
            if silent:
                return None
            raise

    @plain_in_world
    async def add_etag(self, overwrite: bool = False, weak: bool = False) -> None:
        """Set ``ETag`` to a hash of the body, unless there is one and *overwrite* is false."""
        if overwrite or "ETag" not in self.headers:
            self.set_etag(generate_etag(await self.get_data()), weak)

    # Conditional requests and ranges (RFC 9110 sections 13 and 14)

    @plain_in_world
    async def make_conditional(
        self,
        request: SansIORequest | dict[str, Any],
        accept_ranges: bool | str = False,
        complete_length: int | None = None,
    ) -> Self:
        """Answer the conditions and ranges of a GET or HEAD *request*; returns the response itself.

        It becomes 304 or 412 without a body, 206 with the part or parts asked for, or stays as it
        is. Only a successful response is changed, and ranges only apply to a GET that is answered
        with 200.

        Arguments:
            request: the request; or a WSGI environment, as Flask's functions give it.
            accept_ranges: whether ranges are served; sent as ``Accept-Ranges``, as ``bytes`` for
                True.
            complete_length: the length of the body in bytes, without which no range is served.

        Raises `RequestedRangeNotSatisfiable` (416) if no range lies within the body.
        """
        if isinstance(request, dict):
            request = WSGIRequest(request)
        if request.method not in {"GET", "HEAD"} or not 200 <= self.status_code < 300:
            return self
        if accept_ranges:
            self.headers["Accept-Ranges"] = "bytes" if accept_ranges is True else accept_ranges
        status = precondition_status(request.method, request.headers, self.headers)
        if status is not None:
            await self._answer_without_body(status)
        elif (
            self.accept_ranges == "bytes"
            and accept_ranges
            and complete_length is not None
            and request.method == "GET"
            and self.status_code == 200
            and range_still_applies(request.headers.get("If-Range"), self.headers)
        ):
            ranges = select_ranges(request.headers.get("Range"), complete_length)
            if ranges is not None:
                await self._narrow(ranges, complete_length)
        return self

    async def _answer_without_body(self, status: int) -> None:
        if isinstance(self.response, IterableBody):
            await self.response.aclose()  # Nobody will iterate it and so close it.
        self.status_code = status
        self.set_data(b"")
        if status == 304:
            remove_entity_headers(self.headers, _NOT_IN_304)
        else:
            self.headers.pop("Content-Encoding", None)
            self.headers.pop("Content-Disposition", None)

    async def _narrow(self, ranges: list[tuple[int, int]], length: int) -> None:
        """Become a 206 with *ranges* of a body of *length* bytes."""
        several = len(ranges) > 1
        if not hasattr(self.response, "make_conditional") or (
            several and isinstance(self.response, IterableBody)
        ):
            await self.make_sequence()
        body: Any = self.response  # A body of the user's own; it has make_conditional.
        if several:
            parts = MultipartRangeBody(body, ranges, length, self.headers.get("Content-Type"))
            self.response = parts
            self.headers["Content-Type"] = parts.content_type
            self.content_length = parts.size
        else:
            begin, end = ranges[0]
            await body.make_conditional(begin, end)
            self.headers["Content-Range"] = content_range(begin, end, length)
            self.content_length = end - begin
        self.status_code = 206

    # The end

    def call_on_close(self, func: Close) -> Close:
        """Call *func*, plain or coroutine function, when the response is done with; returns it.

        That is after the last chunk was sent, or sending was given up. Can be used as a decorator.
        """
        if isinstance(self._on_close, tuple):
            self._on_close = []
        self._on_close.append(func)
        return func

    @property
    def closes(self) -> bool:
        """Whether `close` has anything to do."""
        return bool(self._on_close) or type(self).close is not Response.close

    async def close(self) -> None:
        """Run what `call_on_close` was given: once, all of it, plain functions in a thread.

        An error is raised when all have run; several are raised as an `ExceptionGroup`.
        """
        functions, self._on_close = self._on_close, ()
        errors = ErrorCollector("Several functions of call_on_close failed")
        for func in functions:
            with errors:
                result = func() if is_async(func) else await call_in_thread(func)
                if inspect.isawaitable(result):
                    await result
        errors.raise_collected()
