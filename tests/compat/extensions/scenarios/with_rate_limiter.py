"""quart-rate-limiter: limits of routes and of a blueprint, kept in a real Redis."""

from __future__ import annotations

import os
from datetime import timedelta
from uuid import uuid4

import pytest
from quart import Blueprint, Quart, request
from quart_rate_limiter import RateLimiter, limit_blueprint, rate_exempt, rate_limit
from quart_rate_limiter.redis_store import RedisStore


@pytest.fixture
async def app():
    app = Quart(__name__)
    who = uuid4().hex

    async def key():
        return f"{who}-{request.headers.get('X-User', 'nobody')}"

    limiter = RateLimiter(key_function=key, store=RedisStore(os.environ["REDIS_URL"]))
    limiter.init_app(app)

    @app.post("/orders")
    @rate_limit(2, timedelta(minutes=1))
    async def order():
        return {"ordered": True}

    api = Blueprint("api", __name__, url_prefix="/api")

    @api.get("/cheap")
    async def cheap():
        return "cheap"

    @api.get("/free")
    @rate_exempt
    async def free():
        return "free"

    app.register_blueprint(api)
    limit_blueprint(api, 1, timedelta(minutes=1))

    @app.errorhandler(429)
    async def too_many(error):
        return {"retry": int(error.get_headers()[-1][1]) >= 0}, 429, error.get_headers()

    async with app.test_app():
        yield app


async def test_the_third_order_has_to_wait(app):
    client = app.test_client()
    left = []
    for _ in range(2):
        response = await client.post("/orders", headers={"X-User": "ann"})
        assert response.status_code == 200
        left.append(response.headers["RateLimit-Remaining"])
    assert left == ["1", "0"]
    response = await client.post("/orders", headers={"X-User": "ann"})
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0


async def test_somebody_else_need_not_wait(app):
    client = app.test_client()
    for _ in range(3):
        await client.post("/orders", headers={"X-User": "ann"})
    assert (await client.post("/orders", headers={"X-User": "bob"})).status_code == 200


async def test_a_blueprint_is_limited_but_for_what_is_exempt(app):
    client = app.test_client()
    assert [(await client.get("/api/cheap")).status_code for _ in range(2)] == [200, 429]
    assert [(await client.get("/api/free")).status_code for _ in range(2)] == [200, 200]
