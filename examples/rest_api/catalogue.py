"""The catalogue: every query, over whichever database there is."""

from __future__ import annotations

from typing import Any, TypeVar

from .cursors import Cursor
from .database import Connection
from .models import Author, AuthorIn, Book, BookIn, BookQuery

M = TypeVar("M", Author, Book)

BOOK = "id, title, author_id, year, shelfmark, version"
#: Authors that one answer has at most.
MOST_AUTHORS = 1000
#: What a new database begins with.
SAMPLE = [
    ("Frankenstein", "Mary Shelley", 1818, "FIC-101"),
    ("The Last Man", "Mary Shelley", 1826, "FIC-102"),
    ("The Time Machine", "H. G. Wells", 1895, "FIC-201"),
    ("The Invisible Man", "H. G. Wells", 1897, "FIC-202"),
    ("The War of the Worlds", "H. G. Wells", 1898, "FIC-203"),
    ("Journey to the Centre of the Earth", "Jules Verne", 1864, "FIC-301"),
    ("Around the World in Eighty Days", "Jules Verne", 1872, "FIC-302"),
    ("On the Origin of Species", "Charles Darwin", 1859, "SCI-1"),
]


class Catalogue:
    """Books and their authors, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def authors(self) -> list[Author]:
        """Authors by name, the first `MOST_AUTHORS` of them."""
        sql = f"SELECT id, name FROM authors ORDER BY name LIMIT {MOST_AUTHORS}"
        return [Author(**row) for row in await self._connection.fetch(sql)]

    async def author(self, id: int) -> Author | None:
        """One author, or None."""
        return await self._one(Author, "SELECT id, name FROM authors WHERE id = $1", id)

    async def add_author(self, new: AuthorIn) -> Author:
        """Raises `DuplicateError` if the name is taken."""
        sql = "INSERT INTO authors (name) VALUES ($1) RETURNING id, name"
        [row] = await self._connection.fetch(sql, new.name)
        return Author(**row)

    async def delete_author(self, id: int) -> bool:
        """Whether there was one. Raises `ForeignKeyError` if the author has books."""
        return bool(
            await self._connection.fetch("DELETE FROM authors WHERE id = $1 RETURNING id", id)
        )

    async def books(self, query: BookQuery, after: Cursor | None) -> list[Book]:
        """The books that *query* asks for, behind *after*; one more than its limit, if there is."""
        sql, values = _select(query, after)
        return [Book(**row) for row in await self._connection.fetch(sql, *values)]

    async def book(self, id: int) -> Book | None:
        """One book, or None."""
        return await self._one(Book, f"SELECT {BOOK} FROM books WHERE id = $1", id)

    async def add_book(self, new: BookIn) -> Book:
        """Raises `DuplicateError` for the shelfmark, `ForeignKeyError` for the author."""
        sql = (
            "INSERT INTO books (title, author_id, year, shelfmark) VALUES ($1, $2, $3, $4)"
            f" RETURNING {BOOK}"
        )
        [row] = await self._connection.fetch(sql, new.title, new.author_id, new.year, new.shelfmark)
        return Book(**row)

    async def replace_book(self, old: Book, new: BookIn) -> Book | None:
        """The book as it is now; None if somebody else has changed it since it was read."""
        sql = (
            "UPDATE books SET title = $1, author_id = $2, year = $3, shelfmark = $4,"
            f" version = version + 1 WHERE id = $5 AND version = $6 RETURNING {BOOK}"
        )
        values = (new.title, new.author_id, new.year, new.shelfmark, old.id, old.version)
        return await self._one(Book, sql, *values)

    async def delete_book(self, old: Book) -> bool:
        """False if somebody else has changed it since it was read."""
        sql = "DELETE FROM books WHERE id = $1 AND version = $2 RETURNING id"
        return bool(await self._connection.fetch(sql, old.id, old.version))

    async def add_sample(self) -> None:
        """Fill an empty catalogue. Two processes may do so at once."""
        if await self._connection.fetch("SELECT id FROM authors LIMIT 1"):
            return
        for name in dict.fromkeys(name for _, name, _, _ in SAMPLE):
            sql = "INSERT INTO authors (name) VALUES ($1) ON CONFLICT DO NOTHING"
            await self._connection.fetch(sql, name)
        for title, name, year, shelfmark in SAMPLE:
            await self._connection.fetch(
                "INSERT INTO books (title, author_id, year, shelfmark)"
                " SELECT $1, id, $2, $3 FROM authors WHERE name = $4 ON CONFLICT DO NOTHING",
                *(title, year, shelfmark, name),
            )

    async def _one(self, model: type[M], sql: str, *values: Any) -> M | None:
        rows = await self._connection.fetch(sql, *values)
        return model(**rows[0]) if rows else None


def _select(query: BookQuery, after: Cursor | None) -> tuple[str, list[Any]]:
    """The statement for *query* and its values. No text of the client's gets into the statement."""
    conditions: list[str] = []
    values: list[Any] = []

    def where(condition: str, *given: Any) -> None:
        places = [f"${len(values) + number}" for number in range(1, len(given) + 1)]
        conditions.append(condition.format(*places))
        values.extend(given)

    column = query.sort.removeprefix("-")
    descending = query.sort.startswith("-")
    if query.author_id is not None:
        where("author_id = {}", query.author_id)
    if query.q is not None:
        where("LOWER(title) LIKE LOWER({}) ESCAPE '!'", _pattern(query.q))
    if query.year_from is not None:
        where("year >= {}", query.year_from)
    if query.year_to is not None:
        where("year <= {}", query.year_to)
    if after is not None:
        where(f"({column}, id) {'<' if descending else '>'} ({{}}, {{}})", after.value, after.id)
    way = "DESC" if descending else "ASC"
    chosen = " AND ".join(conditions) or "TRUE"
    order = f"{column} {way}, id {way} LIMIT {query.limit + 1}"
    return f"SELECT {BOOK} FROM books WHERE {chosen} ORDER BY {order}", values


def _pattern(text: str) -> str:
    """Contains *text*, whatever signs are in it that mean something to LIKE."""
    for sign in "!%_":
        text = text.replace(sign, f"!{sign}")
    return f"%{text}%"
