"""The head of a request under `pottle serve` with uvicorn: how large it may be, and how slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from pottle import Pottle, request, websocket

HEAD = b"GET / HTTP/1.1\r\nHost: example.org\r\n"


@asynccontextmanager
async def serving(port: int, **config: float) -> AsyncIterator[None]:
    app, trigger = Pottle(__name__), asyncio.Event()
    app.config.update(config)

    @app.get("/")
    async def index() -> str:
        return "here"

    @app.post("/size")
    async def size() -> str:
        return f"{len(await request.get_data())} bytes"

    @app.websocket("/echo")
    async def echo() -> None:
        await websocket.send(await websocket.receive())

    task = asyncio.create_task(app.run_task(port=port, shutdown_trigger=trigger.wait))
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.01)
    yield
    trigger.set()
    await task


async def test_headers_without_an_end_are_refused(unused_tcp_port):
    async with serving(unused_tcp_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(HEAD)
        line = b"X-More: " + b"x" * 1000 + b"\r\n"
        with pytest.raises(ConnectionError):
            for _ in range(100_000):
                writer.write(line)
                await writer.drain()
                if reader.at_eof():
                    raise ConnectionResetError
        writer.close()


async def test_what_refuses_them_is_431(unused_tcp_port):
    async with serving(unused_tcp_port, MAX_HEADER_SIZE=1000):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(HEAD + b"X-More: " + b"x" * 2000)
        assert (await reader.read()).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        writer.close()


async def test_a_head_that_is_never_complete(unused_tcp_port):
    async with serving(unused_tcp_port, HEADER_TIMEOUT=0.05):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(HEAD)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        writer.close()


async def test_the_second_head_of_a_connection_has_an_end_too(unused_tcp_port):
    async with serving(unused_tcp_port, HEADER_TIMEOUT=0.05):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(HEAD + b"\r\n")
        assert await reader.readuntil(b"here")
        writer.write(b"GET / HT")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_blank_lines_do_not_keep_a_connection(unused_tcp_port):
    async with serving(unused_tcp_port, HEADER_TIMEOUT=0.05):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(HEAD + b"\r\n")
        assert await reader.readuntil(b"here")
        writer.write(b"\r\n")
        async with asyncio.timeout(3):  # uvicorn's own time for a silent connection is 5 seconds
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_websocket_on_a_connection_that_was_used_before(unused_tcp_port):
    async with serving(unused_tcp_port, HEADER_TIMEOUT=0.1):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(HEAD + b"\r\n")
        assert await reader.readuntil(b"here")
        key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        writer.write(HEAD.replace(b"/ ", b"/echo ") + upgrade + key + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        await later(0.3)
        writer.write(b"\x82\x83\0\0\0\0abc")  # a masked frame (RFC 6455 section 5.2)
        assert await reader.readexactly(5) == b"\x82\x03abc"
        writer.close()


async def test_a_connection_that_says_nothing_is_closed(unused_tcp_port):
    async with serving(unused_tcp_port, HEADER_TIMEOUT=0.05):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        assert await reader.read() == b""
        writer.close()


async def test_what_comes_after_the_head_takes_its_time(unused_tcp_port):
    """A head that comes in two pieces, a body that is slow, a websocket: none of them is cut off."""
    from websockets.asyncio.client import connect

    async with serving(unused_tcp_port, HEADER_TIMEOUT=0.2):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        async with connect(f"ws://127.0.0.1:{unused_tcp_port}/echo", proxy=None) as peer:
            writer.write(b"POST /size" + HEAD.removeprefix(b"GET /"))
            await writer.drain()
            writer.write(b"Content-Length: 4\r\n\r\n12")
            await later(0.4)
            await peer.send("still there")
            assert await peer.recv() == "still there"
        writer.write(b"34" + HEAD + b"\r\n")
        assert (await reader.readuntil(b"4 bytes")).startswith(b"HTTP/1.1 200")
        assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        writer.close()


async def later(seconds: float) -> None:
    """Ends when the loop's clock has gone on by *seconds*: longer than a head may take."""
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, future.set_result, None)
    await future
