"""Clients that ask and do not wait, or that do not even ask to the end."""

from __future__ import annotations

import asyncio

from ..load import kind
from ..wire import SMALL_BUFFER, Connection, Target, connected, expect

MIB = 1 << 20


@kind("leaves at once", clients=2, pause=0.2)
async def at_once(target: Target) -> None:
    async with connected(target) as connection:
        await connection.request(target.random.choice(["/slow", "/small?user=none", "/rows"]))


WITHIN = {
    "asyncio": ["group_body", "group_end", "timeout", "gather"],
    "anyio": ["group_body", "group_end", "scope", "fail_after"],
}


@kind("leaves a group of asyncio", clients=2, pause=0.3)
async def within_asyncio(target: Target) -> None:
    await leave_within(target, "asyncio")


@kind("leaves a group of anyio", clients=2, pause=0.3)
async def within_anyio(target: Target) -> None:
    await leave_within(target, "anyio")


async def leave_within(target: Target, library: str) -> None:
    helper = target.random.choice(WITHIN[library])
    async with connected(target) as connection:
        await connection.request(f"/within/{library}_{helper}")
        await asyncio.sleep(target.random.uniform(0.05, 0.5))


@kind("half a head", clients=2, pause=0.5)
async def half_a_head(target: Target) -> None:
    async with connected(target) as connection:
        await connection.send(b"GET /small?user=none HTTP/1.1\r\nHost: loc")
        await asyncio.sleep(target.random.uniform(0.5, 2))


@kind("half a body", pause=0.5)
async def half_a_body(target: Target) -> None:
    async with connected(target) as connection:
        await connection.request("/upload", "POST", headers="Content-Length: 1000000\r\n")
        await connection.send(bytes(100_000))
        await asyncio.sleep(target.random.uniform(0.1, 2))


@kind("pipelines and leaves", pause=0.4)
async def pipelines(target: Target) -> None:
    async with connected(target) as connection:
        for path in ("/whose?user=none", "/slow", "/whose?user=none"):
            await connection.request(path)
        await asyncio.sleep(0.1)


@kind("large answer, never read", pause=2)
async def large(target: Target) -> None:
    async with connected(target, SMALL_BUFFER) as connection:
        await connection.request("/large")
        await expect_cut(target, connection, whole=8 * MIB)


async def expect_cut(target: Target, connection: Connection, whole: int | None = None) -> None:
    """The server has to break a connection on which it cannot send, soon after its time-out."""
    patience = target.response_timeout + 3
    cut = await connection.was_cut(patience, whole)
    expect(cut, f"still connected {patience:.0f} s after it stopped reading")
