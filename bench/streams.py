"""Streams: server-sent events to many, uploads and downloads of a gigabyte.

Everybody runs on uvicorn, and Quart on its own server as well.

- events: a hundred clients ask at once for a stream of some hundred events, in which the loop has a turn
  after each; every event of every stream is looked at, after the clock has stopped;
- uploads: the body as it is, counted by the view; and one file in a form, parsed and saved. The view has
  to say how large it was, and what it saved is compared. The peak of the server's memory is measured;
- download: a file, compared while it comes in.

Files lie in memory (/dev/shm) where there is room, so that no disk is measured. A form is parsed into a
temporary file first by everyone, which is another gigabyte; Pottle's `request.parts()` does without, and
is a case of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from bench import transfers
from bench.client import WrongAnswerError, on_client_core
from bench.measure import Series
from bench.peers_streams import EVENTS, starters
from bench.servers import PINNING_NOTE, Server, missing_tool
from bench.turns import Figures, Metric, take_turns

GROUP = "streams"
SUBSCRIBERS = 100
#: The least by which memory is said to have grown, since ratios of nothing say nothing.
PAGE = 4096
Sample = Callable[[Server], Figures]


@dataclass(frozen=True)
class Pace:
    """How often, and how large."""

    rounds: int
    mib: int

    @property
    def size(self) -> str:
        return f"{self.mib} MiB" if self.mib % 1024 else f"{self.mib // 1024} GiB"


QUICK = Pace(2, 128)
FULL = Pace(3, 1024)


def run(quick: bool, peers: Collection[str]) -> list[Series]:
    """All measures of streams for those of the *peers* that have them here."""
    pace = QUICK if quick else FULL
    commands = starters(peers)
    if problem := missing_tool("taskset", "setpriv"):
        return [Series(GROUP, "all", subject, "", note=problem) for subject in commands]
    if not commands:
        return []
    with on_client_core(), _files(pace) as (sent, saved), ExitStack() as stack:
        os.environ["BENCH_SENT"], os.environ["BENCH_SAVED"] = str(sent), str(saved)
        servers = _Servers(commands, stack)
        return [
            *_measured(servers, pace, _event_metrics(), events),
            *_uploads(servers, pace, saved),
            *_measured(servers, pace, [_speed(f"download of {pace.size}")], _download(pace)),
        ]


@contextmanager
def _files(pace: Pace) -> Iterator[tuple[Path, Path]]:
    """Names of a file to send, which exists, and of one to save, in a folder for the servers."""
    before = {name: os.environ.get(name) for name in ("TMPDIR", "BENCH_SENT", "BENCH_SAVED")}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=_spacious(4 * pace.mib)) as folder:
        os.environ["TMPDIR"] = folder
        sent = Path(folder, "sent.bin")
        transfers.write_blocks(sent, pace.mib)
        try:
            yield sent, Path(folder, "saved.bin")
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _spacious(mib: int) -> str | None:
    """The folder whose files are in memory, if it has room for *mib* MiB, and the memory too."""
    memory = Path("/dev/shm")  # for a folder of a name that nobody can know
    needed = mib * transfers.MIB
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < needed:
        return None
    return str(memory) if psutil.virtual_memory().available > 2 * needed else None


class _Servers:
    """The servers by subject, each started when its first turn comes."""

    def __init__(self, commands: dict[str, list[str]], stack: ExitStack) -> None:
        self.subjects = list(commands)
        self._commands = commands
        self._stack = stack
        self._running: dict[str, Server] = {}

    def __getitem__(self, subject: str) -> Server:
        if subject not in self._running:
            self._running[subject] = self._stack.enter_context(Server(self._commands[subject]))
        return self._running[subject]


def _measured(
    servers: _Servers, pace: Pace, metrics: Sequence[Metric], sample: Sample, only: str = ""
) -> list[Series]:
    subjects = [name for name in servers.subjects if name.startswith(only)]
    return take_turns(
        GROUP,
        metrics,
        subjects,
        lambda subject: sample(servers[subject]),
        pace.rounds,
        PINNING_NOTE,
    )


def _speed(case: str) -> Metric:
    return Metric(case, "MB/s", lower_is_better=False)


def _event_metrics() -> list[Metric]:
    case = f"events to {SUBSCRIBERS} subscribers"
    return [Metric(case, "events/s", lower_is_better=False), Metric(f"{case}, server CPU", "us")]


def events(server: Server) -> tuple[float, float]:
    """Events per second, and microseconds of the server's CPU time for one."""
    transfers.streams(server.port, "/events", 2)
    cpu = server.cpu_seconds()
    passed, bodies = transfers.streams(server.port, "/events", SUBSCRIBERS)
    cpu = server.cpu_seconds() - cpu
    expected = [(f"event {number}", str(number)) for number in range(EVENTS)]
    for body in bodies:
        if _parsed(body.decode()) != expected:
            raise WrongAnswerError(f"other events were sent, such as {body[:60]!r}")
    total = EVENTS * SUBSCRIBERS
    return total / passed, cpu / total * 1e6


def _parsed(body: str) -> list[tuple[str, str]]:
    """Data and id of the events of a stream, whose fields may be in any order."""
    fields = [dict(re.findall(r"(\w+): (.*)", event)) for event in body.split("\n\n") if event]
    return [(field.get("data", ""), field.get("id", "")) for field in fields]


def _uploads(servers: _Servers, pace: Pace, saved: Path) -> list[Series]:
    def into_form(path: str) -> Sample:
        def sample(server: Server) -> tuple[float, float]:
            saved.unlink(missing_ok=True)
            figures = _upload(server, path, pace, as_form=True)
            transfers.check_blocks(saved, pace.mib)
            saved.unlink()
            return figures

        return sample

    def raw(server: Server) -> tuple[float, float]:
        return _upload(server, "/upload", pace, as_form=False)

    def metrics(case: str) -> list[Metric]:
        return [_speed(case), Metric(f"{case}, growth of memory", "MiB")]

    form = f"multipart upload of {pace.size}"
    by_parts = f"{form}, part by part"
    result = _measured(servers, pace, metrics(f"raw upload of {pace.size}"), raw)
    result += _measured(servers, pace, metrics(form), into_form("/multipart"))
    result += _measured(servers, pace, metrics(by_parts), into_form("/parts"), only="pottle")
    for series in result:
        if series.subject.startswith("bare") and series.case.startswith(form):
            series.note = "bare ASGI has no parser of forms"
    return result


def _upload(server: Server, path: str, pace: Pace, *, as_form: bool) -> tuple[float, float]:
    """MB/s, and the MiB by which the server's memory was larger at most than before."""
    transfers.upload(server.port, path, 1, as_form=as_form)
    before = server.memory()
    _forget_peak(server)
    passed = transfers.upload(server.port, path, pace.mib, as_form=as_form)
    growth = max(_peak(server) - before, PAGE)
    return pace.mib * transfers.MIB / passed / 1e6, growth / transfers.MIB


def _forget_peak(server: Server) -> None:
    """Have the kernel take the memory of now for the peak (proc_pid_clear_refs(5))."""
    for process in server.processes():
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def _peak(server: Server) -> int:
    """The largest resident memory since, in bytes."""
    total = 0
    for process in server.processes():
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        total += int(found[1]) * 1024 if found else 0
    return total


def _download(pace: Pace) -> Sample:
    def sample(server: Server) -> tuple[float]:
        passed = transfers.download(server.port, "/file", pace.mib)
        return (pace.mib * transfers.MIB / passed / 1e6,)

    return sample
