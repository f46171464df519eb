"""Small tools without a home of their own: what a function is, headers, tasks, the environment."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import sys
from collections.abc import Callable, Coroutine, Iterable
from functools import partial, wraps
from opcode import opmap
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from werkzeug.datastructures import Headers

P = ParamSpec("P")
T = TypeVar("T")

_SEND = opmap.get("SEND")  # of CPython


if sys.version_info >= (3, 12):
    hands_on = mark_coroutine_function = inspect.markcoroutinefunction
else:

    def mark_coroutine_function(func: Callable[P, T]) -> Callable[P, T]:
        """Nothing here: before Python 3.12 a function cannot be said to be one."""
        return func

    def hands_on(
        func: Callable[[T, Any, Any, Any], Coroutine[Any, Any, None]],
    ) -> Callable[[T, Any, Any, Any], Coroutine[Any, Any, None]]:
        """Make an ASGI method that hands on a coroutine a coroutine function to whoever looks."""

        # The same arguments: servers try whether an application is a factory by calling it without.
        @wraps(func)
        async def await_it(self: T, scope: Any, receive: Any, send: Any) -> None:
            await func(self, scope, receive, send)

        return await_it


def is_async(func: Callable[..., Any]) -> bool:
    """Whether calling *func* gives a coroutine: through partials, and for callable objects too."""
    while isinstance(func, partial):
        func = func.func
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        getattr(func, "__call__", None)  # noqa: B004 - not whether, but how it is called
    )


def may_suspend(func: Callable[..., Any]) -> bool:
    """Whether calling the coroutine function *func* may take more than one step.

    It cannot where no `await` is in its code. In doubt the answer is yes.
    """
    code = getattr(func, "__code__", None)
    # Every `await`, `async for` and `async with` sends to what it waits for. Other bytes that look
    # the same are data, and at worst put in doubt what was certain.
    if code is None or _SEND is None or not code.co_flags & inspect.CO_COROUTINE:
        return True
    return _SEND in code.co_code


#: What the names of environment variables begin with; of several, the first one that is set counts.
ENVIRONMENT_PREFIXES = ["POTTLE"]


def environment(name: str) -> str:
    """The environment variable ``POTTLE_`` *name*; empty where it is not set."""
    for prefix in ENVIRONMENT_PREFIXES:
        value = os.environ.get(f"{prefix}_{name}")
        if value:
            return value
    return ""


def file_path_to_path(*paths: str | os.PathLike[str]) -> Path:
    """Join *paths* to one `pathlib.Path`."""
    return Path(*paths)


def encode_headers(headers: Headers | Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them: lower-case names, both parts as bytes.

    RFC 9110 section 5.5 leaves the meaning of other bytes than those of ASCII open; browsers take
    those in a `Location` or a file name for UTF-8.
    """
    return [(name.lower().encode(), value.encode()) for name, value in headers]


def checked_headers(pairs: list[tuple[str, str]]) -> Headers:
    """Headers of *pairs* that are known to have no line break in them. The list is used itself."""
    # PERF: going through `Headers.add` costs more than all the rest of making headers (bench: hooks).
    headers = Headers()
    headers._list = pairs  # pyright: ignore[reportPrivateUsage]  # the reason is given above
    return headers


def decode_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers from an ASGI message, names in title case as Flask shows them."""
    # A server has checked what it read.
    return checked_headers(
        [(str(name, "latin-1").title(), str(value, "latin-1")) for name, value in headers]
    )


def find_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The first value of the header *name*, given in lower case as ASGI has them; None without."""
    for key, value in headers:
        if key == name:
            return str(value, "latin-1")
    return None


def printable(text: str) -> str:
    """*text* for one line of a log or a terminal: whatever does not print is escaped as in Python.

    That is line breaks, escape sequences, and marks that turn the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, is this machine (RFC 6761 section 6.3)."""
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    from ipaddress import ip_address  # only servers and the debug page ask

    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


async def cancel_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel *tasks*, wait for all of them, and raise the first error one ended with."""
    pending = set(tasks)
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)
    raise_task_exceptions(pending)


def raise_task_exceptions(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Raise the first error that one of the finished *tasks* ended with; a cancellation is none."""
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


_SURROGATES = re.compile("[\ud800-\udfff]")


def scalar_text(text: str) -> str:
    """*text* with U+FFFD for each lone surrogate, which no encoding has (Web IDL, "USVString").

    JSON that a client sends can contain one; who gets to see it must not have to bear an error.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    return text


def encode_text(text: str) -> bytes:
    """*text* in UTF-8; see `scalar_text`."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text).encode()
