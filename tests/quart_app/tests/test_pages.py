from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from bookshop import Shop
from quart import g, request, session, template_rendered, url_for
from quart.datastructures import FileStorage

BOOK = "/books/978-0141439518"


async def text(response: Any) -> str:
    return await response.get_data(as_text=True)


async def test_the_index_lists_books(client: Any) -> None:
    response = await client.get("/")
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert response.headers["X-Shop"] == "The Corner Bookshop"
    page = await text(response)
    assert '<a href="/books/978-0140449136">Crime and Punishment</a> 12.50 EUR' in page
    assert page.count('class="cheap"') == 2
    assert "<title>The Corner Bookshop</title>" in page
    assert '<link rel="stylesheet" href="/static/shop.css">' in page


@pytest.mark.parametrize(("query", "count"), [("ad", 1), ("AND", 2), ("", 3)])
async def test_searching(client: Any, query: str, count: int) -> None:
    response = await client.get("/", query_string={"q": query})
    assert (await text(response)).count("<a ") == count


async def test_what_was_searched_for_is_escaped(client: Any) -> None:
    response = await client.get("/?q=%3Cb%3E")
    assert "Nothing found for &lt;b&gt;" in await text(response)


async def test_the_streamed_page_is_the_same(client: Any) -> None:
    streamed = await text(await client.get("/all"))
    assert streamed == await text(await client.get("/"))


async def test_a_book_sets_a_cookie_and_can_be_revalidated(client: Any) -> None:
    response = await client.get(BOOK)
    assert "<h1>Pride and Prejudice</h1>" in await text(response)
    assert response.headers["Set-Cookie"].startswith("last_seen=9780141439518; ")
    again = await client.get(BOOK, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
    assert await again.get_data() == b""


@pytest.mark.parametrize("path", ["/books/9780000000000", "/books/12", "/nowhere", "/fr/about"])
async def test_pages_that_do_not_exist(client: Any, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert "<h1>No such page</h1>" in await text(response)


async def test_methods(client: Any) -> None:
    assert (await client.delete(BOOK)).status_code == 405
    options = await client.options(BOOK + "/cover")
    assert sorted(options.allow) == ["GET", "HEAD", "OPTIONS", "PUT"]
    head = await client.head(BOOK)
    assert head.status_code == 200


async def test_languages(client: Any) -> None:
    assert await text(await client.get("/en/about")) == "About us /en/about /de/about"
    assert await text(await client.get("/de/about")) == "Über uns /de/about /de/about"


async def test_reviews_need_a_login(client: Any) -> None:
    response = await client.post(BOOK + "/reviews", form={"text": "Good", "stars": "5"})
    assert response.status_code == 302
    assert response.location == "/account/login?next=/books/978-0141439518/reviews"
    page = await text(await client.get("/account/login"))
    assert '<p class="warning">Please log in first.</p>' in page
    assert "Please log in first." not in await text(await client.get("/account/login"))


async def test_reviewing(user: Any) -> None:
    response = await user.post(
        BOOK + "/reviews", form={"text": "I <3 it", "stars": "4"}, follow_redirects=True
    )
    assert "<blockquote>**** I &lt;3 it</blockquote>" in await text(response)


@pytest.mark.parametrize("stars", ["0", "6", "many"])
async def test_a_review_has_one_to_five_stars(user: Any, stars: str) -> None:
    response = await user.post(BOOK + "/reviews", form={"text": "?", "stars": stars})
    assert response.status_code == 400
    assert "One to five stars, please." in await text(response)


async def test_a_review_without_text_is_a_bad_request(user: Any) -> None:
    response = await user.post(BOOK + "/reviews", form={"stars": "5"})
    assert response.status_code == 400


async def test_covers_are_uploaded_and_served(client: Any, app: Shop) -> None:
    picture = b"\x89PNG" + bytes(range(256))
    files = {"cover": FileStorage(BytesIO(picture), filename="cover.png", name="cover")}
    response = await client.put(BOOK + "/cover", files=files)
    assert response.status_code == 204
    response = await client.get(BOOK + "/cover")
    assert (response.mimetype, await response.get_data()) == ("image/png", picture)


async def test_a_cover_is_a_png(client: Any) -> None:
    files = {"cover": FileStorage(BytesIO(b"text"), filename="cover.txt", name="cover")}
    response = await client.put(BOOK + "/cover", files=files)
    assert response.status_code == 415
    assert await text(response) == "Covers are PNG files."


async def test_an_upload_that_is_too_large(client: Any) -> None:
    files = {"cover": FileStorage(BytesIO(b"x" * 100_000), filename="cover.png", name="cover")}
    assert (await client.put(BOOK + "/cover", files=files)).status_code == 413


async def test_the_export_is_streamed(client: Any) -> None:
    response = await client.get("/books/export.csv?currency=GBP")
    assert response.mimetype == "text/csv"
    lines = (await text(response)).splitlines()
    assert lines[0] == "9780141439518,Pride and Prejudice,GBP"
    assert len(lines) == 3


async def test_statistics(client: Any) -> None:
    assert await (await client.get("/books/statistics")).get_json() == {"count": 3, "total": 25.49}


async def test_static_files(client: Any) -> None:
    response = await client.get("/static/shop.css")
    assert response.mimetype == "text/css"
    assert await response.get_data() == b"body { font-family: serif }\n"


async def test_which_templates_are_rendered(client: Any, app: Shop) -> None:
    seen: list[Any] = []

    async def receiver(sender: Any, template: Any, context: dict[str, Any], **_: Any) -> None:
        seen.append((sender.name, template.name, sorted({"books", "shop_name"} & {*context})))

    with template_rendered.connected_to(receiver, app):
        await client.get("/")
    assert seen == [("bookshop", "index.html", ["books", "shop_name"])]


async def test_request_contexts(app: Shop) -> None:
    async with app.test_request_context(BOOK + "/reviews?a=1", method="POST", form={"b": "2"}):
        assert request.endpoint == "catalogue.books.review"
        assert request.blueprints == ["catalogue.books", "catalogue"]
        assert request.view_args == {"isbn": "9780141439518"}
        assert request.args["a"] == "1"
        assert (await request.form)["b"] == "2"
        session["name"] = "value"
        g.language = "de"
        assert url_for("catalogue.pages.about") == "/de/about"
        assert url_for("account.login", _external=True) == "http://localhost/account/login"
