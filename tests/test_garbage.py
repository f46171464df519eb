"""A request is gone when it has been answered: nothing of it waits for the garbage collector.

Collections are what makes the slowest request of a hundred slow, so no exchange may hold itself.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from pottle import Pottle, abort, g, request, session

SCOPE: dict[str, Any] = {
    "type": "http",
    "http_version": "1.1",
    "scheme": "http",
    "query_string": b"x=1",
    "root_path": "",
    "headers": [(b"host", b"example.org"), (b"content-type", b"application/json")],
    "client": ("127.0.0.1", 4711),
    "server": ("127.0.0.1", 80),
}


def make_app(hooks: bool) -> Pottle:
    app = Pottle(__name__, static_folder=None)
    app.secret_key = "key"

    @app.get("/text")
    async def text() -> str:
        return "text"

    @app.post("/echo")
    async def echo() -> Any:
        return await request.get_json()

    @app.get("/facts/<int:number>")
    async def facts(number: int) -> dict[str, Any]:
        return {"host": request.host, "x": request.args["x"], "number": number}

    @app.get("/session")
    async def write() -> str:
        session["user"] = 1
        return "written"

    @app.get("/stream")
    async def stream() -> Any:
        async def pieces() -> Any:
            for _ in range(3):
                yield "piece"

        return pieces()

    @app.get("/suspended")
    async def suspended() -> str:
        await asyncio.sleep(0)
        return "later"

    @app.get("/error")
    async def error() -> None:
        abort(418)

    if hooks:

        @app.before_request
        async def before() -> None:
            g.user = request.headers["host"]

        @app.after_request
        async def after(response: Any) -> Any:
            return response

        @app.teardown_request
        async def teardown(error: BaseException | None) -> None:
            del g.user

    return app


@pytest.mark.parametrize("hooks", [False, True], ids=["bare", "hooks"])
@pytest.mark.parametrize(
    "path", "/text /echo /facts/3 /session /stream /suspended /error /missing".split()
)
async def test_nothing_is_left_to_the_collector(path: str, hooks: bool) -> None:
    app = make_app(hooks)
    scope = {**SCOPE, "path": path, "method": "POST" if path == "/echo" else "GET"}
    statuses: list[int] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"[1]", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    for _ in range(3):
        await app(dict(scope), receive, send)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            await app(dict(scope), receive, send)
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert statuses == [{"/error": 418, "/missing": 404}.get(path, 200)] * 13
