from __future__ import annotations

from typing import Any

from bookshop import Shop, create_app
from quart import got_request_exception, request_finished


async def test_the_basket_is_kept_in_the_session(client: Any) -> None:
    assert await (await client.get("/basket/")).get_json() == {"titles": [], "total": 0}
    for isbn in ("9780141439518", "978-0140449136"):
        response = await client.post(f"/basket/{isbn}", follow_redirects=False)
        assert response.location == "/basket/"
    assert await (await client.get("/basket/")).get_json() == {
        "titles": ["Pride and Prejudice", "Crime and Punishment"],
        "total": "20.49",
    }
    assert "2 in the basket" in await (await client.get("/")).get_data(as_text=True)


async def test_ordering_needs_a_login(client: Any) -> None:
    response = await client.post("/basket/order")
    assert response.location == "/account/login?next=/basket/order"


async def test_orders_are_confirmed_in_the_background() -> None:
    app = create_app()
    client = app.test_client()
    form = {"name": "ann", "password": "secret"}
    async with app.test_app():
        await client.post("/account/register", form=form)
        await client.post("/account/login", form=form)
        await client.post("/basket/9780141439518")
        response = await client.post("/basket/order")
        assert response.location == "/"
        assert response.headers["X-Ordered"] == "1"
        page = await (await client.get("/")).get_data(as_text=True)
        assert "Thank you." in page
        assert "0 in the basket" in page
    # The shutdown has waited for the tasks.
    assert sorted(app.store.outbox) == ["1 of /basket/order", "ann: Pride and Prejudice"]


async def test_an_error_is_a_page_and_a_signal(user: Any, app: Shop) -> None:
    seen: list[Any] = []

    async def receiver(sender: Any, exception: Exception, **_: Any) -> None:
        seen.append(type(exception))

    with got_request_exception.connected_to(receiver, app):
        response = await user.post("/basket/order")
    assert response.status_code == 500
    assert response.headers["X-Shop"] == "The Corner Bookshop"
    assert "<h1>Broken: LookupError</h1>" in await response.get_data(as_text=True)
    assert seen == [LookupError]


async def test_answers_are_signalled(client: Any, app: Shop) -> None:
    seen: list[int] = []

    async def receiver(sender: Any, response: Any, **_: Any) -> None:
        seen.append(response.status_code)

    with request_finished.connected_to(receiver, app):
        await client.get("/basket/")
        await client.get("/nowhere")
    assert seen == [200, 404]


async def test_start_and_shutdown() -> None:
    app = create_app()
    async with app.test_app() as running:
        await running.test_client().get("/basket/")
    assert app.store.log[:3] == ["before_serving", "open", "GET /basket/"]
    assert sorted(app.store.log[3:]) == ["after_serving", "close"]


async def test_the_basket_of_an_unknown_book(client: Any) -> None:
    assert (await client.post("/basket/9780000000000")).status_code == 404
