"""The HTTP request: lazy facts, and a body that is awaited.

The body is read once, in one way: whole (`get_data`, `get_json`, `form`, `files`), as a stream
(`async for chunk in request.body`), or part by part (`async for part in request.parts()`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from werkzeug.datastructures import CombinedMultiDict, Headers, MultiDict, iter_multi_items
from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType
from werkzeug.http import parse_options_header

from .. import json
from ..active import current
from ..awaitables import AWAIT, get_frame, must_await, watch
from ..datastructures import FileStorage
from ..errors import ContextError
from ..formparser import FormDataParser, Part, iter_parts, parse_pairs
from ..typing import Scope, Send
from ..utils import encode_headers, mark_coroutine_function
from .base import BaseRequestWebsocket, fact
from .body import Body, Fed, Source, too_large

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
FORM_TYPES = frozenset({MULTIPART, URLENCODED})
PUSHED_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}
)
_UNSET: Any = object()


class Inbox(Source, Protocol):
    """A source of events that also knows when the client has left."""

    async def disconnected(self) -> None: ...


class Request(BaseRequestWebsocket):
    """An HTTP request. What is read from the body has to be awaited, the rest is there."""

    body_class: type[Body] = Body
    form_data_parser_class: type[FormDataParser] = FormDataParser

    # What stands behind the request, where it came over a connection. Not the exchange itself: the
    # two would hold each other, and each request be left to the garbage collector.
    _inbox: Inbox | None = None
    _send: Send | None = None
    #: The compiled settings of the application, `pottle.engine.plan.Plan`.
    _plan: Any = None
    _max_content_length: Any = _UNSET
    _max_form_memory_size: Any = _UNSET
    _max_json_size: Any = _UNSET
    _max_form_parts: Any = _UNSET
    _max_form_files: Any = _UNSET
    _body_timeout: Any = _UNSET
    _send_push_promise: Callable[[str, Headers], Awaitable[None]] | None = None
    _form: MultiDict[str, str] | None = None
    _form_error: HTTPException | None = None
    _form_lock: asyncio.Lock | None = None
    #: The files of the form, once it was parsed; closed at the end of the request.
    opened_files: MultiDict[str, FileStorage] | None = None
    _cached_json: tuple[Any, Any] = (_UNSET, _UNSET)

    def __init__(
        self,
        method: str,
        scheme: str,
        path: str,
        query_string: bytes,
        headers: Headers,
        root_path: str,
        http_version: str,
        scope: Scope,
        *,
        max_content_length: int | None = _UNSET,
        body_timeout: float | None = _UNSET,
        send_push_promise: Callable[[str, Headers], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(
            method, scheme, path, query_string, headers, root_path, http_version, scope
        )
        self._max_content_length = max_content_length
        self._body_timeout = body_timeout
        self._send_push_promise = send_push_promise

    if not TYPE_CHECKING:
        args = fact(
            lambda self: self.parameter_storage_class(parse_pairs(self.query_string.decode()))
        )
        # PERF: without having all headers decoded, as werkzeug's do (bench: form).
        _typed = fact(lambda self: parse_options_header(self.content_type))
        mimetype = fact(lambda self: self._typed[0].lower())
        mimetype_params = fact(lambda self: self._typed[1])

    # The limits: this request's own where set, else the application's configuration.

    def _setting(self, key: str) -> Any:
        context: Any = self._plan or current.get(None)
        return None if context is None else context.app.config[key]

    @property
    def max_content_length(self) -> int | None:
        """Most bytes of a body; None for no limit. Setting it holds for this request alone."""
        if self._max_content_length is not _UNSET:
            return self._max_content_length  # type: ignore[no-any-return]  # for the marker's sake
        if self._plan is not None:
            return self._plan.max_content_length  # type: ignore[no-any-return]  # see above
        return self._setting("MAX_CONTENT_LENGTH")  # type: ignore[no-any-return]  # configuration is untyped

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value
        if "body" in self.__dict__:
            self.body.max_content_length = value

    @property
    def body_timeout(self) -> float | None:
        """Seconds without a byte of the body until reading ends with 408; None for no limit.

        Setting it holds for this request alone.
        """
        if self._body_timeout is not _UNSET:
            return self._body_timeout  # type: ignore[no-any-return]  # for the marker's sake
        if self._plan is not None:
            return self._plan.body_timeout  # type: ignore[no-any-return]  # see above
        return self._setting("BODY_TIMEOUT")  # type: ignore[no-any-return]  # see above

    @body_timeout.setter
    def body_timeout(self, value: float | None) -> None:
        self._body_timeout = value
        if "body" in self.__dict__:
            self.body.timeout = value

    @property
    def max_form_memory_size(self) -> int | None:
        """Most bytes of form fields kept in memory; None for no limit."""
        if self._max_form_memory_size is _UNSET:
            return self._setting("MAX_FORM_MEMORY_SIZE")  # type: ignore[no-any-return]  # see above
        return self._max_form_memory_size  # type: ignore[no-any-return]  # see above

    @max_form_memory_size.setter
    def max_form_memory_size(self, value: int | None) -> None:
        self._max_form_memory_size = value

    @property
    def max_form_parts(self) -> int | None:
        """Most parts of a multipart form; None for no limit."""
        if self._max_form_parts is _UNSET:
            return self._setting("MAX_FORM_PARTS")  # type: ignore[no-any-return]  # see above
        return self._max_form_parts  # type: ignore[no-any-return]  # see above

    @max_form_parts.setter
    def max_form_parts(self, value: int | None) -> None:
        self._max_form_parts = value

    @property
    def max_form_files(self) -> int | None:
        """Most files of a form that is read as a whole; None for no limit."""
        if self._max_form_files is not _UNSET:
            return self._max_form_files  # type: ignore[no-any-return]  # see above
        if self._plan is not None:
            return self._plan.max_form_files  # type: ignore[no-any-return]  # see above
        return self._setting("MAX_FORM_FILES")  # type: ignore[no-any-return]  # see above

    @max_form_files.setter
    def max_form_files(self, value: int | None) -> None:
        self._max_form_files = value

    @property
    def max_json_size(self) -> int | None:
        """Most bytes of a body that is parsed as JSON; None for no limit of its own."""
        if self._max_json_size is _UNSET:
            return self._setting("MAX_JSON_SIZE")  # type: ignore[no-any-return]  # see above
        return self._max_json_size  # type: ignore[no-any-return]  # see above

    @max_json_size.setter
    def max_json_size(self, value: int | None) -> None:
        self._max_json_size = value

    # The body.

    def _make_body(self) -> Body:
        timeout = self._body_timeout
        source: Source | None = self._inbox
        if source is not None:
            if timeout is _UNSET:
                timeout = self._plan.body_timeout
        else:
            # Only what is put into it can come; without a limit in time nobody would be told that
            # nothing does.
            source = Fed(patient=isinstance(timeout, (int, float)))
        body = self.body_class(self.content_length, self.max_content_length, source=source)
        body.timeout = self._setting("BODY_TIMEOUT") if timeout is _UNSET else timeout
        return body

    body: Body = fact(_make_body)

    @property
    def stream(self) -> Body:
        """The body, under the name that Flask gives it."""
        return self.body

    @property
    @must_await("request.data", "data")
    async def data(self) -> bytes:
        """The whole body as bytes, after a form in it was parsed; see `get_data`."""
        return await self.get_data(as_text=False, parse_form_data=True)

    @overload
    async def get_data(
        self, cache: bool = ..., as_text: Literal[False] = ..., parse_form_data: bool = ...
    ) -> bytes: ...
    @overload
    async def get_data(
        self, cache: bool = ..., *, as_text: Literal[True], parse_form_data: bool = ...
    ) -> str: ...
    @overload
    async def get_data(
        self, cache: bool = ..., as_text: bool = ..., parse_form_data: bool = ...
    ) -> str | bytes: ...
    @must_await("request.get_data()", "data")
    async def get_data(
        self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False
    ) -> str | bytes:
        """The whole body.

        With `cache` false it is not kept and a second call finds nothing; `as_text` decodes it as
        UTF-8, bytes that are none replaced; with `parse_form_data` a form is parsed first. Of a
        multipart form nothing is left then; an urlencoded one is still there, as in Quart.

        Raises `RequestEntityTooLarge` (413), `RequestTimeout` (408), `ClientDisconnected`.
        """
        if parse_form_data and self.mimetype in FORM_TYPES:
            await self._load_form()
        if self._form is not None and self.mimetype == MULTIPART and not self.body.is_kept:
            return "" if as_text else b""
        data = await self.body.read()
        if not cache:
            self.body.clear()
        return data.decode("utf-8", "replace") if as_text else data

    @property
    @must_await("request.json", "data")
    async def json(self) -> Any:
        """The body as JSON; see `get_json`."""
        return await self.get_json()

    @mark_coroutine_function
    def get_json(
        self, force: bool = False, silent: bool = False, cache: bool = True
    ) -> Coroutine[Any, Any, Any]:
        """The body parsed as JSON.

        `force` ignores the content type; `silent` gives None instead of an error; `cache` keeps
        the value for the next call. Raises `UnsupportedMediaType` (415) where the content type is
        not JSON and `BadRequest` (400) where the body is not, both through
        `on_json_loading_failed`. More than `max_json_size` bytes are a `RequestEntityTooLarge`
        (413), silent or not.
        """
        coroutine = self._get_json(force, silent, cache)
        # PERF: `must_await`, written out; it would collect and spread the arguments (bench: echo).
        frame = get_frame(1)
        if frame.f_code.co_code.startswith(AWAIT, frame.f_lasti + 2):
            return coroutine
        return watch(coroutine, frame, "request.get_json()", "data")

    async def _get_json(self, force: bool, silent: bool, cache: bool) -> Any:
        if cache and self._cached_json[silent] is not _UNSET:
            return self._cached_json[silent]
        if not (force or self.is_json):
            return None if silent else self.on_json_loading_failed(None)
        if self._form is None and type(self).get_data is _GET_DATA:
            # PERF: what that and `max_json_size` would do, without their calls (bench: echo).
            most = self._max_json_size
            if most is _UNSET:
                most = self.max_json_size if self._plan is None else self._plan.max_json_size
            data: bytes = await self.body.read(most)
            if not cache:
                self.body.clear()
        else:
            data = await self.get_data(cache=cache)
            most = self.max_json_size
            if most is not None and len(data) > most:
                raise too_large(most)
        module = self.json_module
        if module is json and self._plan is not None:
            module = self._plan.app.json  # PERF: which is where it would come to (bench: echo)
        try:
            value = module.loads(data)
        except (ValueError, RecursionError) as problem:
            error = problem if isinstance(problem, ValueError) else ValueError("nested too deeply")
            if not silent:
                value = self.on_json_loading_failed(error)
                if cache:
                    self._cached_json = (value, self._cached_json[1])
                return value
            value = None
            if cache:
                self._cached_json = (self._cached_json[0], None)
            return value
        if cache:
            self._cached_json = (value, value)
        return value

    def on_json_loading_failed(self, error: ValueError | None) -> Any:
        """Called when JSON was asked for and is not there; returns the value to use, or raises.

        `error` is None where the content type says that it is no JSON.
        """
        if error is None:
            raise UnsupportedMediaType(
                "This is not JSON by its Content-Type header, which should be 'application/json'."
            )
        if self._setting("DEBUG"):
            raise BadRequest(f"Failed to decode JSON: {error}") from error
        raise BadRequest() from error

    # Forms.

    @property
    @must_await("request.form", "form")
    async def form(self) -> MultiDict[str, str]:
        """The fields of the form that was sent; empty for other content types."""
        await self._load_form()
        assert self._form is not None
        return self._form

    @property
    @must_await("request.files", "files")
    async def files(self) -> MultiDict[str, FileStorage]:
        """The files of the multipart form that was sent."""
        await self._load_form()
        assert self.opened_files is not None
        return self.opened_files

    @property
    @must_await("request.values", "values")
    async def values(self) -> CombinedMultiDict[str, str]:
        """Query arguments and, except for GET and HEAD, form fields as one mapping."""
        sources: list[MultiDict[str, str]] = [self.args]
        if self.method not in {"GET", "HEAD"}:
            sources.append(await self.form)
        return CombinedMultiDict(sources)

    def make_form_data_parser(self) -> FormDataParser:
        """The parser for this request's form, with its limits."""
        parser = self.form_data_parser_class(
            max_content_length=self.max_content_length,
            max_form_memory_size=self.max_form_memory_size,
            max_form_parts=self.max_form_parts,
            cls=self.parameter_storage_class,
        )
        # An attribute, so that a parser of one's own need not know the argument.
        parser.max_form_files = self.max_form_files
        return parser

    async def _load_form(self) -> None:
        if self._form is not None:
            return
        if self._form_lock is None:
            self._form_lock = asyncio.Lock()
        async with self._form_lock:  # form and files may be asked for at once
            if self._form is None:
                await self._parse_form()

    async def _parse_form(self) -> None:
        if self._form_error is not None:
            raise self._form_error
        try:
            if self.mimetype == URLENCODED:
                # It stays, so that a signature over the raw body can still be checked.
                await self.body.read(self.max_form_memory_size)
            self._form, self.opened_files = await self.make_form_data_parser().parse(
                self.body, self.mimetype, self.content_length, self.mimetype_params
            )
        except HTTPException as error:
            self._form_error = error
            raise

    def parts(self) -> AsyncIterator[Part]:
        """The parts of a multipart body one after the other, each read while it arrives.

        Nothing is kept: a part that is not read before the next is asked for is skipped. Raises
        `BadRequest` (400) for a body that is no well-formed multipart one.
        """
        return iter_parts(
            self.body,
            self.mimetype_params,
            max_form_parts=self.max_form_parts,
            max_form_memory_size=self.max_form_memory_size,
        )

    async def close(self) -> None:
        """Close the files of the form."""
        for _, file in iter_multi_items(self.opened_files or MultiDict[str, FileStorage]()):
            file.close()

    # The connection.

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event an event stream's client saw, sent when it reconnects."""
        return self.headers.get("Last-Event-ID")

    async def disconnected(self) -> None:
        """Wait until the client has left; returns at once if it has.

        For views that would rather ask than be cancelled (see ``cancel_on_disconnect``).
        """
        if self._inbox is None:
            raise ContextError(
                "This request did not come over a connection, so nobody can leave it. "
                "request.disconnected() works in views that a server or a test client called."
            )
        await self._inbox.disconnected()

    async def send_push_promise(self, path: str) -> None:
        """Offer *path* by HTTP/2 server push, if the server can."""
        headers = Headers(
            [(name, value) for name, value in self.headers if name.lower() in PUSHED_HEADERS]
        )
        if self._send_push_promise is not None:
            await self._send_push_promise(path, headers)
        elif self._send is not None:
            await promise(self.scope, self._send, path, headers)


#: To tell what a subclass or a patch has replaced.
_GET_DATA = Request.get_data


async def promise(scope: Scope, send: Send, path: str, headers: Headers) -> None:
    """Offer *path* by HTTP/2 server push, where the server has that."""
    if "http.response.push" in (scope.get("extensions") or ()):
        await send({"type": "http.response.push", "path": path, "headers": encode_headers(headers)})
