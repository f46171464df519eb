"""Servers as processes of their own, pinned to one core, with what they cost in CPU time and memory.

How a server is started, a peer says itself (`SERVERS`). Linux only: `taskset` pins, and the kernel's
CPU clocks are read.

    with Server(peers.load("quart").SERVERS["uvicorn"]) as server:
        before = server.cpu_seconds()
        ...  # load on server.url("/text")
        print(server.cpu_seconds() - before, server.memory())
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

ROOT = Path(__file__).resolve().parent.parent
_CORES = sorted(os.sched_getaffinity(0))
#: Where servers run, and where the load comes from.
SERVER_CORE = _CORES[0]
CLIENT_CORE = _CORES[-1]
#: What has to be known about every figure that was taken here; empty on two cores and more.
PINNING_NOTE = "" if len(_CORES) > 1 else "one core for server and client"


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """*command*, on one core, and ended when this process ends, however that happens."""
    return ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(core), *command]


def missing_tool(*names: str) -> str:
    """What to say of the first of the tools that is not installed; empty if all are."""
    absent = [name for name in names if shutil.which(name) is None]
    return f"{absent[0]} is not installed" if absent else ""


class Server:
    """A server process and its children, from `start` to `stop`, or as long as the block runs.

    *command* is the argument list with ``{port}`` in it. *path* is asked until it answers, with
    whatever status.
    """

    def __init__(self, command: Sequence[str], path: str = "/text") -> None:
        self.port = _free_port()
        self.path = path
        arguments = [part.replace("{port}", str(self.port)) for part in command]
        self.command = pinned(SERVER_CORE, arguments)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def url(self, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        """Start the process; `wait` says when it answers."""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `stop`
        self._process = subprocess.Popen(  # commands of our own
            self.command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self, timeout: float = 30.0) -> None:
        """Wait until the server answers. Raises `RuntimeError` with its last words if it does not."""
        assert self._process is not None
        end = time.monotonic() + timeout
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"does not start: {self.last_words()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", self.path)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def last_words(self) -> str:
        """The end of what the server has printed, in one line."""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return " | ".join(lines[-2:]) or "nothing printed"

    def processes(self) -> list[psutil.Process]:
        """The process and all that it has started."""
        assert self._process is not None
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """CPU seconds, user and system, that the living processes have used so far."""
        return sum(_cpu_clock(process.pid) for process in self.processes())

    def memory(self) -> int:
        """Bytes of memory that the processes have resident."""
        return sum(process.memory_info().rss for process in self.processes())

    def stop(self) -> None:
        """End the server at once, with all that it has started; nothing in it has to be saved."""
        if self._process is None:
            return
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        with suppress(ProcessLookupError):  # children whose parent has ended before
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()
        self._process = None


def _cpu_clock(pid: int) -> float:
    """The CPU seconds of all threads of a process, ended ones too, to the nanosecond.

    /proc/PID/stat counts in hundredths of a second. The number is that of clock_getcpuclockid(3).
    """
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0  # it has ended


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
