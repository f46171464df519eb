"""What the catalogue wants from a database: a transaction, and rows from it.

PostgreSQL and SQLite understand the same SQL nearly everywhere. Where they differ, the tables above
all, and how they report errors, each has a module of its own; the queries are written once.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Connection(Protocol):
    """One transaction, as long as it lasts."""

    async def fetch(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The rows that *sql* gives; *values* stand for $1, $2 and so on."""
        ...


class Database(Protocol):
    """Where transactions come from."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """Committed at the end of the block, rolled back if an exception leaves it."""
        ...


class DuplicateError(Exception):
    """Something that has to be unique is there already."""


class ForeignKeyError(Exception):
    """A row refers to another one that is not there, or is referred to and cannot go."""


class UnavailableError(Exception):
    """The database cannot be reached, or is too busy."""


def open_database(url: str) -> AbstractAsyncContextManager[Database]:
    """The database at *url*, open within the block: ``postgresql://...`` or ``sqlite:PATH``."""
    kind, _, rest = url.partition(":")
    if kind in {"postgresql", "postgres"}:
        from .postgres import open_postgres  # so that asyncpg is loaded only where it is used

        return open_postgres(url)
    if kind == "sqlite" and rest:
        from .sqlite import open_sqlite

        return open_sqlite(rest)
    raise ValueError(
        f"REST_API_DATABASE begins with {kind!r}, which is no database known here. Use"
        " postgresql://user:password@host/database, or sqlite:path/to/file.sqlite3."
    )
