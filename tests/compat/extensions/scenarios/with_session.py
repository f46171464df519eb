"""quart-session: a session in a real Redis, for requests and for a websocket."""

from __future__ import annotations

import os

import pytest
from quart import Quart, redirect, session, url_for, websocket
from quart_session import Session
from redis.asyncio import Redis


@pytest.fixture
async def redis():
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        yield redis


@pytest.fixture
async def app(redis):
    app = Quart(__name__)
    app.secret_key = "only for this test"
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis, SESSION_KEY_PREFIX="shop:")
    Session(app)

    @app.post("/add/<item>")
    async def add(item):
        session.setdefault("items", []).append(item)
        session.modified = True
        return redirect(url_for("items"))

    @app.get("/items")
    async def items():
        return {"items": session.get("items", [])}

    @app.post("/leave")
    async def leave():
        session.clear()
        return "bye"

    @app.websocket("/watch")
    async def watch():
        await websocket.send_json(session["items"])

    async with app.test_app():
        yield app


async def test_items_are_kept_on_the_server(app, redis):
    client = app.test_client()
    await client.post("/add/tea")
    response = await client.post("/add/milk", follow_redirects=True)
    assert await response.get_json() == {"items": ["tea", "milk"]}
    (cookie,) = client.cookie_jar
    assert "tea" not in cookie.value
    assert b"milk" in await redis.get(f"shop:{cookie.value}")


async def test_each_client_has_its_own(app):
    await app.test_client().post("/add/tea")
    response = await app.test_client().get("/items")
    assert await response.get_json() == {"items": []}


async def test_what_is_cleared_is_gone(app, redis):
    client = app.test_client()
    await client.post("/add/tea")
    (cookie,) = client.cookie_jar
    await client.post("/leave")
    assert await redis.get(f"shop:{cookie.value}") is None
    assert await (await client.get("/items")).get_json() == {"items": []}


async def test_a_websocket_has_the_session_of_its_client(app):
    client = app.test_client()
    await client.post("/add/tea")
    async with client.websocket("/watch") as connection:
        assert await connection.receive_json() == ["tea"]
