"""Whatever runs, a process ends in the time of its shutdown; who held it up is named."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from pottle import Pottle
from pottle.servers import ServerError
from pottle.servers.watchdog import EXIT_INTERRUPTED, EXIT_OVERDUE
from processes import POTTLE, served

if TYPE_CHECKING:
    from pathlib import Path

    from processes import Served

SERVERS = ("uvicorn", "hypercorn", "granian")

#: Seconds for requests, for background tasks and for the clean-up.
TIMES = (0.1, 0.1, 0.5)

APP = """\
import asyncio
import atexit
import os
import threading
import time

from pottle import Pottle

app = Pottle(__name__)
app.config.update(
    SHUTDOWN_TIMEOUT=0.1, BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0.1, SHUTDOWN_CLEANUP_TIMEOUT=0.5
)
culprits = os.environ["CULPRITS"].split()
atexit.register(print, "functions of atexit", flush=True)


async def stubborn():
    print("begins", flush=True)
    while True:
        try:
            await asyncio.sleep(1000)  # stubborn waits here
        except asyncio.CancelledError:
            pass


def plain():
    print("begins", flush=True)
    time.sleep(40)  # plain sleeps here
    return ""


@app.get("/view")
async def view():
    await stubborn()


app.get("/plain")(plain)


@app.get("/stream")
async def stream():
    async def chunks():
        yield b"one"
        print("begins", flush=True)
        while True:
            try:
                await asyncio.sleep(1000)  # chunks waits here
            except BaseException:
                pass

    return chunks()


@app.get("/task")
async def task():
    app.add_background_task(stubborn)
    return ""


@app.get("/plain-task")
async def plain_task():
    app.add_background_task(plain)
    return ""


@app.get("/stray-task")
async def stray_task():
    app.stray = asyncio.create_task(stubborn())
    return ""


@app.get("/thread")
async def thread():
    threading.Thread(target=plain).start()
    return ""


@app.get("/block")
async def block():
    print("begins", flush=True)
    time.sleep(1000)  # block holds the loop up here


@app.get("/begin")
async def begin():
    print("begins", flush=True)
    return ""


@app.after_serving
async def after():
    print("after serving", flush=True)


if "after_serving" in culprits:

    @app.after_serving
    async def hangs():
        await asyncio.sleep(1000)  # hangs here


if "plain_after_serving" in culprits:
    app.after_serving(plain)

if "stubborn_after_serving" in culprits:
    app.after_serving(stubborn)

if "while_serving" in culprits:

    @app.while_serving
    async def while_serving():
        yield
        await stubborn()
"""

CULPRITS = {
    "a view that swallows its cancellation": ("/view", "stubborn waits here"),
    "a plain view in its thread": ("/plain", "plain sleeps here"),
    "a generator with except BaseException": ("/stream", "chunks waits here"),
    "a background task that swallows its cancellation": ("/task", "stubborn waits here"),
    "an after_serving that hangs": ("after_serving", "hangs here"),
}

MORE_CULPRITS = {
    "what the application has begun itself": [
        ("/plain-task", "plain sleeps here"),
        ("/stray-task", "stubborn waits here"),
        ("/thread", "plain sleeps here"),
    ],
    "a plain after_serving": [("plain_after_serving", "plain sleeps here")],
    "an after_serving that swallows its cancellation": [
        ("stubborn_after_serving", "stubborn waits here")
    ],
    "a while_serving that swallows its cancellation": [("while_serving", "stubborn waits here")],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stuck.py").write_text(APP)
    return tmp_path


def line_of(text: str) -> int:
    (number,) = [number for number, line in enumerate(APP.splitlines(), 1) if text in line]
    return number


def ends(folder: Path, name: str, *culprits: tuple[str, str]) -> Served:
    """Serve, have the culprits begin, and send SIGTERM; the process after its end."""
    command = (*POTTLE, "--app", "stuck", "serve", "--server", name, "--port", "0")
    asked = " ".join(what for what, _ in culprits)
    with (
        served(*command, cwd=folder, env={"CULPRITS": asked}) as server,
        ThreadPoolExecutor(len(culprits)) as pool,
    ):
        server.ready()
        for what, _ in culprits:
            path = what if what.startswith("/") else "/begin"
            pool.submit(httpx.get, server.url + path, timeout=30)
            server.line("begins")
        begun = time.monotonic()
        code = server.stop()
        took = time.monotonic() - begun
    assert code == EXIT_OVERDUE, server.text
    assert took < sum(TIMES) + 2.5, server.text  # flushing, and a machine that is busy
    for _, place in culprits:
        assert f"stuck.py:{line_of(place)}" in server.text, server.text
    assert "functions of atexit" in server.text
    return server


@pytest.mark.parametrize("name", SERVERS)
def test_sigterm_ends_a_process_whatever_runs(folder: Path, name: str) -> None:
    server = ends(folder, name, *CULPRITS.values())
    assert server.text.count("after serving") == 1, server.text


@pytest.mark.parametrize("culprit", MORE_CULPRITS)
def test_sigterm_ends_a_process_whoever_holds_it_up(folder: Path, culprit: str) -> None:
    server = ends(folder, "uvicorn", *MORE_CULPRITS[culprit])
    assert server.text.count("after serving") == 1, server.text


def test_sigterm_ends_a_process_whose_event_loop_is_held_up(folder: Path) -> None:
    ends(folder, "uvicorn", ("/block", "block holds the loop up here"))


PATIENT = """\
import asyncio

from pottle import Pottle

app = Pottle(__name__)
app.config["SHUTDOWN_TIMEOUT"] = 100


@app.get("/hang")
async def hang():
    print("begins", flush=True)
    await asyncio.sleep(1000)


@app.get("/swallow")
async def swallow():
    print("begins", flush=True)
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            print("swallowed", flush=True)


@app.after_serving
async def after():
    print("after serving", flush=True)


if __name__ == "__main__":
    app.run(port=0, use_reloader=False)
    print("goes on", flush=True)
"""

COMMANDS = {
    "serve": (*POTTLE, "--app", "patient", "serve", "--port", "0"),
    "serve with workers": (*POTTLE, "--app", "patient", "serve", "--port", "0", "--workers", "2"),
    "app.run": (sys.executable, "patient.py"),
}


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    (tmp_path / "patient.py").write_text(PATIENT)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_asks_then_ends_the_grace_period_then_is_immediate(
    patient: Path, command: str
) -> None:
    with served(*COMMANDS[command], cwd=patient) as server, ThreadPoolExecutor(1) as pool:
        server.ready()
        pool.submit(httpx.get, server.url + "/swallow", timeout=30)
        server.line("begins")
        server.send(signal.SIGINT)
        said = server.line("Waiting for")
        assert "swallow (patient.py:" in said
        assert "Ctrl+C again" in said
        assert "swallowed" not in server.text
        server.send(signal.SIGINT)
        server.line("swallowed")
        server.send(signal.SIGINT)
        assert server.process.wait(2) == EXIT_INTERRUPTED
        server.end()
        assert "goes on" not in server.text


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_that_is_closed_is_a_graceful_end(patient: Path, command: str) -> None:
    with served(*COMMANDS[command], cwd=patient) as server:
        assert server.ready().stop(signal.SIGHUP) == 0
        assert server.text.count("after serving") == (2 if "workers" in command else 1)
        assert ("goes on" in server.text) == (command == "app.run")


async def test_a_program_that_serves_in_its_own_event_loop_is_not_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, begun, release = Pottle(__name__), asyncio.Event(), asyncio.Event()
    app.config.update(
        SHUTDOWN_TIMEOUT=0, BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0, SHUTDOWN_CLEANUP_TIMEOUT=0.2
    )
    ended = []

    async def stubborn() -> None:
        begun.set()
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()

    @app.before_serving
    async def start() -> None:
        app.add_background_task(stubborn)

    @app.after_serving
    async def after() -> None:
        ended.append(True)

    with pytest.raises(ServerError, match=r"did not get to its end.*stubborn"):
        await app.run_task(port=0, shutdown_trigger=begun.wait)

    assert ended == [True]
    assert "stubborn" in caplog.records[0].getMessage()
    (task,) = app.background_tasks
    release.set()
    await asyncio.wait({task})


def test_the_child_of_the_reloader_ends_when_its_parent_is_killed(patient: Path) -> None:
    program = patient / "patient.py"
    program.write_text(PATIENT.replace("use_reloader=False", "debug=True"))
    with served(*COMMANDS["app.run"], cwd=patient) as server:
        server.ready()
        server.process.kill()
        # The pipe of the output is closed when the last process that has it has ended.
        assert server.end() == -signal.SIGKILL
        assert server.text.count("after serving") == 1


def test_the_child_of_the_reloader_ends_with_its_parent_while_it_loads(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\nprint('loading', flush=True)\ntime.sleep(1000)\n"
    )
    command = (*POTTLE, "--app", "slow", "run", "--port", "0", "--reload")
    with served(*command, cwd=tmp_path) as server:
        server.line("loading")
        server.process.kill()
        assert server.end() == -signal.SIGKILL
