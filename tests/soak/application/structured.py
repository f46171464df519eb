"""Views that wait within helpers of structured concurrency, and whose clients leave meanwhile."""

from __future__ import annotations

import asyncio

import anyio

from pottle import Blueprint

from .census import expect, visit

structured = Blueprint("structured", __name__, url_prefix="/within")
LONG = 3600  # seconds; nobody waits so long


async def asyncio_group_body() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(LONG))
        await asyncio.sleep(LONG)


async def asyncio_group_end() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(LONG))


async def asyncio_timeout() -> None:
    async with asyncio.timeout(LONG):
        await asyncio.sleep(LONG)


async def asyncio_gather() -> None:
    await asyncio.gather(asyncio.sleep(LONG), asyncio.sleep(LONG))


async def anyio_group_body() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, LONG)
        await anyio.sleep(LONG)


async def anyio_group_end() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, LONG)


async def anyio_scope() -> None:
    with anyio.CancelScope():
        await anyio.sleep(LONG)


async def anyio_fail_after() -> None:
    with anyio.fail_after(LONG):
        await anyio.sleep(LONG)


HELPERS = {
    helper.__name__: helper
    for helper in (
        *(asyncio_group_body, asyncio_group_end, asyncio_timeout, asyncio_gather),
        *(anyio_group_body, anyio_group_end, anyio_scope, anyio_fail_after),
    )
}


@structured.get("/<helper>")
async def within(helper: str) -> str:
    with visit(helper):
        await HELPERS[helper]()
        expect(False, f"{helper}: a view went on behind the block for a client that had left")
        return ""
