"""quart-dishka: what views need is made for them, per application, request and websocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from dishka import FromComponent, Provider, Scope, make_async_container, provide
from quart import Blueprint, Quart, Request, websocket
from quart_dishka import QuartDishka, QuartProvider, inject


class Store:
    def __init__(self):
        self.log = []


class Basket:
    def __init__(self, store: Store, owner: str):
        self.store, self.owner = store, owner


class ShopProvider(Provider):
    @provide(scope=Scope.APP)
    async def store(self) -> AsyncIterator[Store]:
        store = Store()
        yield store
        store.log.append("the store is closed")

    @provide(scope=Scope.REQUEST)
    async def basket(self, store: Store, request: Request) -> AsyncIterator[Basket]:
        store.log.append(f"made for {request.args['owner']}")
        yield Basket(store, request.args["owner"])
        store.log.append("put away")


Wanted = Annotated[Basket, FromComponent()]
Shared = Annotated[Store, FromComponent()]


@pytest.fixture
async def container():
    container = make_async_container(ShopProvider(), QuartProvider())
    yield container
    await container.close()


@pytest.fixture
def app(container):
    app = Quart(__name__)

    @app.get("/basket")
    @inject
    async def basket(basket: Wanted, again: Wanted):
        assert basket is again
        return basket.owner

    @app.get("/fail")
    @inject
    async def fail(basket: Wanted):
        raise LookupError(basket.owner)

    shop = Blueprint("shop", __name__)

    @shop.get("/log")
    @inject
    async def log(store: Shared):
        return {"log": store.log}

    app.register_blueprint(shop)

    @app.websocket("/watch")
    @inject
    async def watch(store: Shared):
        await websocket.send_json(store.log)

    QuartDishka(app=app, container=container)
    return app


async def test_one_basket_for_each_request(app):
    client = app.test_client()
    for owner in ("ann", "bob"):
        response = await client.get("/basket", query_string={"owner": owner})
        assert await response.get_data(as_text=True) == owner
    log = await (await client.get("/log")).get_json()
    assert log == {"log": ["made for ann", "put away", "made for bob", "put away"]}


async def test_it_is_put_away_after_an_error(app):
    client = app.test_client()
    assert (await client.get("/fail", query_string={"owner": "ann"})).status_code == 500
    log = await (await client.get("/log")).get_json()
    assert log == {"log": ["made for ann", "put away"]}


async def test_a_websocket_shares_the_store(app, container):
    (await container.get(Store)).log.append("from outside")
    async with app.test_client().websocket("/watch") as connection:
        assert await connection.receive_json() == ["from outside"]
