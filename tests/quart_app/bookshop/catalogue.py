"""The pages about books: the list, one book, its reviews and its cover."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from io import BytesIO, StringIO
from typing import Any

from quart import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    stream_template,
    stream_with_context,
    url_for,
)
from quart.utils import run_sync

from .account import login_required
from .store import Book

blueprint = Blueprint("catalogue", __name__)
books = Blueprint("books", __name__, url_prefix="/books")
LANGUAGES = {"en": "About us", "de": "Über uns"}


def find(isbn: str) -> Book:
    book = current_app.store.books.get(isbn)
    if book is None:
        abort(404)
    return book


@blueprint.get("/")
async def index() -> str:
    found = await current_app.store.search(request.args.get("q", ""))
    return await render_template("index.html", books=found)


@blueprint.get("/all")
async def everything() -> Any:
    return await stream_template("index.html", books=list(current_app.store.books.values()))


@books.get("/<isbn:isbn>")
async def show(isbn: str) -> Any:
    response = await make_response(await render_template("book.html", book=find(isbn)))
    response.set_cookie("last_seen", isbn, max_age=3600, httponly=True, samesite="Lax")
    await response.add_etag()
    return await response.make_conditional(request)


@books.post("/<isbn:isbn>/reviews")
@login_required
async def review(isbn: str) -> Any:
    form = await request.form
    stars = form.get("stars", type=int)
    if stars is None or not 1 <= stars <= 5:
        abort(400, "One to five stars, please.")
    find(isbn).reviews.append((form["text"], stars))
    return redirect(url_for("catalogue.books.show", isbn=isbn))


@books.route("/<isbn:isbn>/cover", methods=["GET", "PUT"])
async def cover(isbn: str) -> Any:
    book = find(isbn)
    if request.method == "PUT":
        uploaded = (await request.files).get("cover")
        if uploaded is None or not uploaded.filename.endswith(".png"):
            abort(415)
        book.cover = uploaded.read()
        return "", 204
    if book.cover is None:
        abort(404)
    return await send_file(BytesIO(book.cover), mimetype="image/png")


@books.get("/export.csv")
async def export() -> Response:
    g.rows = 0

    @stream_with_context
    async def rows() -> AsyncIterator[str]:
        for book in current_app.store.books.values():
            line = StringIO()
            csv.writer(line).writerow([book.isbn, book.title, request.args.get("currency", "EUR")])
            yield line.getvalue()

    return Response(rows(), mimetype="text/csv", headers={"X-Accel-Buffering": "no"})


@books.get("/statistics")
async def statistics() -> Any:
    def total() -> float:
        return float(sum(book.price for book in current_app.store.books.values()))

    return {"total": await run_sync(total)(), "count": len(current_app.store.books)}


@books.errorhandler(415)
async def not_a_picture(error: Exception) -> Any:
    return "Covers are PNG files.", 415


# The pages in several languages.

pages = Blueprint("pages", __name__, url_prefix="/<language>")


@pages.url_value_preprocessor
def take_language(endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.language = (values or {}).pop("language", None)


@pages.url_defaults
def add_language(endpoint: str, values: dict[str, Any]) -> None:
    values.setdefault("language", g.get("language"))


@pages.get("/about")
async def about() -> Any:
    if g.language not in LANGUAGES:
        abort(404)
    return f"{LANGUAGES[g.language]} {url_for('.about')} {url_for('.about', language='de')}"


blueprint.register_blueprint(books)
blueprint.register_blueprint(pages)
