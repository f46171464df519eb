"""quart-cors: a public part of an API, a private one, and a websocket for one origin."""

from __future__ import annotations

import pytest
from quart import Blueprint, Quart, websocket
from quart_cors import cors, route_cors, websocket_cors

SHOP = "https://shop.example.com"


@pytest.fixture
def app():
    app = Quart(__name__)
    public = cors(Blueprint("public", __name__, url_prefix="/public"), allow_origin="*")

    @public.get("/prices")
    async def prices():
        return {"tea": 3}

    app.register_blueprint(public)

    @app.route("/basket", methods=["GET", "PUT"])
    @route_cors(
        allow_origin=SHOP,
        allow_methods=["PUT"],
        allow_headers=["X-Token"],
        expose_headers=["X-Total"],
        allow_credentials=True,
    )
    async def basket():
        return {"items": []}, {"X-Total": "0"}

    @app.get("/internal")
    async def internal():
        return "nothing for others"

    @app.websocket("/stock")
    @websocket_cors(allow_origin=SHOP)
    async def stock():
        await websocket.send("12 left")

    return app


async def test_everybody_may_read_the_prices(app):
    response = await app.test_client().get("/public/prices", headers={"Origin": "https://any.com"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert await response.get_json() == {"tea": 3}


async def test_the_basket_is_for_the_shop(app):
    client = app.test_client()
    response = await client.get("/basket", headers={"Origin": SHOP})
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert response.access_control_expose_headers == {"X-Total"}
    assert "Origin" in response.vary
    response = await client.get("/basket", headers={"Origin": "https://other.com"})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_no_word_to_others_about_the_rest(app):
    response = await app.test_client().get("/internal", headers={"Origin": SHOP})
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_the_websocket_is_for_the_shop(app):
    client = app.test_client()
    async with client.websocket("/stock", headers={"Origin": SHOP}) as connection:
        assert await connection.receive() == "12 left"


async def test_another_origin_gets_no_websocket(app):
    with pytest.raises(Exception, match=r"."):
        async with app.test_client().websocket(
            "/stock", headers={"Origin": "https://other.com"}
        ) as connection:
            await connection.receive()
