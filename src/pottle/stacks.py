"""Where tasks and threads are in the code of the application: function, file and line.

For messages about what does not end. Works from any thread, and changes nothing.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import sysconfig
import threading
from collections.abc import Iterable
from pathlib import Path
from types import CoroutineType, FrameType
from typing import Any

_PACKAGE = str(Path(__file__).parent)
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})

#: Where the frame of something that can be awaited is, and what it awaits itself.
_FRAMES = ("cr_frame", "ag_frame", "gi_frame")
_AWAITED = ("cr_await", "ag_await", "gi_yieldfrom")

#: More than the depth of any stack of coroutines; a bound, should they be linked in a circle.
_DEEPEST = 1000


def place_of_task(task: asyncio.Task[Any]) -> str | None:
    """The application's function that *task* runs, and where it waits; None if there is none."""
    frames: list[FrameType] = []
    awaited: Any = task.get_coro()
    while awaited is not None and len(frames) < _DEEPEST:
        frame = _first(awaited, _FRAMES)
        if frame is None:
            awaited = _wrapped(awaited)
            continue
        frames.append(frame)
        driven = _driven(frame)
        # Not by its truth: what has to be awaited refuses to be asked for that.
        awaited = _first(awaited, _AWAITED) if driven is None else driven
    return _place(frames)


def place_of_thread(thread: threading.Thread, *, behind: str = "") -> str | None:
    """The application's function that *thread* runs, and the line it is at; None if there is none.

    With *behind*, a file, only what a function in that has called.
    """
    frames_now = sys._current_frames()  # pyright: ignore[reportPrivateUsage] # there is no other way
    frame = frames_now.get(thread.ident or 0)
    frames: list[FrameType] = []
    while frame is not None and not (behind and frame.f_code.co_filename == behind):
        frames.append(frame)
        frame = frame.f_back
    return _place(frames[::-1])


def busy_threads(prefix: str = "") -> list[str]:
    """Where the threads are that hold up the exit in code of the application.

    With *prefix* those whose names begin with it, daemons too.
    """
    places = [
        f"{place} in a thread"
        for thread in threading.enumerate()
        if thread is not threading.main_thread()
        and (thread.name.startswith(prefix) if prefix else not thread.daemon)
        and (place := place_of_thread(thread)) is not None
    ]
    return sorted(places)


def places_of_tasks(tasks: Iterable[asyncio.Task[Any]]) -> list[str]:
    """Where those of *tasks* are that have not ended; those in a thread are left to `busy_threads`."""
    return sorted(
        place for task in tasks if not task.done() and (place := place_of_task(task)) is not None
    )


def name_of(function: Any) -> str:
    """The name, file and first line of *function*, as they are said of one that runs."""
    inner = function
    while (wrapped := getattr(inner, "__wrapped__", None)) is not None:
        inner = wrapped
    code = getattr(inner, "__code__", None)
    if code is None:
        return repr(function)
    return f"{_short(code.co_qualname)} ({_relative(code.co_filename)}:{code.co_firstlineno})"


def _first(thing: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if (value := getattr(thing, name, None)) is not None:
            return value
    return None


def _driven(frame: FrameType) -> Any:
    """The coroutine that *frame*, of the framework, runs step by step and without awaiting it."""
    if not frame.f_code.co_filename.startswith(_PACKAGE):
        return None
    for value in list(frame.f_locals.values()):
        if isinstance(value, CoroutineType) and _first(value, _FRAMES) not in (None, frame):
            found: Any = value  # pyright: ignore[reportUnknownVariableType] # of whatever kind
            return found
    return None


def _wrapped(awaited: Any) -> Any:
    """What stands behind the step of an asynchronous generator, which has no attribute for it."""
    if type(awaited).__module__ != "builtins":
        return None
    for inner in gc.get_referents(awaited):
        if _first(inner, _FRAMES) is not None:
            return inner
    return None


def _place(frames: list[FrameType]) -> str | None:
    """*frames*, the outermost first, as one place: what was called, and what it has called."""
    own = [frame for frame in frames if _is_of_application(frame.f_code.co_filename)]
    if not own:
        return None
    outer, inner = own[0], own[-1]
    place = _at(outer)
    return place if inner is outer else f"{place}, in {_at(inner)}"


def _is_of_application(filename: str) -> bool:
    if filename.startswith(("<", _PACKAGE, *_INSTALLED)):
        return False
    return not filename.startswith(_STANDARD_LIBRARY)


def _at(frame: FrameType) -> str:
    code = frame.f_code
    return f"{_short(code.co_qualname)} ({_relative(code.co_filename)}:{frame.f_lineno})"


def _short(name: str) -> str:
    return name.rpartition("<locals>.")[2]


def _relative(filename: str) -> str:
    return filename.removeprefix(f"{Path.cwd()}{os.sep}")
