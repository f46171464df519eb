"""What a database would be: books, users, orders; all of it in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Book:
    isbn: str
    title: str
    price: Decimal
    reviews: list[tuple[str, int]] = field(default_factory=list)
    cover: bytes | None = None

    def as_dict(self) -> dict[str, object]:
        return {"isbn": self.isbn, "title": self.title, "price": self.price}


class Store:
    def __init__(self) -> None:
        self.books: dict[str, Book] = {}
        self.users: dict[str | None, str] = {}
        self.passwords: dict[str, str] = {}
        self.outbox: list[str] = []
        self.log: list[str] = []

    async def open(self) -> None:
        await asyncio.sleep(0)
        self.log.append("open")
        if not self.books:
            self.seed()

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.log.append("close")

    def seed(self) -> int:
        for isbn, title, price in (
            ("9780141439518", "Pride and Prejudice", "7.99"),
            ("9780140449136", "Crime and Punishment", "12.50"),
            ("9780486280615", "Adventures of Huckleberry Finn", "5.00"),
        ):
            self.books[isbn] = Book(isbn, title, Decimal(price))
        return len(self.books)

    async def search(self, text: str) -> list[Book]:
        await asyncio.sleep(0)
        return [book for book in self.books.values() if text.lower() in book.title.lower()]
