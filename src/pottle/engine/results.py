"""What a view returned becomes a response. Cold path: `plan.encoders` serves the common types.

str, bytes, bytearray           text/html
dict, list                      JSON, by the application's provider
Response, sansio or WSGI one    itself, as one of our class
HTTPException                   its response
generator, (async) iterable     streamed
(value, status), (value, headers), (value, status, headers)
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, cast

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as SansIOResponse

from ..ctx import AppContext
from ..errors import ResultError
from ..wrappers import Response

_TEXT = (str, bytes, bytearray)
_HEADERS = (Headers, Mapping, list, tuple)


def make_response(app: Any, result: Any, context: AppContext | None) -> Response:
    """The response for *result*. Raises `ResultError`, naming the view, for what is none."""
    status: Any = None
    headers: Any = None
    value = result
    if isinstance(result, tuple):
        value, status, headers = _unpack(result, context)  # pyright: ignore[reportUnknownArgumentType]  # what a user returned
    response = _from_value(app, value, context)
    if status is not None:
        if isinstance(status, (str, bytes)):
            response.status = status if isinstance(status, str) else status.decode()
        else:
            response.status_code = int(status)
    if headers:
        response.headers.update(Headers(headers))
    return response


def _from_value(app: Any, value: Any, context: AppContext | None) -> Response:
    cls: type[Response] = app.response_class
    if isinstance(value, Response):
        return value
    if isinstance(value, HTTPException):
        return cls.force_type(value.get_response())
    if isinstance(value, SansIOResponse):
        return cls.force_type(value)
    if isinstance(value, _TEXT):
        return cls(bytes(value) if isinstance(value, bytearray) else value)
    if isinstance(value, (dict, list)):
        response: Response = app.json.response(value)
        return response
    if isinstance(value, (AsyncIterable, Iterable)):
        return cls(cast("Iterable[Any]", value))
    raise ResultError(_explain(value, context))


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
    if isinstance(value, HTTPStatus | int):
        return (
            f"{who} returned the number {value}. For an answer with that status return "
            f"('', {int(value)}), or raise it by abort({int(value)})."
        )
    return (
        f"{who} returned an object of type {type(value).__name__}, which is no answer. Return str, "
        "bytes, dict, list, a Response, an (async) iterable of text or bytes, or a tuple of one of "
        "these with a status or headers."
    )


def _view_name(context: AppContext | None) -> str:
    route = None if context is None else context.route
    name = None if route is None else route.name
    return "make_response() was given what a view" if name is None else f"The view for {name!r}"
