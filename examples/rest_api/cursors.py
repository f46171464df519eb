"""Where a page of books ends, as a text that fits into a URL.

A cursor holds what the last book of the page is sorted by, and its id. The next page begins behind
that place, however many books came and went in the meantime: with a page number, a book that is
deleted on page one moves another from page three to page two, and nobody sees it.
"""

from __future__ import annotations

import base64
import binascii

from pydantic import ValidationError

from .models import Book, Model, Number, Sort, Text, Year


class Cursor(Model):
    """The place of a book in an order."""

    sort: Sort
    title: Text
    year: Year
    id: Number

    @property
    def value(self) -> str | int:
        """What the book is sorted by."""
        return self.title if self.sort in {"title", "-title"} else self.year


def cursor_of(book: Book, sort: Sort) -> str:
    """The cursor behind *book*."""
    cursor = Cursor(sort=sort, title=book.title, year=book.year, id=book.id)
    return base64.urlsafe_b64encode(cursor.model_dump_json().encode()).decode().rstrip("=")


def read_cursor(text: str, sort: Sort) -> Cursor:
    """The cursor that *text* stands for; a `ValueError` if it is none for this order."""
    try:
        padded = text.encode() + b"=" * (-len(text) % 4)
        cursor = Cursor.model_validate_json(base64.urlsafe_b64decode(padded))
    except (ValidationError, UnicodeEncodeError, binascii.Error):
        raise ValueError("This is no cursor. Take it from the link to the next page.") from None
    if cursor.sort != sort:
        raise ValueError(f"This cursor is for sort={cursor.sort}, not for sort={sort}.")
    return cursor
