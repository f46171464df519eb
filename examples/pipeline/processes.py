"""A program as a stage: what it reads and writes goes through pipes, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterable

READ = 256 * 1024  # bytes that are taken at once, at most
SILENCE = 60.0  # seconds in which a program may write nothing
SAID = 500  # characters of its complaints that are told


class StageError(Exception):
    """The content cannot be transformed; the message says why, for whoever sent it."""


async def through(chunks: AsyncIterable[bytes], *command: str) -> AsyncGenerator[bytes]:
    """Give *chunks* to a program and yield what it writes.

    A full pipe makes either side wait: the program, when nobody takes what it writes, and the upload,
    when the program does not read. Raises `StageError` when the program fails, and `TimeoutError` when
    it writes nothing for too long. It never outlives this generator.
    """
    with tempfile.TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=complaints
        )
        feeding = asyncio.create_task(_feed(process, chunks))
        try:
            assert process.stdout is not None
            while piece := await _read(process.stdout):
                yield piece
            await feeding  # what went wrong with the upload goes wrong here
            if await process.wait() != 0:
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip()
                raise StageError(said[-SAID:] or f"{command[0]} has failed.")
        finally:
            feeding.cancel()
            if process.returncode is None:
                process.kill()
            await asyncio.wait({feeding})
            await process.wait()


async def _read(output: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(SILENCE):
        return await output.read(READ)


async def _feed(process: Process, chunks: AsyncIterable[bytes]) -> None:
    assert process.stdin is not None
    try:
        async for chunk in chunks:
            process.stdin.write(chunk)
            await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has ended early; its exit code says whether that was right
    except BaseException:
        # To close the pipe would tell the program that this was all, and it would finish its file.
        process.kill()
        raise
