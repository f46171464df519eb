"""The readings in SQLite. One connection writes, another one reads, and neither waits for the other.

That is what write-ahead logging (WAL) is for. Each statement runs in the thread of its connection,
so the event loop goes on meanwhile. A device has one reading per millisecond: the second is ignored.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosqlite

from .readings import Reading

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS readings (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    at INTEGER NOT NULL,
    value REAL NOT NULL,
    UNIQUE (device, at)
);
CREATE INDEX IF NOT EXISTS readings_at ON readings (at);
"""
COLUMNS = "device, at, value, id"


class Store:
    """What is kept of the readings. Make it with `open_store`."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._writing = asyncio.Lock()

    async def insert(self, readings: Iterable[Reading]) -> list[Reading]:
        """Keep *readings*, all in one transaction; answers those that are new, with their ids."""
        rows = [reading[:3] for reading in readings]
        async with self._writing, self._transaction():
            (last,) = await self._fetch(self._writer, "SELECT COALESCE(MAX(id), 0) FROM readings")
            await self._writer.executemany(
                "INSERT INTO readings (device, at, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                rows,
            )
            query = f"SELECT {COLUMNS} FROM readings WHERE id > ? ORDER BY id"
            new = await self._fetch(self._writer, query, *last)
        return [Reading(*row) for row in new]

    async def latest(self, device: str | None, since: int, limit: int) -> list[Reading]:
        """The newest readings, of one device or of all, at most *limit*, in the order of time."""
        rows = await self._fetch(
            self._reader,
            f"SELECT {COLUMNS} FROM readings WHERE at >= ? AND device = COALESCE(?, device)"
            " ORDER BY at DESC LIMIT ?",
            *(since, device, limit),
        )
        return [Reading(*row) for row in reversed(rows)]

    async def after(self, id: int, limit: int) -> list[Reading]:
        """The newest readings that came in after the one with *id*, at most *limit*."""
        rows = await self._fetch(
            self._reader,
            f"SELECT {COLUMNS} FROM readings WHERE id > ? ORDER BY id DESC LIMIT ?",
            *(id, limit),
        )
        return [Reading(*row) for row in reversed(rows)]

    async def devices(self) -> list[dict[str, Any]]:
        """Each device with the number of its readings and the last of them."""
        # Beside MAX(), SQLite takes the other columns from the row that has the maximum.
        rows = await self._fetch(
            self._reader,
            "SELECT device, COUNT(*), MAX(at), value FROM readings GROUP BY device ORDER BY device",
        )
        return [
            {"device": device, "count": count, "at": at, "value": value}
            for device, count, at, value in rows
        ]

    async def every(self) -> AsyncIterator[Reading]:
        """All readings in the order in which they came in, without having them all in memory."""
        async with self._reader.execute(f"SELECT {COLUMNS} FROM readings ORDER BY id") as rows:
            async for row in rows:
                yield Reading(*row)

    async def _fetch(self, connection: aiosqlite.Connection, sql: str, *values: Any) -> list[Any]:
        return list(await connection.execute_fetchall(sql, values))

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[None]:
        try:
            await self._writer.execute("BEGIN IMMEDIATE")
            yield
        except BaseException:  # also when the one who waits is cancelled: it has begun all the same
            await self._writer.rollback()
            raise
        await self._writer.commit()


@asynccontextmanager
async def open_store(path: str) -> AsyncGenerator[Store]:
    """The store in the file at *path*, which is made if it is not there."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    async with (
        aiosqlite.connect(path, isolation_level=None) as writer,
        aiosqlite.connect(path, isolation_level=None) as reader,
    ):
        await writer.executescript(SCHEMA)
        yield Store(writer, reader)
