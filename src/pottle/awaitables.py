"""Coroutines that speak up where an ``await`` was forgotten.

What users call and have to await is declared with `must_await`. Where it is awaited at once, which the
code of the caller shows, that is the coroutine itself and costs nothing more. Otherwise it is a
`NotAwaited`: whoever awaits it later, or makes a task of it, finds the coroutine; whoever takes it for
the result is told, at that place, what to write instead.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from functools import wraps
from opcode import opmap
from pathlib import Path
from reprlib import repr as short
from types import CoroutineType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, ParamSpec, TypeVar

from .errors import MissingAwaitError
from .utils import mark_coroutine_function

P = ParamSpec("P")
T = TypeVar("T")

_PACKAGE = __name__.partition(".")[0]
#: Where code of the application is called, and not what it has called.
_ENGINE = (f"{_PACKAGE}.engine.", f"{_PACKAGE}.protocols.")
_LIBRARY = str(Path(os.__file__).parent)

#: The frame so many calls further out.
get_frame = sys._getframe  # pyright: ignore[reportPrivateUsage]  # there is no other way
#: How code goes on that awaits what it has just got: by the number of inline caches after a call or
#: the look-up of an attribute (CPython 3.11 to 3.13). What is not recognised costs time, no more.
AWAIT = tuple(bytes(2 * caches) + bytes([opmap["GET_AWAITABLE"]]) for caches in (3, 0, 9, 4))
_ATTRIBUTE = {opmap.get("LOAD_ATTR"), opmap.get("LOAD_METHOD")}


def must_await(
    expression: str, name: str
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Have the coroutine function below noticed where its result is used without ``await``.

    *expression* is what users write to call it and *name* a good one for the result: both stand in the
    error, ``form = await request.form``.
    """

    def decorate(func: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(func)
        def call(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
            coroutine = func(*args, **kwargs)
            # PERF: `is_awaited`, written out; a stand-in costs three times as much (bench: echo).
            frame = get_frame(1)
            if frame.f_code.co_code.startswith(AWAIT, frame.f_lasti + 2):
                return coroutine
            return watch(coroutine, frame, expression, name)

        return mark_coroutine_function(call)

    return decorate


def is_awaited(frame: FrameType) -> bool:
    """Whether *frame* will await the value that it is about to get."""
    return frame.f_code.co_code.startswith(AWAIT, frame.f_lasti + 2)


def watch(
    coroutine: Coroutine[Any, Any, T], frame: FrameType, expression: str, name: str
) -> Coroutine[Any, Any, T]:
    """*coroutine*, which *frame* has asked for, or what stands for it if nobody awaits it there."""
    caller: FrameType | None = frame
    while caller is not None and is_ours(caller):  # a proxy, say
        caller = caller.f_back
    given: Any = coroutine
    if type(given) is not CoroutineType or (caller is not None and is_awaited(caller)):
        return coroutine
    return NotAwaited(coroutine, expression, name, _find_place(caller))


# Places.


class Place(NamedTuple):
    """A line of the program."""

    file: str
    line: int
    #: The name of the function, if nothing can be awaited in it.
    plain: str | None

    def __str__(self) -> str:
        file = Path(self.file)
        with suppress(OSError, ValueError):  # of a folder that is gone, and of a file elsewhere
            file = file.relative_to(Path.cwd())
        return f"{file} line {self.line}"

    @property
    def advice(self) -> str:
        """What else has to be done there."""
        return "" if self.plain is None else f" (and make {self.plain}() an `async def`)"


def _find_place(frame: FrameType | None) -> Place | None:
    """The line that is responsible for what happens in *frame*: the program's, not a library's."""
    nearest: FrameType | None = None
    while frame is not None and not frame.f_globals.get("__name__", "").startswith(_ENGINE):
        if not is_ours(frame):
            nearest = nearest or frame
            if not _is_library(frame.f_code.co_filename):
                return _place_of(frame)
        frame = frame.f_back
    return None if nearest is None else _place_of(nearest)


def _place_of(frame: FrameType) -> Place:
    code = frame.f_code
    awaits = code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)
    plain = None if awaits or code.co_name.startswith("<") else code.co_name
    return Place(code.co_filename, frame.f_lineno, plain)


def is_ours(frame: FrameType) -> bool:
    """Whether it is code of this package that runs in *frame*."""
    name: str = frame.f_globals.get("__name__", "")
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")


def _is_library(file: str) -> bool:
    return (
        file.startswith((_LIBRARY, "<frozen "))
        or "site-packages" in file
        or "dist-packages" in file
    )


# What stands for a coroutine.


class NotAwaited(Coroutine[Any, Any, T]):
    """Stands for *coroutine* until somebody awaits it, and refuses to be taken for its result.

    One that is dropped is reported by Python, as any coroutine is.
    """

    __slots__ = ("_coroutine", "_expression", "_made", "_name")

    if not TYPE_CHECKING:
        #: For `inspect.iscoroutine`, by which decorators find out what they have to await.
        __class__ = CoroutineType

    _coroutine: CoroutineType[Any, Any, T]
    _expression: str
    _name: str
    _made: Place | None

    def __init__(
        self, coroutine: Coroutine[Any, Any, T], expression: str, name: str, made: Place | None
    ) -> None:
        for slot, value in zip(self.__slots__, (coroutine, expression, made, name), strict=True):
            object.__setattr__(self, slot, value)

    # As a coroutine.

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    def send(self, value: Any, /) -> Any:
        return self._coroutine.send(value)

    def throw(
        self, error: Any, value: Any = None, traceback: TracebackType | None = None, /
    ) -> Any:
        if value is None and traceback is None:
            return self._coroutine.throw(error)
        return self._coroutine.throw(error, value, traceback)

    def close(self) -> None:
        self._coroutine.close()

    def __repr__(self) -> str:
        return repr(self._coroutine)

    # As anything else.

    def _missing(self, use: str, *operands: str) -> MissingAwaitError:
        """The error for a *use*, in which the name of the result and *operands* are to be filled in.

        The coroutine is closed: after an error that says so, Python need not report it once more.
        """
        made = self._made
        here = _find_place(get_frame(1)) or made
        if inspect.getcoroutinestate(self._coroutine) == inspect.CORO_CREATED:
            self.close()
        where = "" if here is None else f"{here}: "
        if here is not None and made is not None and here[:2] != made[:2]:
            origin = f" (made at {made})"
        else:
            origin = ""
        fix = f"{self._name} = await {self._expression}"
        if use:
            fix += f"; {use.format(self._name, *operands)}"
        advice = "" if made is None else made.advice
        return MissingAwaitError(
            f"{where}{self._expression}{origin} has to be awaited before it is used: {fix}{advice}"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("cr_", "__")):
            return getattr(self._coroutine, name)
        frame = get_frame(1)
        if frame.f_code.co_code[frame.f_lasti] not in _ATTRIBUTE:
            # By `hasattr` or `getattr`, of those who wonder what this is.
            raise AttributeError(f"'coroutine' object has no attribute {name!r}")
        raise self._missing(f"{{}}.{name}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise self._missing(f"{{}}.{name} = ...")

    def __bool__(self) -> bool:
        if get_frame(1).f_globals.get("__name__", "").startswith("asyncio."):
            return True  # a task that shows itself asks whether it has a coroutine
        raise self._missing("if {}")

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        # Of coroutines, one is looked for among others.
        if self is other or isinstance(other, Awaitable):
            return self is other
        raise self._missing("{} == ...")


# What can be done with a result, and how the error shows it: with its name and what else was used.
_USES = {
    "__call__": "",
    "__getitem__": "{0}[{1}]",
    "__setitem__": "{0}[{1}] = ...",
    "__delitem__": "del {0}[{1}]",
    "__contains__": "{1} in {0}",
    "__iter__": "for ... in {0}",
    "__reversed__": "reversed({0})",
    "__len__": "len({0})",
    "__str__": "str({0})",
    "__format__": "str({0})",
    "__bytes__": "bytes({0})",
    "__int__": "int({0})",
    "__float__": "float({0})",
    "__html__": "",  # asked for by markupsafe, and by the JSON provider
    "__add__": "{0} + ...",
    "__radd__": "... + {0}",
    "__sub__": "{0} - ...",
    "__rsub__": "... - {0}",
    "__mul__": "{0} * ...",
    "__rmul__": "... * {0}",
    "__truediv__": "{0} / ...",
    "__rtruediv__": "... / {0}",
    "__mod__": "{0} % ...",
    "__rmod__": "... % {0}",
    "__or__": "{0} | ...",
    "__ror__": "... | {0}",
    "__and__": "{0} & ...",
    "__rand__": "... & {0}",
    "__lt__": "{0} < ...",
    "__le__": "{0} <= ...",
    "__gt__": "{0} > ...",
    "__ge__": "{0} >= ...",
}


def _refusing(use: str) -> Callable[..., NoReturn]:
    def refuse(self: NotAwaited[Any], *operands: Any) -> NoReturn:
        raise self._missing(use, *map(short, operands))  # pyright: ignore[reportPrivateUsage] # same module

    return refuse


for _name, _use in _USES.items():
    setattr(NotAwaited, _name, _refusing(_use))


# What is said of values that are handed on.


def refuse_not_awaited(value: Any, use: str) -> None:
    """Raise `MissingAwaitError` if *value* was to be awaited.

    *use* is the code that it is used by, with ``{0}`` where the name of the result belongs.
    """
    if type(value) is NotAwaited:
        raise value._missing(use)  # pyright: ignore[reportPrivateUsage] # same module


def returned_without_await(coroutine: Any, view: Any) -> str:
    """What is said of *coroutine* as the result of *view*: what it is, and what to write instead."""
    coroutine.close()
    made: Place | None = None
    if type(coroutine) is NotAwaited:
        what, made = coroutine._expression, coroutine._made  # pyright: ignore[reportPrivateUsage] # see above
        told = f"{what}, which has to be awaited"
    else:
        what = f"{getattr(coroutine, '__name__', '...')}()"
        told = f"a coroutine that was not awaited, of {what}"
    code = getattr(inspect.unwrap(view), "__code__", None) if callable(view) else None
    where = "Write"
    if made is not None:
        where = f"At {made}, write"
    elif code is not None:
        where = f"In the function at {Place(code.co_filename, code.co_firstlineno, None)}, write"
    return f"returned {told}. {where} `return await {what}`{'' if made is None else made.advice}."
