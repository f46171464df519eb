from __future__ import annotations

from typing import Any

import pytest
from bookshop import Shop
from bookshop.account import user_logged_in
from quart import message_flashed

FORM = {"name": "ann", "password": "secret"}


async def text(response: Any) -> str:
    return await response.get_data(as_text=True)


async def test_registering_leads_to_the_login(client: Any) -> None:
    response = await client.post("/account/register", form=FORM, follow_redirects=True)
    assert response.status_code == 200
    assert '<input name="password" type="password">' in await text(response)


async def test_a_name_can_be_taken_once(client: Any) -> None:
    await client.post("/account/register", form=FORM)
    response = await client.post("/account/register", form=FORM)
    assert (response.status_code, await text(response)) == (409, "That name is taken.")


async def test_logging_in_and_out(user: Any) -> None:
    assert "<h1>The account of ann</h1>" in await text(await user.get("/account/"))
    assert "Hello, ann" in await text(await user.get("/"))
    page = await text(await user.post("/account/logout", follow_redirects=True))
    assert "Not logged in" in page
    assert (await user.get("/account/")).status_code == 302


async def test_the_welcome_is_shown_once(client: Any) -> None:
    await client.post("/account/register", form=FORM)
    response = await client.post("/account/login", form=FORM, follow_redirects=True)
    assert '<p class="message">Welcome, ann!</p>' in await text(response)
    assert "Welcome" not in await text(await client.get("/"))


async def test_the_way_back(client: Any) -> None:
    await client.post("/account/register", form=FORM)
    response = await client.post("/account/login?next=/account/", form=FORM)
    assert response.location == "/account/"


@pytest.mark.parametrize(
    "form", [{"name": "ann", "password": "wrong"}, {"name": "bob", "password": "secret"}]
)
async def test_a_wrong_password(client: Any, form: dict[str, str]) -> None:
    await client.post("/account/register", form=FORM)
    response = await client.post("/account/login", form=form)
    assert response.status_code == 401
    assert '<p class="error">Wrong name or password.</p>' in await text(response)


async def test_a_path_without_its_slash_is_redirected(client: Any) -> None:
    response = await client.get("/account")
    assert response.status_code == 308
    assert response.location == "http://localhost/account/"


@pytest.mark.parametrize("remembered", [True, False])
async def test_being_remembered(client: Any, remembered: bool) -> None:
    await client.post("/account/register", form=FORM)
    response = await client.post(
        "/account/login", form=FORM | ({"remember": "1"} if remembered else {})
    )
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("session=")
    assert "HttpOnly; Path=/" in cookie
    assert ("Expires=" in cookie) is remembered


async def test_a_session_made_in_a_test(client: Any, app: Shop) -> None:
    app.store.users["bob"] = "bob"
    async with client.session_transaction() as session:
        session["user"] = "bob"
    assert "The account of bob" in await text(await client.get("/account/"))
    async with client.session_transaction() as session:
        assert session["user"] == "bob"
        session.clear()
    assert (await client.get("/account/")).status_code == 302


async def test_a_forged_session_is_no_session(client: Any) -> None:
    client.set_cookie("localhost", "session", "eyJ1c2VyIjoiYW5uIn0.forged.signature")
    assert (await client.get("/account/")).status_code == 302


async def test_clients_do_not_share_cookies(user: Any, app: Shop) -> None:
    assert (await app.test_client().get("/account/")).status_code == 302


async def test_the_signals_of_a_login(client: Any, app: Shop) -> None:
    seen: list[Any] = []

    async def logged_in(sender: Any, name: str) -> None:
        seen.append((sender is app, name))

    async def flashed(sender: Any, message: str, category: str, **_: Any) -> None:
        seen.append((message, category))

    await client.post("/account/register", form=FORM)
    with user_logged_in.connected_to(logged_in), message_flashed.connected_to(flashed, app):
        await client.post("/account/login", form=FORM)
    assert seen == [(True, "ann"), ("Welcome, ann!", "message")]
