from __future__ import annotations

from typing import Any

import pytest

BOOK = {"isbn": "9780451524935", "title": "1984", "price": "8.50"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_a_token_is_needed(client: Any, headers: dict[str, str]) -> None:
    response = await client.get("/api/v1/books", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert await response.get_json() == {"error": "unauthorized"}


async def test_the_list(client: Any, token: dict[str, str]) -> None:
    response = await client.get("/api/v1/books", headers=token)
    assert response.headers["Cache-Control"] == "no-store"
    books = await response.get_json()
    assert len(books) == 3
    assert books[0] == {"isbn": "9780141439518", "price": "7.99", "title": "Pride and Prejudice"}


async def test_json_is_sorted_and_ends_with_a_newline(client: Any, token: dict[str, str]) -> None:
    response = await client.get("/api/v1/books/9780486280615", headers=token)
    assert response.content_type == "application/json"
    assert await response.get_data() == (
        b'{"isbn":"9780486280615","price":"5.00","title":"Adventures of Huckleberry Finn"}\n'
    )


async def test_adding_and_removing(client: Any, token: dict[str, str]) -> None:
    response = await client.post("/api/v1/books", json=BOOK, headers=token)
    assert response.status_code == 201
    assert response.location == "/api/v1/books/978-0451524935"
    assert await (await client.get(response.location, headers=token)).get_json() == BOOK
    response = await client.delete("/api/v1/books/9780451524935", headers=token)
    assert (response.status_code, await response.get_data()) == (204, b"")
    response = await client.get("/api/v1/books/9780451524935", headers=token)
    assert response.status_code == 404
    assert await response.get_json() == {"error": "no such book"}


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"price": "cheap"}, {"price": "not a number"}),
        ({"title": None}, {"title": "missing"}),
    ],
)
async def test_problems(client: Any, token: dict[str, str], changes: Any, problems: Any) -> None:
    data = {name: value for name, value in (BOOK | changes).items() if value is not None}
    response = await client.post("/api/v1/books", json=data, headers=token)
    assert response.status_code == 422
    assert await response.get_json() == {"problems": problems}


async def test_errors_are_json(client: Any, token: dict[str, str]) -> None:
    response = await client.post(
        "/api/v1/books", data="{", headers=token | {"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert await response.get_json() == {"error": "Bad Request"}
    response = await client.patch("/api/v1/books", headers=token)
    assert response.status_code == 405


async def test_elsewhere_errors_are_pages(client: Any, token: dict[str, str]) -> None:
    response = await client.get("/api/v2", headers=token)
    assert (response.status_code, response.mimetype) == (404, "text/html")
