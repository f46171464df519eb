"""Middleware may wait in its own way, with scopes and time-outs, in what it puts before `receive` and `send`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest
from starlette.middleware.base import BaseHTTPMiddleware
from websockets.asyncio.client import connect

from pottle import Pottle, request, websocket
from serving import SERVERS, serving

Receive = Callable[[], Awaitable[Any]]


def make_app() -> Pottle:
    app = Pottle(__name__, static_folder=None)

    @app.post("/")
    async def view() -> bytes:
        await asyncio.sleep(0.15)  # long enough to be watched over
        return await request.get_data()

    @app.get("/stream")
    async def stream() -> Any:
        async def pieces() -> Any:
            for _ in range(3):
                await asyncio.sleep(0.05)
                yield b"x"

        return pieces()

    @app.websocket("/ws")
    async def ws() -> None:
        for _ in range(3):
            await asyncio.sleep(0.12)
            await websocket.send(await websocket.receive())

    return app


class Middleware:
    """Waits for the server within a scope that it cancels now and then."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Callable[..., Any]) -> None:
        async def patient() -> Any:
            while True:
                try:
                    async with asyncio.timeout(10):
                        async with anyio.create_task_group() as group:
                            group.start_soon(anyio.sleep, 100)
                            event = await receive()
                            group.cancel_scope.cancel()
                        return event
                except TimeoutError:
                    continue

        async def bounded(message: Any) -> None:
            with anyio.fail_after(10):
                await send(message)

        await self.app(scope, patient, bounded)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("middleware", [Middleware, BaseHTTPMiddleware])
async def test_scopes_in_receive_and_send(
    server: str, middleware: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    if middleware is BaseHTTPMiddleware:

        async def passing(request: Any, call_next: Any) -> Any:
            return await call_next(request)

        app.asgi_app = BaseHTTPMiddleware(app.asgi_app, passing)
    else:
        app.asgi_app = middleware(app.asgi_app)
    async with serving(app, server) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(2):
                assert (await client.post("/", content=b"body")).text == "body"
                assert (await client.get("/stream")).text == "xxx"
        async with connect(f"ws://127.0.0.1:{port}/ws") as peer:
            for word in ("one", "two", "three"):
                await peer.send(word)
                assert await peer.recv() == word
    assert not caplog.records
