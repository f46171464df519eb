"""Answers that come piece by piece, some of which never end and never wait."""

from __future__ import annotations

import asyncio

from pottle import Blueprint, g

from .census import expect, visit

streams = Blueprint("streams", __name__)
PIECE = b"x" * 16384


@streams.get("/rows")
async def rows():
    async def source():
        with visit("rows"):
            for number in range(20):
                yield f"{number}\n"
                await asyncio.sleep(0.001)

    return source()


@streams.sse("/events")
async def events():
    with visit("events"):
        number = 0
        while True:
            yield {"number": number}
            number += 1
            await asyncio.sleep(0.02)


@streams.sse("/events/large")
async def large_events():
    with visit("large events"):
        while True:
            yield "x" * 16384
            await asyncio.sleep(0.001)


@streams.sse("/events/endless")
async def endless_events():
    with visit("endless events"):
        while True:
            yield "x"


@streams.get("/endless")
async def endless():
    async def source():
        with visit("endless"):
            while True:
                yield b"x"

    return source()


@streams.get("/endless/large")
async def endless_large():
    async def source():
        with visit("endless large"):
            while True:
                yield PIECE

    return source()


@streams.get("/plain-rows")
def plain_rows():
    def source():
        expect(not list(g), "plain generator: g was not empty at the beginning")
        g.rows = rows = object()
        for number in range(20):
            yield f"{number}\n"
        expect(g.get("rows") is rows, "plain generator: g did not stay its own")

    return source()


@streams.get("/plain-endless")
def plain_endless():
    def source():
        while True:
            yield b"x"

    return source()
