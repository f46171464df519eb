"""Where the cost of one request lies: Python calls by layer, and what each thing a view does adds.

    python -m bench.profile

The calls are exact and the same on every machine; the microseconds are of this one, the minimum of
many short runs.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pottle
from pottle import Pottle, g, render_template, request, session, url_for, websocket

HERE = Path(pottle.__file__).parent
TEMPLATES = Path(__file__).with_name("templates")
BODY = b'{"message": "Hello, World!"}'
HEADERS = [
    (b"host", b"example.org"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"),
    (b"accept", b"text/html,application/xhtml+xml"),
    (b"accept-language", b"en"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"connection", b"keep-alive"),
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(BODY)),
]


def make_app() -> Pottle:
    app = Pottle(__name__, static_folder=None, template_folder=str(TEMPLATES))
    app.secret_key = "key"

    @app.get("/text")
    async def text():
        return "Hello, World!"

    @app.get("/json")
    async def json():
        return {"message": "Hello, World!"}

    @app.get("/users/<int:id>")
    async def user(id: int):
        return {"number": id}

    @app.post("/request")
    async def touch():
        return str(request.scope["type"])

    @app.post("/type")
    async def content_type():
        return request.content_type

    @app.post("/body")
    async def body():
        await request.get_data()
        return "read"

    @app.post("/parsed")
    async def parsed():
        await request.get_json()
        return "read"

    @app.post("/echo")
    async def echo():
        return await request.get_json()

    @app.get("/login")
    async def login():
        session["user"] = "ada"
        return "welcome"

    @app.get("/session")
    async def read_session():
        return session["user"]

    @app.get("/link")
    async def link():
        return url_for("user", id=7)

    @app.get("/template")
    async def template():
        return await render_template("greeting.html", title="Welcome", name="Ada")

    @app.get("/suspended")
    async def suspended():
        await asyncio.sleep(0)
        return "later"

    @app.websocket("/ws")
    async def ws():
        while True:
            await websocket.send(await websocket.receive())

    return app


def with_hooks() -> Pottle:
    app = make_app()

    @app.before_request
    async def before():
        g.started = True

    @app.after_request
    async def after(response):
        return response

    return app


#: What is asked, of which application; the rows of both tables.
ASKED = {
    "text": ("GET", "/text", make_app),
    "JSON": ("GET", "/json", make_app),
    "an int parameter": ("GET", "/users/42", make_app),
    "the request object": ("POST", "/request", make_app),
    "one header": ("POST", "/type", make_app),
    "the body": ("POST", "/body", make_app),
    "the body, parsed as JSON": ("POST", "/parsed", make_app),
    "JSON echo": ("POST", "/echo", make_app),
    "a view that is suspended once": ("GET", "/suspended", make_app),
    "url_for": ("GET", "/link", make_app),
    "session read": ("GET", "/session", make_app),
    "a small template with url_for": ("GET", "/template", make_app),
    "a before and an after hook": ("GET", "/text", with_hooks),
}


#: The columns, and the modules of each that are not of its name.
LAYERS = {
    "app": {"dispatch", "planned", "config"},
    "engine": {"mounting", "protocols"},
    "context": {"ctx", "globals", "sync", "threads"},
    "wrappers": {"awaitables", "utils"},
    "routing": {"helpers"},
    "json": set(),
    "sessions": set(),
    "templating": {"jinja"},
    "libraries": set(),
}


def layer_of(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    if path == Path(__file__) or path.parent.name == "asyncio":
        return "application"  # or the event loop, which is not Pottle's either
    if not path.is_relative_to(HERE):
        return "libraries"
    module = path.relative_to(HERE).parts[0].removesuffix(".py")
    return next(name for name, others in LAYERS.items() if module == name or module in others)


class Caller:
    """Calls an application as a server does, with everything at hand."""

    def __init__(self, app: Pottle, method: str, path: str) -> None:
        self.app = app
        self.scope = {
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
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def log_in(self) -> None:
        scope = {**self.scope, "method": "GET", "path": "/login"}
        await self.app(scope, self.receive, self.send)
        headers = dict(self.sent[0]["headers"])
        cookie = headers[b"set-cookie"].partition(b";")[0]
        self.scope["headers"] = [*HEADERS, (b"cookie", cookie)]
        self.sent.clear()

    async def run(self, times: int) -> float:
        """The CPU time of a call in microseconds."""
        scopes = [dict(self.scope) for _ in range(times)]
        begin = time.process_time()
        for scope in scopes:
            await self.app(scope, self.receive, self.send)
        cost = (time.process_time() - begin) / times * 1e6
        self.sent.clear()
        return cost

    async def count(self) -> Counter[str]:
        """The Python functions that one call enters, by layer; those of this file are one of them."""
        await self.run(5)
        layers: Counter[str] = Counter()
        seen: dict[int, FrameType] = {}  # a coroutine that goes on is not entered anew

        def note(frame: FrameType, event: str, arg: Any) -> None:
            if event == "call" and id(frame) not in seen:
                seen[id(frame)] = frame
                layers[layer_of(frame)] += 1

        scope = dict(self.scope)
        sys.setprofile(note)
        await self.app(scope, self.receive, self.send)
        sys.setprofile(None)
        self.sent.clear()
        return layers


async def profile(rounds: int = 60) -> tuple[dict[str, Counter[str]], dict[str, float]]:
    calls: dict[str, Counter[str]] = {}
    callers: dict[str, Caller] = {}
    for name, (method, path, make) in ASKED.items():
        callers[name] = caller = Caller(make(), method, path)
        if path == "/session":
            await caller.log_in()
        calls[name] = await caller.count()
    costs = dict.fromkeys(callers, float("inf"))
    for _ in range(rounds):
        for name, caller in callers.items():
            costs[name] = min(costs[name], await caller.run(100))
    return calls, costs


def table(calls: dict[str, Counter[str]], costs: dict[str, float]) -> list[str]:
    lines = [
        f"| | µs | calls | {' | '.join(LAYERS)} |",
        f"| --- | ---: | ---: |{' ---: |' * len(LAYERS)}",
    ]
    for name, found in calls.items():
        total = sum(found.values()) - found["application"]
        cells = " | ".join(str(found[layer] or "") for layer in LAYERS)
        lines.append(f"| {name} | {costs[name]:.1f} | {total} | {cells} |")
    return lines


def main() -> None:
    print("\n".join(table(*asyncio.run(profile()))))


if __name__ == "__main__":
    main()
