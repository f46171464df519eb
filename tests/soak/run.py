"""One run: the server in its process, the control client in another, the load in this one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.request import Request

import httpx

from processes import POTTLE, Served, served

from . import clients  # noqa: F401 - registers the kinds
from .control import PATIENCE as CONTROL_PATIENCE
from .control import Measured
from .load import Kind, Load, Tally
from .samples import Observer, Sample
from .wire import Target

TESTS = Path(__file__).resolve().parent.parent
#: Seconds without any account after which a run is ended, since nothing more is to be learned.
STOPPED = 15.0
#: What may stay open beside what was open before: the pool of threads among it.
SPARE_TASKS, SPARE_FDS, SPARE_THREADS = 3, 8, 12


@dataclass
class Run:
    """What a run has found. `verdict` judges it."""

    seconds: float
    tallies: dict[str, Tally]
    control: Measured
    #: Before the load, while it lasted, and some time after its end.
    before: Sample
    samples: list[Sample]
    after: Sample
    #: When the process stopped answering, if it did so for good.
    stopped_at: float | None
    #: The longest that the event loop of the clients was late, and their share of a processor.
    own_lag: float
    own_processor: float
    #: The exit code after SIGTERM, or None: it had to be killed. How long that took.
    exit_code: int | None
    exit_seconds: float
    log: list[str]


class NoCookies(DefaultCookiePolicy):
    """The visits share their connections. What one of them is given is not for the others."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        return False


def back_to(before: Sample, now: Sample) -> bool:
    """Whether nothing is open that was not open before."""
    return (
        now.tasks is not None
        and not now.under_way
        and now.tasks <= (before.tasks or 0) + SPARE_TASKS
        and now.fds <= before.fds + SPARE_FDS
        and now.threads <= before.threads + SPARE_THREADS
    )


async def run(
    seconds: float, kinds: list[Kind], server: str = "uvicorn", response_timeout: float = 3.0
) -> Run:
    """Serve the application, have the *kinds* visit it for so many *seconds*, and look at it."""
    command = [*POTTLE, "serve", "--app", "soak.application:app", "--port", "0", "--server", server]
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    env = {"PYTHONPATH": path, "SOAK_RESPONSE_TIMEOUT": str(response_timeout)}
    with served(*command, cwd=TESTS, env=env) as process:
        await asyncio.to_thread(process.ready)
        async with httpx.AsyncClient(
            base_url=process.url, cookies=CookieJar(NoCookies()), trust_env=False, timeout=10
        ) as http:
            target = Target(process.port, http, response_timeout)
            found = await _observe(seconds, kinds, target)
        begun = time.monotonic()
        found.exit_code = await asyncio.to_thread(_stop, process)
        found.exit_seconds = time.monotonic() - begun
    process.end()
    found.log = process.output
    return found


async def _observe(seconds: float, kinds: list[Kind], target: Target) -> Run:
    before = await Observer(target).until(lambda sample: sample.tasks is not None, 10)
    observer = Observer(target)
    sampling = asyncio.create_task(observer.keep_sampling(min(1.0, seconds / 40)))
    begun, used = time.monotonic(), time.process_time()
    control = _start_control(target.port, seconds)
    try:
        load = Load(target, kinds)
        while time.monotonic() < begun + seconds and not _stopped(observer):
            await asyncio.sleep(0.1)
        measured = await asyncio.to_thread(_end_control, control)
    finally:
        control.kill()
        control.wait()
    took, used = time.monotonic() - begun, time.process_time() - used
    stopped = _stopped(observer)
    sampling.cancel()
    await asyncio.wait({sampling})
    await load.end()
    samples = list(observer.samples)
    after = await observer.until(
        lambda now: stopped or back_to(before, now), target.response_timeout + 10
    )
    return Run(
        seconds=took,
        tallies=load.tallies,
        control=measured,
        before=before,
        samples=samples,
        after=after,
        stopped_at=observer.answered_last - observer.begun if stopped else None,
        own_lag=load.longest_lag,
        own_processor=used / took,
        exit_code=None,
        exit_seconds=0.0,
        log=[],
    )


def _stopped(observer: Observer) -> bool:
    return time.monotonic() - observer.answered_last > STOPPED


def _start_control(port: int, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "soak.control", str(port), str(seconds)],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        text=True,
    )


def _end_control(control: subprocess.Popen[str]) -> Measured:
    """End it and take what it measured. It may be in the middle of its last request."""
    control.send_signal(signal.SIGTERM)
    output, _ = control.communicate(timeout=CONTROL_PATIENCE * 3)
    return Measured(**json.loads(output))


def _stop(process: Served) -> int | None:
    """The exit code after SIGTERM; None where the process does not end."""
    process.send(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        return process.process.wait(20)
    return None
