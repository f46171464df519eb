"""The database in a file: SQLite, in a thread of its own, one transaction after the other."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosqlite

from .database import DuplicateError, ForeignKeyError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA foreign_keys = ON;
CREATE TABLE IF NOT EXISTS authors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS books (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    author_id INTEGER NOT NULL REFERENCES authors (id),
    year INTEGER NOT NULL,
    shelfmark TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX IF NOT EXISTS books_title ON books (title, id);
CREATE INDEX IF NOT EXISTS books_year ON books (year, id);
CREATE INDEX IF NOT EXISTS books_author ON books (author_id);
"""
PATIENCE = 2.0  # seconds that another process may hold the file


class SqliteConnection:
    """A `Connection` of `database`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The rows that *sql* gives; *values* stand for $1, $2 and so on."""
        numbered = re.sub(r"\$(\d+)", r"?\1", sql)  # SQLite's own spelling
        try:
            rows = await self._connection.execute_fetchall(numbered, values)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
                raise ForeignKeyError(str(error)) from error
            raise DuplicateError(str(error)) from error
        return [dict(row) for row in rows]


class SqliteDatabase:
    """A `Database` of `database`: one connection, which one transaction has at a time."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[SqliteConnection]:
        """Committed at the end of the block, rolled back if an exception leaves it."""
        async with self._turn:
            try:
                # At once, since one that only reads at first may find it too late to write.
                await self._begin()
                yield SqliteConnection(self._connection)
            except BaseException:  # also when the one who waits is cancelled: it has begun anyway
                await self._connection.rollback()
                raise
            await self._connection.commit()

    async def _begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:  # another process has it for too long
            raise UnavailableError(str(error)) from error


@asynccontextmanager
async def open_sqlite(path: str) -> AsyncGenerator[SqliteDatabase]:
    """The database in the file at *path*, which is made if it is not there."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    async with aiosqlite.connect(path, isolation_level=None, timeout=PATIENCE) as connection:
        connection.row_factory = sqlite3.Row
        await connection.executescript(SCHEMA)
        yield SqliteDatabase(connection)
