"""Start the program anew when its files change.

The parent watches and never imports the application, so no error in it can end the watching; the
child is the same command again. A child that fails is shown, and waits for the next change. The child
holds the reading end of a pipe: it is closed when the parent is gone, however that ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pottle.servers import sockets
from pottle.servers.logs import say
from pottle.servers.shutdown import handled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pottle.servers.settings import Settings

#: Set in the environment of the child.
CHILD_MARK = "POTTLE_RUN_MAIN"

#: In the environment of the child: the number of its end of the pipe.
PARENT_PIPE = "POTTLE_RUN_PARENT_PIPE"

#: Seconds that a child gets to end before it is killed: somebody waits for the new code.
STOP_WAIT = 5.0

_LOOK_EVERY = 250  # milliseconds between looks at the child while no file changes


def is_child() -> bool:
    """Whether this process serves under a reloader."""
    return os.environ.get(CHILD_MARK) == "true"


def end_with_parent() -> None:
    """In a child, and on POSIX: ask this process to end as soon as its parent is gone."""
    number = os.environ.pop(PARENT_PIPE, "")
    if not number or not is_child():
        return
    pipe = int(number)
    os.set_inheritable(pipe, False)

    def wait() -> None:
        with suppress(OSError):
            os.read(pipe, 1)  # nothing is ever written
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="pottle-parent", daemon=True).start()


def possible() -> bool:
    """Whether this process can be the parent: the main thread of a program that has a file."""
    return (
        not is_child()
        and threading.current_thread() is threading.main_thread()
        and hasattr(sys.modules["__main__"], "__file__")
        and len(sys.orig_argv) > 1
    )


def start(
    settings: Settings, extra_files: Iterable[str] = (), folders: Iterable[Path] = ()
) -> None:
    """Serve in a child process, again after each change, until a signal or a regular end.

    Watched are the Python files below the working directory and below *folders*, and *extra_files*.
    Raises `ServerError` before anything is started if the address is taken.
    """
    settings.check()
    sockets.bind(settings).close()
    sockets.forget(settings)
    _Reloader([Path(name).resolve() for name in extra_files], list(folders)).run()


class _Reloader:
    """A child process, and the files whose change ends it."""

    def __init__(self, extra_files: list[Path], folders: list[Path]) -> None:
        self._extra_files = extra_files
        self._folders = folders
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        # Open for as long as this process lives; Windows cannot pass it on.
        self._pipe: tuple[int, ...] = os.pipe() if os.name == "posix" else ()

    def run(self) -> None:
        before = handled(self._on_signal)
        try:
            self._loop()
        finally:
            self._stop_child()
            for end in self._pipe:
                os.close(end)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        self._stopping.set()

    def _loop(self) -> None:
        self._start_child()
        for changed in self._changes():
            if changed:
                say(f" * Changed: {', '.join(changed)}. Restarting.")
                self._stop_child()
                self._start_child()
            elif self._child is not None and (code := self._child.poll()) is not None:
                if code == 0:
                    return
                self._child = None
                say(f" * The application ended with exit code {code}. Waiting for a change.")

    def _changes(self) -> Iterator[list[str]]:
        """The names of changed files, or nothing now and then, until a signal comes."""
        from watchfiles import PythonFilter, watch

        wanted = PythonFilter()
        extra = {str(path) for path in self._extra_files}
        folders = {Path.cwd(), *self._folders, *(path.parent for path in self._extra_files)}
        for changes in watch(
            *folders,
            watch_filter=lambda change, path: path in extra or wanted(change, path),
            stop_event=self._stopping,
            rust_timeout=_LOOK_EVERY,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            yield sorted({os.path.relpath(path) for _, path in changes})

    def _start_child(self) -> None:
        # What this process was started with, options of the interpreter included.
        command = [sys.executable, *sys.orig_argv[1:]]
        environment = {**os.environ, CHILD_MARK: "true"}
        passed = self._pipe[:1]
        if passed:
            environment[PARENT_PIPE] = str(passed[0])
        self._child = subprocess.Popen(command, env=environment, pass_fds=passed)  # noqa: S603 - this very program

    def _stop_child(self) -> None:
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_WAIT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None
