"""Connections that say nothing keep nobody else out."""

from __future__ import annotations

import asyncio

import pytest

from pottle import Pottle
from serving import SERVERS, connected, request_bytes, serving

#: More than Granian serves by default.
SILENT = 200


@pytest.mark.parametrize("server", SERVERS)
async def test_others_are_answered(server: str) -> None:
    app = Pottle(__name__, static_folder=None)

    @app.get("/")
    async def view() -> str:
        return "answered"

    async with serving(app, server) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SILENT)]
        try:
            async with connected(port) as client:
                await client.send(request_bytes("/"))
                assert await client.answer() == b"answered"
        finally:
            for _, writer in silent:
                writer.transport.abort()
