"""A client that leaves while nothing is read from it is seen to have left, a little later."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from pottle import Pottle, request, websocket
from serving import PATIENCE, connected, request_bytes, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
#: One message of 2,000 bytes, masked with zeros.
MESSAGE = b"\x82\xfe\x07\xd0\0\0\0\0" + b"m" * 2000

PIPELINED = request_bytes("/view") * 3
# More than is read for an application that takes none of it, and no more than the kernel holds.
UPLOAD = request_bytes("/upload", b"x" * 400_000, "POST")
SOCKET = MESSAGE * 40


class Counted:
    """An application that says how many of its views and handlers are at work."""

    def __init__(self) -> None:
        self.app = Pottle(__name__, static_folder=None)
        self.app.config["RESPONSE_TIMEOUT"] = 0.4  # twice in that time is looked
        self.at_work = 0
        self.ended: list[str] = []
        self.app.get("/view")(self.view)
        self.app.post("/upload")(self.upload)
        self.app.websocket("/socket")(self.socket)

    async def wait(self) -> None:
        self.at_work += 1
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        finally:
            self.at_work -= 1

    async def view(self) -> str:
        await self.wait()
        return "never"

    async def upload(self) -> str:
        pieces: AsyncIterator[bytes] = aiter(request.body)
        await anext(pieces)
        return await self.view()

    async def socket(self) -> None:
        await websocket.receive()
        await self.wait()

    async def until(self, at_work: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.at_work != at_work:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("server", "sent"),
    [
        ("uvicorn", PIPELINED),
        ("uvicorn", UPLOAD),
        ("uvicorn", SOCKET),
        ("hypercorn", PIPELINED),
    ],
    ids=["uvicorn-pipelined", "uvicorn-upload", "uvicorn-socket", "hypercorn-pipelined"],
)
@pytest.mark.parametrize("leaves", ["close", "reset"])
async def test_what_was_at_work_for_it_ends(server: str, sent: bytes, leaves: str) -> None:
    counted = Counted()
    async with serving(counted.app, server) as port:
        tasks = len(asyncio.all_tasks())
        async with connected(port) as client:
            if sent is SOCKET:
                await client.send(UPGRADE)
                await client.reader.readuntil(b"\r\n\r\n")
            await client.send(sent)
            await counted.until(1)
            if leaves == "reset":
                connection = client.writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.writer.transport.abort()
            else:
                client.writer.close()
        await counted.until(0)
        async with asyncio.timeout(PATIENCE):
            while len(asyncio.all_tasks()) > tasks:
                await asyncio.sleep(0.01)
    assert counted.ended == ["WebsocketCancelled" if sent is SOCKET else "RequestCancelled"]


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_who_stays_is_not_taken_for_gone(server: str) -> None:
    counted, go_on = Counted(), asyncio.Event()

    @counted.app.get("/slow")
    async def slow() -> str:
        await go_on.wait()
        return "slow"

    async with serving(counted.app, server) as port, connected(port) as client:
        await client.send(request_bytes("/slow") * 3)
        # Several looks; there is nothing that could be waited for.
        await asyncio.sleep(1)
        go_on.set()
        for _ in range(3):
            assert await client.answer() == b"slow"
