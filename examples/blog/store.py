"""Users and posts in SQLite. Each statement runs in the thread of the connection, not on the event loop."""

from __future__ import annotations

import sqlite3
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import aiosqlite

from pottle import current_app

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SCHEMA = Path(__file__).with_name("schema.sql")
#: No password has such a hash, so nobody can log in as the author of the first posts.
NO_PASSWORD = "!"
SAMPLE = [
    ("Hello", "This is the first post of this blog.\n\nRegister to write the next one."),
    ("What an await is for", "While one visitor waits for the database, others are served."),
    (
        "Pictures",
        "A post can have a picture. It is made smaller, and what a camera wrote into it goes.",
    ),
]
COLUMNS = (
    "posts.id, author_id, name AS author, title, body, image, created, updated"
    " FROM posts JOIN users ON users.id = author_id"
)


class User(NamedTuple):
    id: int
    name: str
    password_hash: str


class Post(NamedTuple):
    id: int
    author_id: int
    author: str
    title: str
    body: str
    image: str | None
    created: int  # seconds since 1970
    updated: int


class NameTakenError(Exception):
    """Somebody else has this name."""


class Store:
    """What the blog keeps. Make it with `open_store`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def add_user(self, name: str, password_hash: str) -> int:
        """A new user; its id. Raises `NameTakenError`."""
        sql = "INSERT INTO users (name, password_hash) VALUES (?, ?) RETURNING id"
        try:
            [[id]] = await self._rows(sql, name, password_hash)
        except sqlite3.IntegrityError:
            raise NameTakenError(name) from None
        return int(id)

    async def user(self, id: int) -> User | None:
        """The user with this id."""
        rows = await self._rows("SELECT id, name, password_hash FROM users WHERE id = ?", id)
        return User(*rows[0]) if rows else None

    async def user_called(self, name: str) -> User | None:
        """The user of this name, however it is capitalised."""
        rows = await self._rows("SELECT id, name, password_hash FROM users WHERE name = ?", name)
        return User(*rows[0]) if rows else None

    async def posts(self, limit: int, offset: int = 0) -> list[Post]:
        """Posts, the newest first."""
        sql = f"SELECT {COLUMNS} ORDER BY created DESC, posts.id DESC LIMIT ? OFFSET ?"
        return [Post(*row) for row in await self._rows(sql, limit, offset)]

    async def count_posts(self) -> int:
        """How many posts there are."""
        [[count]] = await self._rows("SELECT COUNT(*) FROM posts")
        return int(count)

    async def post(self, id: int) -> Post | None:
        """One post."""
        rows = await self._rows(f"SELECT {COLUMNS} WHERE posts.id = ?", id)
        return Post(*rows[0]) if rows else None

    async def add_post(self, author_id: int, title: str, body: str, image: str | None) -> int:
        """A new post; its id."""
        now = int(time.time())
        sql = (
            "INSERT INTO posts (author_id, title, body, image, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
        )
        [[id]] = await self._rows(sql, author_id, title, body, image, now, now)
        return int(id)

    async def change_post(self, id: int, title: str, body: str, image: str | None) -> None:
        """Put other content into a post."""
        sql = "UPDATE posts SET title = ?, body = ?, image = ?, updated = ? WHERE id = ?"
        await self._rows(sql, title, body, image, int(time.time()), id)

    async def delete_post(self, id: int) -> None:
        """Take a post away."""
        await self._rows("DELETE FROM posts WHERE id = ?", id)

    async def _rows(self, sql: str, *values: Any) -> list[Any]:
        return list(await self._connection.execute_fetchall(sql, values))


def store() -> Store:
    """The store of the current application; see `app.create_app`."""
    return cast("Store", current_app.extensions["store"])


@asynccontextmanager
async def open_store(path: str) -> AsyncGenerator[Store]:
    """The store in the file at *path*. A file that is not there is made, with some posts in it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.executescript(SCHEMA.read_text())
        await _fill(connection)
        yield Store(connection)


async def _fill(connection: aiosqlite.Connection) -> None:
    """Put the first posts in, unless there are users already. Several processes may start at once."""
    await connection.execute("BEGIN IMMEDIATE")
    try:
        if not list(await connection.execute_fetchall("SELECT id FROM users LIMIT 1")):
            store = Store(connection)
            author = await store.add_user("ada", NO_PASSWORD)
            for title, body in SAMPLE:
                await store.add_post(author, title, body, None)
    except BaseException:
        await connection.rollback()
        raise
    await connection.commit()
