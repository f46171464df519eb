"""Real server processes for tests: `Served` starts a command and reads what it says."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30.0  # seconds; a test that needs them all has failed

POTTLE = (sys.executable, "-m", "pottle")


class Served:
    """A process in a session of its own, whose output is read line by line as it comes."""

    def __init__(
        self,
        *command: str,
        cwd: Path,
        env: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = ""
        self.port = 0

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, text: str) -> str:
        """Wait for a line that contains *text*, and give it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.01))
            if line is None:
                raise AssertionError(f"ended without {text!r}:\n" + "\n".join(self.output))
            self.output.append(line)
            if text in line:
                return line

    def ready(self) -> Self:
        """Wait until it says where it runs."""
        found = re.search(
            r"Running on ((?:https?|unix):(?://[^ ]+?:(\d+))?[^ ]*)", self.line("Running on")
        )
        assert found is not None
        self.url = found[1]
        self.port = int(found[2] or 0)
        return self

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the process to end; its exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        while (line := self._lines.get_nowait()) is not None:
            self.output.append(line)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code."""
        self.send(number)
        return self.end()

    @property
    def text(self) -> str:
        return "\n".join(self.output)

    def kill(self) -> None:
        """End it and whatever it has started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def served(
    *command: str,
    cwd: Path,
    env: dict[str, str] | None = None,
    pass_fds: tuple[int, ...] = (),
) -> Iterator[Served]:
    """A started process, which is gone afterwards."""
    process = Served(*command, cwd=cwd, env=env, pass_fds=pass_fds)
    try:
        yield process
    finally:
        process.kill()


def run_command(
    *args: str, cwd: Path, env: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """The `pottle` command with *args*, run to its end."""
    return subprocess.run(
        [*POTTLE, *args],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
