"""What holds for every test: nothing stays behind after it.

After each test there are no tasks, no active context, no connected receivers, no open sockets, no
child processes and no environment variables that were not there before. `--full-lane` runs the whole suite with the bare lane of
the engine switched off, `--flask-bridge` with the bridge to Flask; behaviour must be the same.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pottle import Pottle, active, signals
from pottle.threads import DEFAULT_THREADS, set_thread_limit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

pytest_plugins = ["redis_server"]
#: An application with tests of its own, which `test_quart_app` runs.
collect_ignore = ["quart_app"]

#: Turns of the event loop that a task gets to notice that the test is over.
TURNS = 50
_FDS = Path("/proc/self/fd")
_THREADS = Path("/proc/self/task")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-lane",
        action="store_true",
        help="Run every exchange through the full lane (Pottle.bare_lane = False).",
    )
    parser.addoption(
        "--flask-bridge",
        action="store_true",
        help="Run every application with the Flask bridge, whether Flask is imported or not.",
    )
    parser.addoption(
        "--write-pictures",
        action="store_true",
        help="Put the pictures that browser tests take into docs/images.",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("full_lane"):
        Pottle.bare_lane = False
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # In the background of a shell it is ignored, and so it would be by all processes from here.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Otherwise it would depend on which test imports Flask first.
    os.environ["POTTLE_FLASK_BRIDGE"] = "1" if config.getoption("flask_bridge") else "0"
    config.pluginmanager.register(kept, "longer lives")


class LongerLives:
    """What fixtures have opened that live longer than a test.

    A plugin of its own: the hooks in this file do not hear of fixtures of the session.
    """

    def __init__(self) -> None:
        self.sockets: set[int] = set()
        self.children: set[int] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        if fixturedef.scope == "function":
            return (yield)
        sockets, children = _sockets(), _children()
        try:
            return (yield)
        finally:
            self.sockets |= _sockets() - sockets
            self.children |= _children() - children


kept = LongerLives()


@pytest.fixture(autouse=True)
def _nothing_stays_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sockets and child processes; the fixtures of the test are gone when this looks.

    Granian, run in this process, keeps the sockets of its runtime as long as the process lives.
    """
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and callspec.params.get("server") == "granian":
        yield
        return
    sockets, children = _sockets(), _children()
    yield
    sockets |= kept.sockets
    children |= kept.children
    if _sockets() - sockets:
        gc.collect()
    left = [
        *(f"the socket {_describe(fd)}" for fd in sorted(_sockets() - sockets)),
        *(f"the process {pid} ({_command(pid)})" for pid in sorted(_children() - children)),
    ]
    if left:
        pytest.fail("The test left open: " + "; ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def _nothing_stays_set() -> Iterator[None]:
    """Environment variables, which the processes of later tests would inherit, and the folder."""
    before, folder = _environment(), Path.cwd()
    yield
    after, left_folder = _environment(), Path.cwd()
    left = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    for name in left:
        os.environ.pop(name, None)
    os.environ.update({name: before[name] for name in left if name in before})
    os.chdir(folder)
    if left:
        pytest.fail(f"The test left environment variables changed: {left}", pytrace=False)
    if left_folder != folder:
        pytest.fail(f"The test left the working directory at {left_folder}", pytrace=False)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    """The size of the pool of threads, which an application sets for the whole process."""
    yield
    set_thread_limit(DEFAULT_THREADS)


@pytest.fixture(autouse=True)
def _nothing_stays_connected() -> Iterator[None]:
    """Receivers of signals, and the context of a synchronous test."""
    context = active.current.get(None)
    receivers = _receivers()
    yield
    if set(_receivers()) - set(receivers):
        gc.collect()  # they are held weakly, and may only wait to be collected
    left = [value for key, value in _receivers().items() if key not in receivers]
    for sender, receiver in left:
        sender.disconnect(receiver)
    if left:
        names = ", ".join(f"{receiver!r} to {sender.name!r}" for sender, receiver in left)
        pytest.fail(f"The test left receivers connected: {names}", pytrace=False)
    _check_context(context)


@pytest.fixture(autouse=True)
def _nothing_stays_running(request: pytest.FixtureRequest, _nothing_stays_open: None) -> None:
    """Tasks; only a test with an event loop can have any."""
    if request.node.get_closest_marker("asyncio") is not None:
        request.getfixturevalue("_tasks_end")


@pytest.fixture
async def _tasks_end() -> AsyncIterator[None]:
    yield
    pending: set[asyncio.Task[Any]] = set()
    for _ in range(TURNS):
        await asyncio.sleep(0)
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        if not pending:
            return
    told = "\n".join(f"  {_where(task)}" for task in pending)
    for task in pending:
        task.cancel()
    await asyncio.wait(pending, timeout=1)
    pytest.fail(f"The test left {len(pending)} task(s) running:\n{told}", pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Have a coroutine test look at its context itself: nobody else sees what it sets there."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = _with_context_checked(item.obj)


def _with_context_checked(function: Any) -> Any:
    @functools.wraps(function)
    async def test(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        context = active.current.get(None)
        await function(*args, **kwargs)
        _check_context(context)

    return test


def _check_context(before: Any) -> None:
    after = active.current.get(None)
    if after is not before:
        pytest.fail(f"The test left a context active: {after!r}", pytrace=False)


def _receivers() -> dict[tuple[str, Any], tuple[Any, Any]]:
    found: dict[tuple[str, Any], tuple[Any, Any]] = {}
    for name, sender in signals._signals.items():
        for key, receiver in sender.receivers.items():
            alive = receiver() if hasattr(receiver, "__callback__") else receiver
            if alive is not None:
                found[name, key] = (sender, alive)
    return found


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def _sockets() -> set[int]:
    """The descriptors that are sockets; where there is no /proc, none are known."""
    found: set[int] = set()
    for descriptor in _FDS.iterdir() if _FDS.exists() else ():
        try:
            if str(descriptor.readlink()).startswith("socket:"):
                found.add(int(descriptor.name))
        except OSError:
            continue  # the one that the listing itself was read from
    return found


def _children() -> set[int]:
    """The processes that this one started and has not waited for."""
    found: set[int] = set()
    for thread in _THREADS.iterdir() if _THREADS.exists() else ():
        try:
            found.update(map(int, (thread / "children").read_text().split()))
        except OSError:
            continue  # the thread has ended, or the kernel does not tell
    return found


def _describe(fd: int) -> str:
    with socket.socket(fileno=os.dup(fd)) as probe:
        try:
            peer = probe.getpeername()
        except OSError:
            peer = None
        return f"{fd} ({probe.family.name} {probe.getsockname()!r}, peer {peer!r})"


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "ended, but nobody waited for it"
    return b" ".join(words).decode(errors="replace").strip() or "ended, but nobody waited for it"


def _where(task: asyncio.Task[Any]) -> str:
    stack = task.get_stack()
    place = f" at {stack[-1].f_code.co_filename}:{stack[-1].f_lineno}" if stack else ""
    name = getattr(task.get_coro(), "__qualname__", repr(task.get_coro()))
    return f"{name}{place} (task {task.get_name()!r})"
