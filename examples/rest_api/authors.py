"""Authors: all of them, one, a new one, and one less."""

from __future__ import annotations

from typing import Any

from pottle import Blueprint, abort, url_for

from .database import DuplicateError, ForeignKeyError
from .models import LARGEST, Author, AuthorIn, Authors
from .openapi import describe
from .problems import ProblemError
from .web import only_json, open_catalogue

authors = Blueprint("authors", __name__, url_prefix="/authors")
authors.before_request(only_json)

ONE = f"/<int(min=1, max={LARGEST}):id>"
Answer = tuple[Any, int, dict[str, str]]


@authors.get("")
@describe({200: Authors}, tag="authors")
async def list_authors() -> Authors:
    """All authors, by name."""
    async with open_catalogue() as catalogue:
        return Authors(items=await catalogue.authors())


@authors.get(ONE)
@describe({200: Author}, 404, tag="authors")
async def get_author(id: int) -> Author:
    """One author."""
    async with open_catalogue() as catalogue:
        return await catalogue.author(id) or abort(404, "There is no such author.")


@authors.post("")
@describe({201: Author}, 400, 409, 415, tag="authors", json=AuthorIn)
async def add_author(json: AuthorIn) -> Answer:
    """Add an author."""
    async with open_catalogue() as catalogue:
        try:
            author = await catalogue.add_author(json)
        except DuplicateError:
            raise ProblemError(409, "There is an author of this name already.") from None
    return author, 201, {"Location": url_for(".get_author", id=author.id)}


@authors.delete(ONE)
@describe({204: None}, 404, 409, tag="authors")
async def delete_author(id: int) -> tuple[str, int]:
    """Delete an author who has no books."""
    async with open_catalogue() as catalogue:
        try:
            if not await catalogue.delete_author(id):
                abort(404, "There is no such author.")
        except ForeignKeyError:
            raise ProblemError(409, "The author has books. Delete these first.") from None
    return "", 204
