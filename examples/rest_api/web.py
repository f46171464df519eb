"""What the views share: a transaction, and the conditions that come with a request."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from pottle import abort, current_app, request

from .catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .database import Database
    from .models import Book


@asynccontextmanager
async def open_catalogue() -> AsyncGenerator[Catalogue]:
    """The catalogue, in one transaction: an error that leaves the block rolls it back.

    Waiting for a connection counts, too: a busy API answers late or with 503, but it does answer.
    """
    database = cast("Database", current_app.extensions["database"])
    async with asyncio.timeout(current_app.config["TIMEOUT"]):
        async with database.transaction() as connection:
            yield Catalogue(connection)


async def only_json() -> None:
    """A hook: a body that comes has to be JSON. spectree would take anything else for an empty one."""
    if request.method in {"POST", "PUT", "PATCH"}:
        if request.mimetype != "application/json":
            abort(415, "Send JSON, and say so: Content-Type: application/json.")
        if not isinstance(await request.get_json(silent=True), dict):
            abort(400, "The body has to be a JSON object.")


def etag_of(book: Book) -> str:
    """The version of a book, as it stands in headers."""
    return f'"{book.version}"'


def check_version(book: Book) -> None:
    """Go on only if the client has seen *book* as it is: 428 without If-Match, 412 if it has not."""
    if not request.if_match:
        abort(428, "Say which version you have seen: If-Match, with the ETag of the book.")
    if not (request.if_match.star_tag or request.if_match.is_strong(str(book.version))):
        abort(412, "The book has changed since you read it. Read it again.")
