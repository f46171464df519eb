"""What a view returned becomes a response. Cold path: `plan.encoders` serves the common types.

str, bytes, bytearray           text/html
dict, list                      JSON, by the application's provider
Response, sansio or WSGI one    itself, as one of our class
HTTPException                   its response
iterator, async iterable        streamed
(value, status), (value, headers), (value, status, headers)
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Coroutine, Iterator, Mapping
from typing import Any, cast

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as SansIOResponse

from ..awaitables import returned_without_await
from ..ctx import AppContext
from ..errors import ResultError
from ..sync import find_world
from ..wrappers import Response

_TEXT = (str, bytes, bytearray)
_HEADERS = (Headers, Mapping, list, tuple)
#: By class, and by what makes it: the page for errors that say nothing of their own.
_error_pages: dict[tuple[Any, Any], str] = {}


def make_response(app: Any, result: Any, context: AppContext | None) -> Response:
    """The response for *result*. Raises `ResultError`, naming the view, for what is none."""
    status: Any = None
    headers: Any = None
    value = result
    if isinstance(result, tuple):
        value, status, headers = _unpack(result, context)  # pyright: ignore[reportUnknownArgumentType]  # what a user returned
    response = _from_value(app, value, context)
    if status is not None:
        _set_status(response, status, context)
    if headers is not None:
        _set_headers(response, headers, context)
    return response


def _set_status(response: Response, status: Any, context: AppContext | None) -> None:
    try:
        response.status = status.decode("latin-1") if isinstance(status, bytes) else status
    except (AttributeError, ValueError):  # what werkzeug makes of other types, and of ""
        response.status_code = 0
    if not 100 <= response.status_code <= 999:  # RFC 9110 section 15
        raise ResultError(
            f"{_view_name(context)} returned the status {status!r}. A status is a number such as "
            "201, http.HTTPStatus.CREATED or a line such as '201 CREATED'."
        )


def _set_headers(response: Response, headers: Any, context: AppContext | None) -> None:
    try:
        response.headers.update(Headers(headers))
    except (TypeError, ValueError) as error:
        raise ResultError(
            f"{_view_name(context)} returned the headers {headers!r}, which cannot be used "
            f"({error}). Headers are a mapping, or a list of pairs of strings."
        ) from error


def _from_value(app: Any, value: Any, context: AppContext | None) -> Response:
    # A class of Flask's has no bodies that are awaited.
    cls = app.response_class if issubclass(app.response_class, Response) else Response
    if isinstance(value, HTTPException):
        if value.response is None and type(value).get_response is HTTPException.get_response:
            # PERF: what that would do, without a response of werkzeug's in between (bench: error).
            return cls(_error_page(value), value.code, value.get_headers())
        return cls.force_type(value.get_response())
    if isinstance(value, SansIOResponse):
        return cls.force_type(value)
    if isinstance(value, _TEXT):
        return cls(bytes(value) if isinstance(value, bytearray) else value)
    if isinstance(value, (dict, list)):
        response: Response = app.json.response(value)
        return response
    # A set or a model can be iterated as well, but is returned by mistake.
    if isinstance(value, (AsyncIterable, Iterator)):
        return cls(cast("Iterator[Any]", value))
    world = find_world()
    if isinstance(value, Coroutine) and world is not None and world.plain:
        # A decorator that knows nothing of coroutines wraps a view that is one.
        return make_response(app, world.wait(cast(Any, value)), context)
    raise ResultError(_explain(value, context))


def _error_page(error: HTTPException) -> str:
    """The page for *error*; one of werkzeug's that says nothing of its own has that of its kind."""
    kind = type(error)
    if error.__dict__.keys() != {"response"} or kind.__module__ != "werkzeug.exceptions":
        return error.get_body()
    # PERF: escaping a few words takes a dozen calls (bench: error).
    key = (kind, kind.get_body)
    page = _error_pages.get(key)
    if page is None:
        page = _error_pages[key] = error.get_body()
    return page


def _unpack(result: tuple[Any, ...], context: AppContext | None) -> tuple[Any, Any, Any]:
    if len(result) == 3:
        return result
    if len(result) == 2:
        value, other = result
        if isinstance(other, _HEADERS):
            return value, None, cast(Any, other)
        return value, other, None
    raise ResultError(
        f"{_view_name(context)} returned a tuple of {len(result)}. A tuple is (body, status), "
        "(body, headers) or (body, status, headers)."
    )


def _explain(value: Any, context: AppContext | None) -> str:
    who = _view_name(context)
    if value is None:
        return (
            f"{who} returned None. Return an answer from every path through it: a missing "
            "`return` is the usual cause; for an empty answer return ('', 204)."
        )
    if isinstance(value, int) and 100 <= value <= 599:
        raising = f", or raise it by abort({value:d})" if value >= 400 else ""
        return (
            f"{who} returned the number {value:d}. For an answer with that status return "
            f"('', {value:d}){raising}."
        )
    if isinstance(value, Coroutine):
        view = None if context is None or context.route is None else context.route.view
        return f"{who} {returned_without_await(value, view)}"
    return (
        f"{who} returned an object of type {type(value).__name__}, which is no answer. Return str, "
        "bytes, dict, list, a Response, a generator, an iterator or an async iterable of text or "
        "bytes, or a tuple of one of these with a status or headers."
    )


def _view_name(context: AppContext | None) -> str:
    route = None if context is None else context.route
    name = None if route is None else route.name
    return "A view, hook or error handler" if name is None else f"The view for {name!r}"
