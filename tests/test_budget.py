"""What a request may cost, counted and not timed: Python calls, tasks, messages.

A budget that is exceeded is a design that was lost; raise one only with the reason in docs/design.md.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CoroutineType, FrameType, GeneratorType
from typing import Any

import pytest

import pottle
from pottle import Pottle, g, request, session, websocket
from pottle.engine.exchange import Exchange
from pottle.engine.inbox import Inbox
from pottle.engine.sweep import running_sweep
from pottle.wrappers import Websocket

HEADERS = [
    (b"host", b"example.org"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64)"),
    (b"accept", b"text/html,application/xhtml+xml"),
    (b"accept-language", b"en"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"connection", b"keep-alive"),
    (b"content-type", b"application/json"),
    (b"content-length", b"16"),
]


PACKAGE = str(Path(pottle.__file__).parent)

#: Before 3.12 a plain function that hands a coroutine on must be wrapped to pass for a coroutine
#: function (`pottle.utils.hands_on`): the two outermost ones are.
WRAPPERS = 0 if sys.version_info >= (3, 12) else 2


class Calls:
    """Counts the Python functions that are entered; a coroutine that goes on is not entered anew."""

    def __init__(self) -> None:
        self.frames: dict[int, FrameType] = {}
        self.names: Counter[str] = Counter()
        #: Those of Pottle itself; what a library takes is its own affair.
        self.ours: Counter[str] = Counter()

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "call" and id(frame) not in self.frames:
            self.frames[id(frame)] = frame
            self.names[frame.f_code.co_qualname] += 1
            if frame.f_code.co_filename.startswith(PACKAGE):
                self.ours[frame.f_code.co_qualname] += 1

    def __enter__(self) -> Calls:
        gc.disable()  # what earlier tests left behind is not to be finalised at our expense
        sys.setprofile(self)
        return self

    def __exit__(self, *args: object) -> None:
        sys.setprofile(None)
        gc.enable()
        self.frames.clear()

    @property
    def total(self) -> int:
        # Leaving the counter is a call of the test, not of the framework.
        return self.names.total() - self.names["Calls.__exit__"]


@pytest.fixture(autouse=True)
def _bare_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budgets are those of the bare lane, also when the rest of the suite goes without it."""
    monkeypatch.setattr(Pottle, "bare_lane", True)


@pytest.fixture
def app() -> Pottle:
    app = Pottle("budget", static_folder=None)

    @app.get("/text")
    async def text() -> str:
        return "Hello, world!"

    @app.get("/json")
    async def json() -> dict[str, Any]:
        return {"message": "Hello, world!"}

    @app.get("/users/<int:number>")
    async def user(number: int) -> str:
        return f"user {number}"

    @app.post("/echo")
    async def echo() -> Any:
        return await request.get_json()

    return app


class Server:
    """A server that has everything at hand: its calls are counted by the test apart."""

    def __init__(self, path: str, method: str = "GET", body: bytes = b"") -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": HEADERS,
            "client": ("127.0.0.1", 4711),
            "server": ("127.0.0.1", 80),
        }
        self.events = [{"type": "http.request", "body": body, "more_body": False}]
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        return self.events.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)


async def count(app: Pottle, make: Callable[[], Server]) -> tuple[Calls, Server, int]:
    """The calls of one request after the plan has been compiled, and the tasks that it left."""
    for _ in range(3):
        warm = make()
        await app(warm.scope, warm.receive, warm.send)
    server = make()
    before = asyncio.all_tasks()
    with Calls() as calls:
        await app(server.scope, server.receive, server.send)
    return calls, server, len(asyncio.all_tasks() - before)


@pytest.mark.parametrize(
    ("path", "method", "body", "budget"),
    [
        ("/text", "GET", b"", 7),
        ("/json", "GET", b"", 8),
        ("/users/42", "GET", b"", 10),
        ("/echo", "POST", b'{"message": "x"}', 36),
    ],
)
async def test_a_request_stays_within_its_calls(
    app: Pottle, path: str, method: str, body: bytes, budget: int
) -> None:
    calls, server, tasks = await count(app, lambda: Server(path, method, body))
    assert server.sent[0]["status"] == 200
    assert len(server.sent) == 2
    assert tasks == 0
    assert calls.total <= budget + WRAPPERS, calls.names.most_common()


async def test_a_request_with_session_and_hooks_stays_within_its_calls(app: Pottle) -> None:
    app.secret_key = "key"

    @app.get("/login")
    async def login() -> str:
        session["user"] = "ada"
        return "welcome"

    @app.get("/session")
    async def name() -> str:
        return str(g.user)

    @app.before_request
    async def remember() -> None:
        g.user = session.get("user")

    @app.before_request
    async def pass_by() -> None:
        pass

    for _ in range(2):

        @app.after_request
        async def after(response: Any) -> Any:
            response.headers["X-Frame-Options"] = "DENY"
            return response

    welcome = Server("/login")
    await app(welcome.scope, welcome.receive, welcome.send)
    cookie = dict(welcome.sent[0]["headers"])[b"set-cookie"].partition(b";")[0]

    def make() -> Server:
        server = Server("/session")
        server.scope["headers"] = [*HEADERS, (b"cookie", cookie)]
        return server

    calls, server, tasks = await count(app, make)
    assert server.sent[1]["body"] == b"ada"
    assert tasks == 0
    assert calls.ours.total() <= 81 + WRAPPERS, calls.ours.most_common()


async def test_a_websocket_message_stays_within_its_calls() -> None:
    app = Pottle("budget", static_folder=None)
    counted: list[Calls] = []

    @app.websocket("/ws")
    async def echo() -> None:
        while True:
            await websocket.send(await websocket.receive())

    messages = 100
    sent: list[Any] = []
    events: list[Any] = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "0"}]
    events += [{"type": "websocket.receive", "text": "m", "bytes": None}] * messages
    events += [{"type": "websocket.disconnect", "code": 1000}]
    calls = Calls()

    async def receive() -> Any:
        event = events.pop(0)
        if event.get("text") == "m" and not counted:
            counted.append(calls)
            sys.setprofile(calls)
        elif event["type"] == "websocket.disconnect":
            sys.setprofile(None)
        return event

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/ws",
        "headers": HEADERS,
        "query_string": b"",
        "subprotocols": [],
    }
    before = asyncio.all_tasks()
    await app(scope, receive, send)
    assert asyncio.all_tasks() == before
    assert [message["type"] for message in sent[:2]] == ["websocket.accept", "websocket.send"]
    assert len(sent) == messages + 2
    assert calls.ours.total() / messages <= 7, calls.ours.most_common()


async def test_an_idle_websocket_keeps_few_objects() -> None:
    """What a full garbage collection goes through for each of thousands that wait."""
    app = Pottle("budget", static_folder=None)

    @app.websocket("/ws")
    async def echo() -> None:
        async for message in websocket:
            await websocket.send(message)

    async def connect() -> None:
        events = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "0"}]
        idle = asyncio.get_running_loop().create_future()

        async def receive() -> Any:
            return events.pop(0) if events else await idle

        async def send(message: Any) -> None: ...

        scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}
        await app(scope, receive, send)

    def count() -> Counter[str]:
        gc.collect()
        # By its type: asking a proxy would ask what it stands for.
        return Counter(name_of(made) for made in gc.get_objects() if is_ours(made))

    def name_of(made: Any) -> str:
        return str(getattr(made, "__qualname__", type(made).__qualname__))

    def is_ours(made: Any) -> bool:
        if type(made) is CoroutineType:
            return made.cr_code.co_filename.startswith(PACKAGE)
        if type(made) is GeneratorType:
            return made.gi_code.co_filename.startswith(PACKAGE)
        return type(made) in {Exchange, Inbox, Websocket}

    connections = 10
    tasks = [asyncio.create_task(connect())]  # what is made once
    await asyncio.sleep(0.1)
    before = count()
    tasks += [asyncio.create_task(connect()) for _ in range(connections)]
    await asyncio.sleep(0.2)
    grown = count() - before
    assert running_sweep().members == set()
    # The exchange, the websocket and the inbox; the call, its life and its watch, the handler's
    # frame around it, and the message that is waited for.
    assert grown.total() <= (9 + WRAPPERS) * connections, grown
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_view_that_waits_a_moment_costs_no_task(app: Pottle) -> None:
    tasks: list[int] = []

    @app.get("/moment")
    async def moment() -> str:
        await asyncio.sleep(0)
        tasks.append(len(asyncio.all_tasks()))
        return "done"

    server = Server("/moment")
    before = len(asyncio.all_tasks())
    await app(server.scope, server.receive, server.send)
    assert tasks == [before]
    assert server.sent[0]["status"] == 200
