"""The JSON API, below /api/v1: books for everybody who has the token."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from quart import Blueprint, current_app, jsonify, request, url_for
from werkzeug.exceptions import HTTPException

from .store import Book

blueprint = Blueprint("api", __name__, url_prefix="/api")
v1 = Blueprint("v1", __name__, url_prefix="/v1")


class Invalid(Exception):
    def __init__(self, **problems: str) -> None:
        self.problems = problems


@blueprint.before_request
async def check_token() -> Any:
    authorization = request.authorization
    if authorization is None or authorization.token != current_app.config["API_TOKEN"]:
        return {"error": "unauthorized"}, 401, {"WWW-Authenticate": "Bearer"}
    return None


@blueprint.after_request
async def do_not_store(response: Any) -> Any:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.errorhandler(HTTPException)
async def http_error(error: HTTPException) -> Any:
    return jsonify(error=error.name), error.code


@blueprint.errorhandler(Invalid)
async def invalid(error: Invalid) -> Any:
    return {"problems": error.problems}, 422


@v1.get("/books")
async def books() -> Any:
    return [book.as_dict() for book in current_app.store.books.values()]


@v1.post("/books")
async def add() -> Any:
    data = await request.get_json()
    problems = {name: "missing" for name in ("isbn", "title", "price") if name not in data}
    if problems:
        raise Invalid(**problems)
    try:
        price = Decimal(data["price"])
    except InvalidOperation:
        raise Invalid(price="not a number") from None
    book = current_app.store.books[data["isbn"]] = Book(data["isbn"], data["title"], price)
    return book.as_dict(), 201, {"Location": url_for(".one", isbn=book.isbn)}


@v1.get("/books/<isbn:isbn>")
async def one(isbn: str) -> Any:
    return current_app.store.books[isbn].as_dict()


@v1.delete("/books/<isbn:isbn>")
async def remove(isbn: str) -> Any:
    del current_app.store.books[isbn]
    return "", 204


@v1.errorhandler(KeyError)
async def no_such_book(error: KeyError) -> Any:
    return {"error": "no such book"}, 404


blueprint.register_blueprint(v1)
