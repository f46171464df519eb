"""Small things that Quart's modules have and Pottle does another way, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from logging import LogRecord
from logging.handlers import QueueHandler
from pathlib import Path
from typing import Any, NoReturn, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_MIMETYPE = "application/octet-stream"
#: Exit code by which a child of `run_reloader` says that it was told to end.
_ENDED = 3


class MustReloadError(Exception):
    """Raised by `observe_changes`: the file of a module has changed."""


async def observe_changes(sleep: Callable[[float], Awaitable[Any]], shutdown_event: Any) -> None:
    """Look at the files of all modules each second, until *shutdown_event* is set.

    Raises `MustReloadError` when one has changed or is gone.
    """
    before = _times()
    while not shutdown_event.is_set():
        await sleep(1)
        now = _times()
        if any(now.get(path) != time for path, time in before.items()):
            raise MustReloadError
        before = now


def _times() -> dict[Path, float]:
    times: dict[Path, float] = {}
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if name is not None:
            try:
                times[Path(name)] = Path(name).stat().st_mtime
            except OSError:
                continue
    return times


def restart() -> NoReturn:
    """Start this program anew in this process."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very program


def run_reloader() -> NoReturn:
    """Run this program in a child process, again when that has ended by itself without an error."""
    environment = {**os.environ, "QUART_RUN_MAIN": "true", "POTTLE_RUN_MAIN": "true"}
    while True:
        child = [sys.executable, *sys.orig_argv[1:]]
        code = subprocess.call(child, env=environment)  # noqa: S603 - this very program
        if code:
            sys.exit(0 if code == _ENDED else code)


class LocalQueueHandler(QueueHandler):
    """Puts records into a queue of this process as they are."""

    def prepare(self, record: LogRecord) -> LogRecord:
        """The record itself: nothing has to be made fit for another process."""
        return record


def setupmethod(f: F) -> F:
    """Mark a method that registers; Pottle lets these be called at any time."""
    return f
