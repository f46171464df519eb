"""The example pipeline on real servers: much data through little memory, and no process left over."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import time
import urllib.request
import zlib
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from processes import POTTLE, served

ROOT = Path(__file__).parents[1]
MIB = 1024**2
PATIENCE = 20
BROKEN = (asyncio.IncompleteReadError, ConnectionError)


@pytest.fixture
def pipeline():
    """The pipeline in a process of its own."""
    command = (*POTTLE, "--app", "examples/pipeline/app.py", "serve", "--port", "0")
    with served(*command, cwd=ROOT, env={"PIPELINE_SHUTDOWN_TIMEOUT": "1"}) as process:
        yield process.ready()


class Exchange:
    """A request that is sent while its answer is read, by hand: few clients can."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.report = ""

    async def head(self):
        """The status of the answer; its link to the report is kept."""
        status = await self.reader.readline()
        while (line := await self.reader.readline()) != b"\r\n":
            if line.startswith(b"link:"):
                self.report = line.decode().partition("<")[2].partition(">")[0]
        return int(status.split()[1])

    async def pieces(self):
        """The body of the answer, which comes in chunks."""
        while size := int(await self.reader.readuntil(b"\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]


@asynccontextmanager
async def exchange(process, path, size):
    """A request for *path* with a body of *size* bytes, which are yet to be sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
    writer.write(head.encode())
    try:
        yield Exchange(reader, writer)
    finally:
        writer.transport.abort()


async def report(process, path):
    def get():
        with urllib.request.urlopen(process.url + path, timeout=PATIENCE) as response:
            return json.load(response)

    return await asyncio.to_thread(get)


def memory(process):
    """The most memory that the process ever had, in bytes."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def children(process):
    pid = process.process.pid
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def happens(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
async def test_much_goes_through_little_memory(pipeline):
    block = hashlib.shake_128(b"noise").digest(MIB // 2) + bytes(MIB // 2)  # half of it compresses
    count = 256
    async with exchange(pipeline, "/pipe/gzip", len(block)) as warm:  # imports, threads, buffers
        warm.writer.write(block)
        assert await warm.head() == 200
        async for _ in warm.pieces():
            pass
    before, began = memory(pipeline), time.monotonic()

    sent, found, overlap = 0, hashlib.sha256(), 0
    unpacker, unpacked, size = zlib.decompressobj(wbits=31), hashlib.sha256(), 0
    async with exchange(pipeline, "/pipe/gzip", len(block) * count) as client:

        async def send():
            nonlocal sent
            for _ in range(count):
                client.writer.write(block)
                await client.writer.drain()
                sent += len(block)

        sending = asyncio.create_task(send())
        assert await client.head() == 200
        async for piece in client.pieces():
            found.update(piece)
            content = unpacker.decompress(piece)
            unpacked.update(content)
            size += len(content)
            overlap = size if sent < len(block) * count else overlap
        await sending
    took, grown = time.monotonic() - began, memory(pipeline) - before

    print(f"\n{size // MIB} MiB in {took:.1f} s, {grown / MIB:.1f} MiB of memory")
    assert size == len(block) * count
    assert unpacked.digest() == hashlib.sha256(block * count).digest()
    assert overlap > size / 2, "most of the answer came before the end of the request"
    assert grown < 48 * MIB
    answer = await report(pipeline, client.report)
    assert (answer["state"], answer["sha256"]) == ("done", found.hexdigest())
    assert pipeline.stop() == 0


def wav(size):
    """The head of a WAV file with so many bytes of sound."""
    fmt = (1, 1, 44100, 88200)
    numbers = b"".join(
        number.to_bytes(width, "little") for number, width in zip(fmt, (2, 2, 4, 4), strict=True)
    )
    return (
        b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
        + numbers + (2).to_bytes(2, "little") + (16).to_bytes(2, "little")
        + b"data" + size.to_bytes(4, "little")
    )  # fmt: skip


async def begun(client, size):
    """Send the first part of a sound, until the first part of its FLAC file has come back."""
    client.writer.write(wav(size) + bytes(range(256)) * 8000)
    assert await client.head() == 200
    assert (await anext(client.pieces())).startswith(b"fLaC")


async def breaks_off(client):
    """Read on; the connection ends, and the last chunk, which is empty, does not come."""
    with pytest.raises(BROKEN):
        async for _ in client.pieces():
            pass


async def test_program_is_killed_when_the_client_leaves(pipeline):
    size = 100 * MIB
    async with exchange(pipeline, "/pipe/flac", 44 + size) as client:
        await begun(client, size)
        assert len(children(pipeline)) == 1
    await happens(lambda: not children(pipeline))
    answer = await report(pipeline, client.report)
    assert answer["state"] == "given up"
    assert answer["sha256"] is None
    assert pipeline.stop() == 0
    assert "Traceback" not in pipeline.text


async def test_program_ends_with_the_server(pipeline):
    size = 100 * MIB
    async with exchange(pipeline, "/pipe/flac", 44 + size) as client:
        await begun(client, size)
        (child,) = children(pipeline)
        assert await asyncio.to_thread(pipeline.stop) == 0
        assert not Path(f"/proc/{child}").exists()
        await breaks_off(client)


async def test_failing_program_ends_the_connection(pipeline):
    """What came until then is not taken for the whole."""
    size = 10 * MIB
    async with exchange(pipeline, "/pipe/flac", 44 + size) as client:
        await begun(client, size)
        (child,) = children(pipeline)
        os.kill(int(child), signal.SIGKILL)
        await breaks_off(client)
    assert (await report(pipeline, client.report))["state"] == "failed"
    assert pipeline.stop() == 0


async def test_http_clients_that_send_first_use_the_form(pipeline):

    table = b"number\n" + b"1234567\n" * 300_000
    async with httpx.AsyncClient(base_url=pipeline.url, timeout=PATIENCE) as client:
        response = await client.post("/form", data={"stages": "jsonl"}, files={"file": table})
    assert response.status_code == 200
    assert response.content == b'{"number": "1234567"}\n' * 300_000
    assert pipeline.stop() == 0
