"""Readers of streams and event streams: fast ones, slow ones, and those that read nothing."""

from __future__ import annotations

import asyncio

from ..load import kind
from ..wire import SMALL_BUFFER, Target, connected, expect
from .leaving import expect_cut


async def read(target: Target, path: str, seconds: float, pause: float = 0.0) -> None:
    async with connected(target, SMALL_BUFFER if pause else None) as connection:
        await connection.request(path)
        status, _ = await connection.head()
        expect(status == 200, f"{path} answered {status}")
        taken = await connection.read_for(seconds, pause, 1024 if pause else 1 << 16)
        expect(taken > 0, f"{path} sent nothing in {seconds} s")


async def never_read(target: Target, path: str) -> None:
    async with connected(target, SMALL_BUFFER) as connection:
        await connection.request(path)
        await expect_cut(target, connection)


@kind("events, read and left", clients=4, pause=0.3)
async def events(target: Target) -> None:
    await read(target, "/events", target.random.uniform(0.2, 2))


@kind("events, never read", pause=2)
async def events_never_read(target: Target) -> None:
    await never_read(target, "/events/large")


@kind("plain endless generator, left", pause=1)
async def plain_endless(target: Target) -> None:
    await read(target, "/plain-endless", 0.2)


@kind("endless events, fast reader", pause=3, never_suspends=True)
async def endless_events(target: Target) -> None:
    await read(target, "/events/endless", 0.3)


@kind("endless stream, fast reader", pause=3, never_suspends=True)
async def fast(target: Target) -> None:
    await read(target, "/endless", 0.3)


@kind("endless stream, slow reader", pause=2, never_suspends=True)
async def slow(target: Target) -> None:
    await read(target, "/endless/large", 1.5, pause=0.02)


@kind("endless stream, never read", pause=2, never_suspends=True)
async def unread(target: Target) -> None:
    await never_read(target, "/endless/large")


@kind("endless stream, left at once", pause=1, never_suspends=True)
async def left_at_once(target: Target) -> None:
    async with connected(target) as connection:
        await connection.request("/endless")
        await asyncio.sleep(target.random.uniform(0, 0.06))
