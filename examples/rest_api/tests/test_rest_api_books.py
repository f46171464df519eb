"""Books of the example API, over both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pottle import Pottle
from pottle.testing import PottleClient
from rest_api.catalogue import SAMPLE, Catalogue
from rest_api.models import BookIn

MOREAU = {
    "title": "The Island of Doctor Moreau",
    "author_id": 2,
    "year": 1896,
    "shelfmark": "FIC-204",
}


async def add(client: PottleClient, **changes: Any) -> dict[str, Any]:
    """A new book, as the API answers it."""
    response = await client.post("/books", json={**MOREAU, **changes})
    assert response.status_code == 201, await response.get_data()
    book: dict[str, Any] = await response.get_json()
    return book


async def titles(client: PottleClient, query: str) -> list[str]:
    """The titles that one page of books has."""
    response = await client.get(f"/books?{query}")
    assert response.status_code == 200, await response.get_data()
    return [book["title"] for book in (await response.get_json())["items"]]


async def test_book_is_added_and_read(client: PottleClient) -> None:
    response = await client.post("/books", json=MOREAU)
    assert response.status_code == 201
    assert response.headers["Location"] == "/books/9"
    assert response.headers["ETag"] == '"1"'
    book = await response.get_json()
    assert book == {**MOREAU, "id": 9, "version": 1}
    again = await client.get(response.headers["Location"])
    assert await again.get_json() == book
    assert again.headers["ETag"] == '"1"'


async def test_title_is_stripped(client: PottleClient) -> None:
    assert (await add(client, title="  Tono-Bungay "))["title"] == "Tono-Bungay"


async def test_book_that_the_client_has_is_not_sent_again(client: PottleClient) -> None:
    response = await client.get("/books/1", headers={"If-None-Match": '"1"'})
    assert response.status_code == 304
    assert await response.get_data() == b""
    response = await client.get("/books/1", headers={"If-None-Match": '"7"'})
    assert response.status_code == 200


async def test_book_is_replaced(client: PottleClient) -> None:
    response = await client.put("/books/1", json=MOREAU, headers={"If-Match": '"1"'})
    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    assert await response.get_json() == {**MOREAU, "id": 1, "version": 2}


async def test_some_fields_are_changed(client: PottleClient) -> None:
    before = await (await client.get("/books/1")).get_json()
    response = await client.patch("/books/1", json={"year": 1831}, headers={"If-Match": '"1"'})
    assert await response.get_json() == {**before, "year": 1831, "version": 2}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_change_has_to_say_which_version_it_is_of(client: PottleClient, method: str) -> None:
    body = None if method == "DELETE" else MOREAU
    response = await client.open("/books/1", method=method, json=body)
    assert response.status_code == 428
    for stale in '"2"', 'W/"1"', '"x", "y"':
        headers = {"If-Match": stale}
        response = await client.open("/books/1", method=method, json=body, headers=headers)
        assert response.status_code == 412, stale
    response = await client.open(
        "/books/1", method=method, json=body, headers={"If-Match": '"0", "1"'}
    )
    assert response.status_code in {200, 204}


async def test_any_version_can_be_asked_for(client: PottleClient) -> None:
    for _ in range(2):
        response = await client.patch("/books/1", json={"year": 1831}, headers={"If-Match": "*"})
        assert response.status_code == 200


async def test_of_changes_at_the_same_time_one_gets_through(client: PottleClient) -> None:
    async def change(year: int) -> int:
        headers = {"If-Match": '"1"'}
        return (await client.patch("/books/1", json={"year": year}, headers=headers)).status_code

    codes = await asyncio.gather(*(change(1900 + number) for number in range(10)))
    assert sorted(codes) == [200, *[412] * 9]
    assert (await (await client.get("/books/1")).get_json())["version"] == 2


async def test_change_between_reading_and_writing_is_noticed(
    app: Pottle, client: PottleClient
) -> None:
    database = app.extensions["database"]
    async with database.transaction() as connection:
        old = await Catalogue(connection).book(1)
        assert old is not None
    await client.patch("/books/1", json={"year": 1831}, headers={"If-Match": '"1"'})
    async with database.transaction() as connection:
        new = BookIn.model_validate(MOREAU)
        assert await Catalogue(connection).replace_book(old, new) is None
        assert not await Catalogue(connection).delete_book(old)


async def test_book_is_deleted(client: PottleClient) -> None:
    response = await client.delete("/books/1", headers={"If-Match": '"1"'})
    assert (response.status_code, await response.get_data()) == (204, b"")
    assert (await client.get("/books/1")).status_code == 404
    assert (await client.delete("/books/1", headers={"If-Match": '"1"'})).status_code == 404


async def test_shelfmark_belongs_to_one_book(client: PottleClient) -> None:
    await add(client)
    response = await client.post("/books", json=MOREAU)
    assert response.status_code == 409
    assert "shelfmark" in (await response.get_json())["detail"]
    response = await client.patch(
        "/books/1", json={"shelfmark": "FIC-204"}, headers={"If-Match": '"1"'}
    )
    assert response.status_code == 409
    assert (await (await client.get("/books/1")).get_json())["version"] == 1


async def test_author_of_a_book_has_to_be_there(client: PottleClient) -> None:
    response = await client.post("/books", json={**MOREAU, "author_id": 99})
    assert response.status_code == 422
    assert (await response.get_json())["errors"] == [
        {"detail": "There is no such author.", "pointer": "#/author_id"}
    ]


# Lists


async def pages(client: PottleClient, url: str) -> list[list[str]]:
    """The titles of all pages, by following the links."""
    found: list[list[str]] = []
    while url:
        response = await client.get(url)
        found.append([book["title"] for book in (await response.get_json())["items"]])
        link = response.headers.get("Link", "")
        assert link == "" or link.endswith('>; rel="next"')
        url = link[1:].partition(">")[0]
        assert len(found) < 20
    return found


@pytest.mark.parametrize("sort", ["title", "-title", "year", "-year"])
async def test_pages_have_every_book_once_and_in_order(client: PottleClient, sort: str) -> None:
    for number in range(5):  # the same year, and the same title: the id decides
        await add(client, title="Twice", year=1859, shelfmark=f"TW-{number}")
    found = await pages(client, f"/books?sort={sort}&limit=4")
    assert [len(page) for page in found] == [4, 4, 4, 1]
    rows = [(title, year) for title, _, year, _ in SAMPLE] + [("Twice", 1859)] * 5
    column = 0 if "title" in sort else 1
    expected = sorted((row[column] for row in rows), reverse=sort.startswith("-"))
    years = dict(rows)
    got = [title if column == 0 else years[title] for page in found for title in page]
    assert got == expected


async def test_page_goes_on_where_it_ended_whatever_happens_before_it(client: PottleClient) -> None:
    response = await client.get("/books?limit=3")
    link = response.headers["Link"][1:].partition(">")[0]
    first = (await response.get_json())["items"]
    headers = {"If-Match": '"1"'}
    assert (await client.delete(f"/books/{first[0]['id']}", headers=headers)).status_code == 204
    await add(client, title="A first one")
    following = [book["title"] for book in (await (await client.get(link)).get_json())["items"]]
    assert following == sorted(title for title, *_ in SAMPLE)[3:6]


async def test_link_keeps_what_was_asked_for(client: PottleClient) -> None:
    assert await pages(client, "/books?author_id=2&year_to=1897&limit=1&sort=-year") == [
        ["The Invisible Man"],
        ["The Time Machine"],
    ]


async def test_books_are_filtered(client: PottleClient) -> None:
    assert await titles(client, "author_id=4") == ["On the Origin of Species"]
    assert await titles(client, "year_from=1897&sort=year") == [
        "The Invisible Man",
        "The War of the Worlds",
    ]
    assert await titles(client, "q=EIGHTY") == ["Around the World in Eighty Days"]
    assert await titles(client, "q=nothing+of+it") == []


async def test_signs_that_databases_know_are_signs_like_others(client: PottleClient) -> None:
    await add(client, title="100% 'true'; DROP TABLE books --")
    for text in ("0%25", "%27true%27", "%3B+DROP"):
        assert await titles(client, f"q={text}") == ["100% 'true'; DROP TABLE books --"]
    for text in ("_", "!", "%25%25"):
        assert await titles(client, f"q={text}") == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("sort=author", "sort"),
        ("colour=red", "colour"),
        ("year_from=soon", "year_from"),
        ("author_id=99999999999999999999", "author_id"),
        ("q=%00", "q"),
        ("after=nonsense", "after"),
        ("after=%C3%BC", "after"),
        ("after=bnVsbA", "after"),
    ],
)
async def test_query_that_cannot_be_used_is_refused(
    client: PottleClient, query: str, parameter: str
) -> None:
    response = await client.get(f"/books?{query}")
    assert response.status_code == 422
    assert [error["parameter"] for error in (await response.get_json())["errors"]] == [parameter]


async def test_cursor_is_for_one_order(client: PottleClient) -> None:
    link = (await client.get("/books?limit=1")).headers["Link"][1:].partition(">")[0]
    response = await client.get(link + "&sort=year")
    assert response.status_code == 422
    assert "sort=title" in (await response.get_json())["errors"][0]["detail"]
