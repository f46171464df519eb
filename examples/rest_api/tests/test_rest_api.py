"""The example API: authors, problems, what happens to transactions, the OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from pottle import Pottle
from pottle.testing import LifespanError, PottleClient
from pottle.testing.plugin import LiveServers
from rest_api.database import UnavailableError

FOLDER = Path(__file__).parents[1]
CreateApp = Callable[[dict[str, Any]], Pottle]
Lock = Callable[[], Awaitable[Callable[[], Awaitable[None]]]]
BOOK = {"title": "Dracula", "author_id": 1, "year": 1897, "shelfmark": "FIC-401"}


async def problem(response: Any, status: int) -> dict[str, Any]:
    """The problem that *response* has to be."""
    assert response.status_code == status, await response.get_data()
    assert response.content_type == "application/problem+json"
    found: dict[str, Any] = await response.get_json(force=True)
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


# Authors


async def test_author_is_added_read_and_deleted(client: PottleClient) -> None:
    response = await client.post("/authors", json={"name": "Bram Stoker"})
    assert response.status_code == 201
    author = await response.get_json()
    assert author["name"] == "Bram Stoker"
    location = response.headers["Location"]
    assert await (await client.get(location)).get_json() == author
    assert author in (await (await client.get("/authors")).get_json())["items"]
    assert (await client.delete(location)).status_code == 204
    await problem(await client.get(location), 404)
    await problem(await client.delete(location), 404)


async def test_author_with_books_stays(client: PottleClient) -> None:
    found = await problem(await client.delete("/authors/1"), 409)
    assert "has books" in found["detail"]
    assert (await client.get("/authors/1")).status_code == 200


async def test_author_is_there_once(client: PottleClient) -> None:
    await problem(await client.post("/authors", json={"name": "Jules Verne"}), 409)


# Problems


async def test_each_wrong_field_is_named(client: PottleClient) -> None:
    body = {"title": " ", "year": "soon", "shelfmark": "x", "colour/~": "red"}
    found = await problem(await client.post("/books", json=body), 422)
    assert {error["pointer"] for error in found["errors"]} == {
        "#/title",
        "#/author_id",
        "#/year",
        "#/shelfmark",
        "#/colour~1~0",
    }
    assert all(error["detail"] for error in found["errors"])


async def test_field_cannot_be_taken_away(client: PottleClient) -> None:
    headers = {"If-Match": '"1"'}
    response = await client.patch("/books/1", json={"title": None}, headers=headers)
    found = await problem(response, 422)
    assert [error["pointer"] for error in found["errors"]] == ["#/title"]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "two\nlines", "x" * 201])
async def test_text_that_a_database_would_choke_on_is_refused(
    client: PottleClient, text: str
) -> None:
    await problem(await client.post("/authors", json={"name": text}), 422)


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b"", b"\xff"])
async def test_body_that_is_no_json_object_is_refused(client: PottleClient, body: bytes) -> None:
    response = await client.post("/books", data=body, content_type="application/json")
    assert "JSON object" in (await problem(response, 400))["detail"]


async def test_other_content_is_refused(client: PottleClient) -> None:
    await problem(await client.post("/books", data=json.dumps(BOOK)), 415)
    await problem(await client.post("/books", form={"title": "Dracula"}), 415)


async def test_large_body_is_refused(client: PottleClient) -> None:
    body = {**BOOK, "title": "x" * 100_000}
    await problem(await client.post("/books", json=body), 413)


@pytest.mark.parametrize("path", ["/nothing", "/books/0", "/books/99999999999", "/books/x"])
async def test_what_is_not_there_is_a_problem(client: PottleClient, path: str) -> None:
    await problem(await client.get(path), 404)


async def test_other_methods_are_a_problem_that_says_which_there_are(client: PottleClient) -> None:
    response = await client.put("/books", json=BOOK)
    await problem(response, 405)
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


async def test_bug_is_a_problem_and_tells_nothing(
    app: Pottle, client: PottleClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def transaction(self) -> None:
            raise ZeroDivisionError("secret")

    monkeypatch.setitem(app.extensions, "database", Broken())
    response = await client.get("/books")
    await problem(response, 500)
    assert b"secret" not in await response.get_data()


# Transactions


async def test_error_rolls_back(app: Pottle, client: PottleClient) -> None:
    database = app.extensions["database"]

    async def fail() -> None:
        async with database.transaction() as connection:
            await connection.fetch("INSERT INTO authors (name) VALUES ($1)", "Bram Stoker")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.transaction() as connection:
        assert await connection.fetch("SELECT id FROM authors WHERE name = 'Bram Stoker'") == []


async def test_database_that_takes_too_long_is_not_waited_for(
    app: Pottle, client: PottleClient, lock: Lock
) -> None:
    app.config["TIMEOUT"] = 0.2
    release = await lock()
    response = await client.post("/books", json=BOOK)
    await problem(response, 503)
    assert int(response.headers["Retry-After"]) > 0
    await release()
    app.config["TIMEOUT"] = 10.0
    assert (await client.post("/books", json=BOOK)).status_code == 201


async def test_client_that_leaves_has_changed_nothing(client: PottleClient, lock: Lock) -> None:
    release = await lock()
    headers = {"Content-Type": "application/json"}
    async with client.request("/books", method="POST", headers=headers) as connection:
        await connection.send(json.dumps(BOOK).encode())
        await connection.send_complete()
        await connection.disconnect()
    await release()
    response = await client.get("/books?q=Dracula")
    assert (await response.get_json())["items"] == []
    assert (await client.post("/books", json=BOOK)).status_code == 201


async def test_data_stays_over_a_restart(app: Pottle) -> None:
    async with app.test_app() as running:
        client = running.test_client()
        await client.delete("/books/8", headers={"If-Match": '"1"'})
        await client.delete("/authors/4")
    async with app.test_app() as running:
        response = await running.test_client().get("/authors")
        assert len((await response.get_json())["items"]) == 3


async def test_database_can_begin_empty(create_app: CreateApp, config: dict[str, Any]) -> None:
    async with create_app({**config, "SAMPLE": False}).test_app() as running:
        response = await running.test_client().get("/books")
        assert await response.get_json() == {"items": []}


async def test_several_processes_may_start_at_once(
    create_app: CreateApp, config: dict[str, Any]
) -> None:
    applications = [create_app(config) for _ in range(3)]
    await asyncio.gather(*(app.startup() for app in applications))
    response = await applications[0].test_client().get("/authors")
    assert [author["name"] for author in (await response.get_json())["items"]] == [
        "Charles Darwin",
        "H. G. Wells",
        "Jules Verne",
        "Mary Shelley",
    ]
    await asyncio.gather(*(app.shutdown() for app in applications))


async def test_lost_connections_are_made_anew(create_app: CreateApp, postgres_url: str) -> None:
    app = create_app({"DATABASE": postgres_url})
    async with app.test_app() as running:
        database = app.extensions["database"]
        with pytest.raises(UnavailableError):
            async with database.transaction() as connection:
                await connection.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
        assert (await running.test_client().get("/books")).status_code == 200


async def test_unknown_database_is_told_at_the_start(
    create_app: CreateApp, postgres_url: str
) -> None:
    with pytest.raises(LifespanError, match="REST_API_DATABASE begins with 'mysql'"):
        async with create_app({"DATABASE": "mysql://localhost/books"}).test_app():
            pass
    nowhere = re.sub(r"/postgres\?", "/nowhere?", postgres_url)
    with pytest.raises(LifespanError, match='"nowhere" does not exist'):
        async with create_app({"DATABASE": nowhere}).test_app():
            pass


# The document, the page, a server


async def test_openapi_document_is_valid_and_complete(app: Pottle, client: PottleClient) -> None:
    response = await client.get("/openapi.json")
    document = await response.get_json()
    validate(document)
    assert (await (await client.get("/openapi.json")).get_json()) == document
    documented = {
        (method.upper(), re.sub(r"\{(\w+)\}", r"<\1>", path))
        for path, operations in document["paths"].items()
        for method in operations
    }
    served = {
        (method, re.sub(r"<.*?:(\w+)>", r"<\1>", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(("/books", "/authors"))
    }
    assert documented == served


async def test_openapi_document_knows_of_problems_and_preconditions(client: PottleClient) -> None:
    document = await (await client.get("/openapi.json")).get_json()
    patch = document["paths"]["/books/{id}"]["patch"]
    assert set(patch["responses"]["412"]["content"]) == {"application/problem+json"}
    assert [each["name"] for each in patch["parameters"]] == ["id", "If-Match"]
    assert patch["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/BookPatch"
    }


async def test_page_needs_nothing_from_elsewhere(client: PottleClient) -> None:
    response = await client.get("/")
    assert response.headers["Content-Security-Policy"] == "default-src 'self'"
    page = await response.get_data(as_text=True)
    for url in re.findall(r'(?:href|src)="(/[^"]+)"', page):
        found = await client.get(url)
        assert found.status_code == 200, url
        assert found.headers["X-Content-Type-Options"] == "nosniff"
    for file in [*FOLDER.glob("static/*"), *FOLDER.glob("templates/*")]:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"\w+://", text), file


def test_settings_come_from_the_environment(
    create_app: CreateApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REST_API_DATABASE", "postgresql://host/books")
    monkeypatch.setenv("REST_API_TIMEOUT", "1.5")
    app = create_app({})
    assert app.config["DATABASE"] == "postgresql://host/books"
    assert app.config["TIMEOUT"] == 1.5


def test_it_is_served(app: Pottle, live_server: LiveServers) -> None:
    with httpx.Client(base_url=live_server.url("/"), trust_env=False) as client:
        created = client.post("/books", json=BOOK)
        assert created.status_code == 201
        etag = created.headers["ETag"]
        changed = client.patch(
            created.headers["Location"], json={"year": 1898}, headers={"If-Match": etag}
        )
        assert changed.json()["year"] == 1898
        assert client.get("/books?q=dracula").json()["items"] == [changed.json()]
