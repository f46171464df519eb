"""What the shop offers on the command line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click
from quart import current_app
from quart.cli import with_appcontext

if TYPE_CHECKING:
    from . import Shop


@click.group("books")
def books() -> None:
    """Look after the books."""


@books.command("list")
@click.option("--cheap", is_flag=True)
@with_appcontext
def list_books(cheap: bool) -> None:
    for book in current_app.store.books.values():
        if not cheap or book.price < 10:
            click.echo(f"{book.isbn} {book.title}")


def register(app: Shop) -> None:
    app.cli.add_command(books)

    @app.cli.command("seed")
    def seed() -> None:
        click.echo(f"{app.store.seed()} books")

    @app.cli.command("find")
    @click.argument("text")
    def find(text: str) -> Any:
        for book in asyncio.run(app.store.search(text)):
            click.echo(book.title)
