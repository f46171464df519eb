"""The basket, which lives in the session, and orders, which are confirmed in the background."""

from __future__ import annotations

from typing import Any

import click
from quart import (
    Blueprint,
    after_this_request,
    copy_current_request_context,
    current_app,
    flash,
    g,
    redirect,
    request,
    session,
    url_for,
)
from quart.cli import with_appcontext

from .account import login_required
from .catalogue import find

blueprint = Blueprint("orders", __name__, url_prefix="/basket", cli_group="orders")


@blueprint.post("/<isbn:isbn>")
async def put(isbn: str) -> Any:
    session["basket"] = [*session.get("basket", []), find(isbn).isbn]
    return redirect(url_for(".show"))


@blueprint.get("/")
def show() -> Any:
    """A plain function, from before the shop was asynchronous."""
    books = [find(isbn) for isbn in session.get("basket", [])]
    return {"titles": [book.title for book in books], "total": sum(book.price for book in books)}


@blueprint.post("/order")
@login_required
async def order() -> Any:
    titles = [find(isbn).title for isbn in session.pop("basket", [])]
    if not titles:
        raise LookupError("an empty basket")

    @after_this_request
    def thank(response: Any) -> Any:
        response.headers["X-Ordered"] = str(len(titles))
        return response

    @copy_current_request_context
    async def confirm() -> None:
        current_app.store.outbox.append(f"{g.get('user', session['user'])}: {', '.join(titles)}")

    current_app.add_background_task(confirm)
    current_app.add_background_task(_count, len(titles), of=request.path)
    return redirect(url_for("catalogue.index"))


async def _count(number: int, *, of: str) -> None:
    current_app.store.outbox.append(f"{number} of {of}")


@blueprint.after_request
async def remember(response: Any) -> Any:
    if response.status_code == 302 and request.path.endswith("/order") and g.user:
        await flash("Thank you.")
    return response


@blueprint.cli.command("count")
@with_appcontext
def count() -> None:
    click.echo(len(current_app.store.outbox))
