"""Files in threads: `pottle.files.open_file`."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from pottle.files import AsyncFile, Opening, open_file


async def test_await_gives_an_open_file(tmp_path):
    path = tmp_path / "a.txt"
    file = await open_file(path, "w")
    assert await file.write("grün\n") == 5
    await file.flush()
    assert not file.closed
    await file.close()
    await file.close()
    assert file.closed
    assert path.read_bytes() == "grün\n".encode()


async def test_entering_opens_and_leaving_closes(tmp_path):
    path = tmp_path / "a.txt"
    async with open_file(path, "w") as file:
        await file.writelines(["one\n", "two\n", "three"])
        assert file.name == str(path) or file.name == path
        assert file.mode == "w"
    assert file.closed
    async with open_file(str(path)) as file:
        assert await file.readline() == "one\n"
        assert await file.read(2) == "tw"
        assert await file.readlines() == ["o\n", "three"]
        assert await file.read() == ""


async def test_what_was_awaited_can_be_entered(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")

    async def opening() -> Opening[bytes]:
        return open_file(path, "rb")

    async with await open_file(path, "rb") as file:
        assert isinstance(file, AsyncFile)
        assert await file.seek(-3, os.SEEK_END) == 7
        assert await file.tell() == 7
        assert await file.read() == b"789"
    assert file.closed
    async with await opening() as file:
        assert await file.read() == b"0123456789"
    assert file.closed


async def test_lines_can_be_iterated_and_reading_goes_on_where_iteration_stopped(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a\nb\nc\n")
    async with open_file(path) as file:
        lines = []
        async for line in file:
            lines.append(line)
            if line == "b\n":
                break
        assert lines == ["a\n", "b\n"]
        assert await file.read() == "c\n"
        assert [line async for line in file] == []


async def test_truncate(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    async with open_file(path, "r+b") as file:
        assert await file.truncate(4) == 4
    assert path.read_bytes() == b"0123"


async def test_an_encoding_can_be_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("ü".encode("latin-1"))
    async with open_file(path, "r", "latin-1") as file:
        assert await file.read() == "ü"
        assert "a.txt" in repr(file)


async def test_errors_are_those_of_open(tmp_path):
    with pytest.raises(FileNotFoundError):
        await open_file(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        async with open_file(tmp_path):
            pass
    with pytest.raises(ValueError, match="mode"):
        await open_file(tmp_path / "a", "nonsense")


async def test_leaving_what_was_never_entered_is_no_harm(tmp_path):
    await open_file(tmp_path / "a").__aexit__(None, None, None)


async def test_a_file_opened_for_a_cancelled_task_is_closed(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    opened = []
    begun, go_on = threading.Event(), threading.Event()

    def slow_open():
        begun.set()
        assert go_on.wait(10)
        opened.append(path.open())
        return opened[0]

    async def work():
        await Opening(slow_open)

    task = asyncio.create_task(work())
    while not begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert opened[0].closed


async def test_nothing_blocks_the_loop(tmp_path):
    """A FIFO opens only once the other end does, which the loop has to be free to do."""
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def write():
        async with open_file(path, "wb") as file:
            await file.write(b"through")

    async def read():
        async with open_file(path, "rb") as file:
            return await file.read()

    got, _ = await asyncio.gather(read(), write())
    assert got == b"through"
