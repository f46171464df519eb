"""The database on a server: PostgreSQL by asyncpg, with a pool of connections."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from .database import DuplicateError, ForeignKeyError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SCHEMA = """
-- Several processes may start at once; the lock is gone at the end of the transaction.
SELECT pg_advisory_xact_lock(620191);
-- Collated by code point, so that titles have the same order as in SQLite, on every server.
CREATE TABLE IF NOT EXISTS authors (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS books (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text COLLATE "C" NOT NULL,
    author_id integer NOT NULL REFERENCES authors (id),
    year integer NOT NULL,
    shelfmark text NOT NULL UNIQUE,
    version integer NOT NULL DEFAULT 1
);
CREATE INDEX IF NOT EXISTS books_title ON books (title, id);
CREATE INDEX IF NOT EXISTS books_year ON books (year, id);
CREATE INDEX IF NOT EXISTS books_author ON books (author_id);
"""
CONNECTIONS = 10
PATIENCE = 5.0  # seconds, for one statement and for a connection

#: What says that the server is gone, is going, or has no room.
GONE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


class PostgresConnection:
    """A `Connection` of `database`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The rows that *sql* gives; *values* stand for $1, $2 and so on."""
        try:
            rows = await self._connection.fetch(sql, *values)
        except asyncpg.ForeignKeyViolationError as error:
            raise ForeignKeyError(str(error)) from error
        except asyncpg.UniqueViolationError as error:
            raise DuplicateError(str(error)) from error
        return [dict(row) for row in rows]


class PostgresDatabase:
    """A `Database` of `database`: each transaction has a connection of the pool to itself."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresConnection]:
        """Committed at the end of the block, rolled back if an exception leaves it."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                yield PostgresConnection(connection)
        except (TimeoutError, ValueError):
            raise  # have answers of their own, though they are among those below, too
        except GONE as error:
            raise UnavailableError(str(error)) from error


@asynccontextmanager
async def open_postgres(url: str) -> AsyncGenerator[PostgresDatabase]:
    """The database at *url*, with its tables, which are made if they are not there."""
    async with asyncpg.create_pool(
        url, min_size=1, max_size=CONNECTIONS, command_timeout=PATIENCE, timeout=PATIENCE
    ) as pool:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(SCHEMA)
        yield PostgresDatabase(pool)
