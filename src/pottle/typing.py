"""The words of the framework as types: what a user hands in, what a layer expects of the one above.

Imports nothing of ours at run time; where a lower layer needs a name from above, a Protocol stands
here instead.
"""

from __future__ import annotations

import os
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    MutableMapping,
    Sequence,
)
from typing import Any, TypeVar

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response as WSGIResponse

# ASGI
Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

FilePath = str | os.PathLike[str]

# What a view may return (see `engine/results.py` for what becomes of each).
Headerish = (
    Headers | Mapping[str, str | int | Iterable[str | int]] | Sequence[tuple[str, str | int]]
)
StatusCode = int | str
ResponseValue = (
    SansIOResponse
    | WSGIResponse
    | HTTPException
    | str
    | bytes
    | bytearray
    | dict[str, Any]
    | list[Any]
    | Iterable[str | bytes]
    | AsyncIterable[str | bytes]
)
ResponseReturnValue = (
    ResponseValue
    | tuple[ResponseValue, StatusCode]
    | tuple[ResponseValue, Headerish]
    | tuple[ResponseValue, StatusCode, Headerish]
)

# What is registered. Each may be a plain function (run in a thread) or a coroutine function.
RouteCallable = Callable[..., Any]
WebsocketCallable = Callable[..., Any]
BeforeCallable = Callable[[], Any]
AfterCallable = Callable[..., Any]
TeardownCallable = Callable[..., Any]
ErrorHandlerCallable = Callable[..., Any]
ServingCallable = Callable[[], Any]
URLDefaultCallable = Callable[[str, dict[str, Any]], Any]
URLValuePreprocessorCallable = Callable[[str | None, dict[str, Any] | None], Any]
TemplateContextCallable = Callable[[], Any]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
