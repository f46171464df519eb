"""Flask-Session: a session in a real Redis, with a time to live and a new id after signing in."""

from __future__ import annotations

import pytest
from flask import Flask, flash, get_flashed_messages, redirect, session, url_for
from flask_session import Session
from redis import Redis

pytest_plugins = ["redis_server"]


@pytest.fixture
def redis(redis_url):
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
        yield redis


@pytest.fixture
def app(redis):
    app = Flask(__name__)
    app.config.update(
        PERMANENT_SESSION_LIFETIME=600,
        SESSION_KEY_PREFIX="shop:",
        SESSION_REDIS=redis,
        SESSION_TYPE="redis",
    )
    Session(app)

    @app.post("/add/<item>")
    def add(item):
        session.setdefault("items", []).append(item)
        session.modified = True
        flash(f"{item} is in the basket")
        return redirect(url_for("items"))

    @app.get("/items")
    def items():
        return {"items": session.get("items", []), "flashed": get_flashed_messages()}

    @app.post("/sign-in")
    def sign_in():
        app.session_interface.regenerate(session)
        session["name"] = "ann"
        return session["name"]

    @app.post("/leave")
    def leave():
        session.clear()
        return "bye"

    return app


def key_of(client):
    cookie = client.get_cookie("session")
    return f"shop:{cookie.value}"


def test_items_are_kept_on_the_server(app, redis):
    client = app.test_client()
    client.post("/add/tea")
    answer = client.post("/add/milk", follow_redirects=True).get_json()
    assert answer["items"] == ["tea", "milk"]
    assert answer["flashed"] == ["tea is in the basket", "milk is in the basket"]
    assert b"milk" in redis.get(key_of(client))
    assert 0 < redis.ttl(key_of(client)) <= 600


def test_each_client_has_its_own(app):
    app.test_client().post("/add/tea")
    assert app.test_client().get("/items").get_json()["items"] == []


def test_signing_in_gives_a_new_id(app, redis):
    client = app.test_client()
    client.post("/add/tea")
    before = key_of(client)
    client.post("/sign-in")
    assert key_of(client) != before
    assert redis.get(before) is None
    assert client.get("/items").get_json()["items"] == ["tea"]


def test_what_is_cleared_is_gone(app, redis):
    client = app.test_client()
    client.post("/add/tea")
    key = key_of(client)
    client.post("/leave")
    assert redis.get(key) is None
    assert client.get("/items").get_json()["items"] == []


def test_a_test_may_write_the_session(app):
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["items"] = ["cups"]
    assert client.get("/items").get_json()["items"] == ["cups"]
