"""Books: a page of them, one, a new one, a changed one, and one less."""

from __future__ import annotations

from typing import Any

from pottle import Blueprint, abort, url_for

from .catalogue import Catalogue
from .cursors import cursor_of, read_cursor
from .database import DuplicateError, ForeignKeyError
from .models import LARGEST, Book, BookIn, BookPatch, BookQuery, Books
from .openapi import describe
from .problems import ProblemError, wrong_field
from .web import check_version, etag_of, only_json, open_catalogue

books = Blueprint("books", __name__, url_prefix="/books")
books.before_request(only_json)

ONE = f"/<int(min=1, max={LARGEST}):id>"
Answer = tuple[Any, int, dict[str, str]]


@books.get("")
@describe({200: Books}, tag="books", query=BookQuery)
async def list_books(query: BookQuery) -> Answer:
    """A page of books. The header `Link` leads to the next one."""
    try:
        after = read_cursor(query.after, query.sort) if query.after is not None else None
    except ValueError as error:
        raise wrong_field("after", str(error)) from None
    async with open_catalogue() as catalogue:
        found = await catalogue.books(query, after)
    page = found[: query.limit]
    headers: dict[str, str] = {}
    if len(found) > len(page):
        arguments = query.model_dump(exclude_unset=True)
        arguments["after"] = cursor_of(page[-1], query.sort)
        headers["Link"] = f'<{url_for(".list_books", **arguments)}>; rel="next"'
    return Books(items=page), 200, headers


@books.get(ONE)
@describe({200: Book}, 404, tag="books")
async def get_book(id: int) -> Answer:
    """One book. Its ETag is needed to change it."""
    async with open_catalogue() as catalogue:
        book = await _book(catalogue, id)
    return book, 200, {"ETag": etag_of(book)}


@books.post("")
@describe({201: Book}, 400, 409, 415, tag="books", json=BookIn)
async def add_book(json: BookIn) -> Answer:
    """Add a book."""
    async with open_catalogue() as catalogue:
        try:
            book = await catalogue.add_book(json)
        except (DuplicateError, ForeignKeyError) as error:
            raise _refused(error) from None
    location = url_for(".get_book", id=book.id)
    return book, 201, {"ETag": etag_of(book), "Location": location}


@books.put(ONE)
@describe({200: Book}, 400, 404, 409, 412, 415, 428, tag="books", json=BookIn)
async def replace_book(id: int, json: BookIn) -> Answer:
    """Replace a book."""
    async with open_catalogue() as catalogue:
        old = await _book(catalogue, id)
        return await _replace(catalogue, old, json)


@books.patch(ONE)
@describe({200: Book}, 400, 404, 409, 412, 415, 428, tag="books", json=BookPatch)
async def change_book(id: int, json: BookPatch) -> Answer:
    """Change some fields of a book."""
    async with open_catalogue() as catalogue:
        old = await _book(catalogue, id)
        before = old.model_dump(include=set(BookIn.model_fields))
        new = BookIn.model_validate(before | json.model_dump(exclude_unset=True))
        return await _replace(catalogue, old, new)


@books.delete(ONE)
@describe({204: None}, 404, 412, 428, tag="books")
async def delete_book(id: int) -> tuple[str, int]:
    """Delete a book."""
    async with open_catalogue() as catalogue:
        old = await _book(catalogue, id)
        check_version(old)
        if not await catalogue.delete_book(old):
            abort(412, "The book has changed since you read it. Read it again.")
    return "", 204


async def _book(catalogue: Catalogue, id: int) -> Book:
    return await catalogue.book(id) or abort(404, "There is no such book.")


async def _replace(catalogue: Catalogue, old: Book, new: BookIn) -> Answer:
    check_version(old)
    try:
        book = await catalogue.replace_book(old, new)
    except (DuplicateError, ForeignKeyError) as error:
        raise _refused(error) from None
    if book is None:  # changed by another request since `_book` has read it
        abort(412, "The book has changed since you read it. Read it again.")
    return book, 200, {"ETag": etag_of(book)}


def _refused(error: Exception) -> ProblemError:
    if isinstance(error, DuplicateError):
        return ProblemError(409, "Another book has this shelfmark.")
    return wrong_field("author_id", "There is no such author.")
