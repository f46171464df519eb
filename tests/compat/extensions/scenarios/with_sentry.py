"""sentry-sdk's integration: what fails in a request, a websocket and the background is told."""

from __future__ import annotations

import asyncio

import pytest
import sentry_sdk
from quart import Blueprint, Quart, abort, websocket
from sentry_sdk.integrations.quart import QuartIntegration
from sentry_sdk.transport import Transport


class Recorder(Transport):
    """Keeps the events instead of sending them."""

    def __init__(self, options=None):
        super().__init__(options)
        self.events = []

    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.type in ("event", "transaction"):
                self.events.append(item.payload.json)

    def of_type(self, kind=None):
        return [event for event in self.events if event.get("type") == kind]


@pytest.fixture
def told():
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=Recorder,
        default_integrations=False,
        integrations=[QuartIntegration()],
        traces_sample_rate=1.0,
        send_default_pii=True,
    )
    yield sentry_sdk.get_client().transport
    sentry_sdk.get_client().close()
    sentry_sdk.init()


@pytest.fixture
def app(told):
    app = Quart(__name__)
    shop = Blueprint("shop", __name__)

    @shop.get("/items/<int:item>")
    async def item(item):
        raise LookupError(f"no item {item}")

    @shop.get("/sync")
    def plain():
        raise LookupError("in a thread")

    app.register_blueprint(shop)

    @app.get("/fine")
    async def fine():
        sentry_sdk.set_tag("shop", "open")
        sentry_sdk.capture_message("all is fine")
        return "fine"

    @app.get("/gone")
    async def gone():
        abort(410)

    @app.websocket("/watch")
    async def watch():
        await websocket.receive()
        raise LookupError("nothing to watch")

    @app.get("/later")
    async def later():
        async def work():
            raise LookupError("too late")

        app.add_background_task(work)
        return "later"

    return app


async def test_an_error_in_a_view(app, told):
    response = await app.test_client().get("/items/3?q=1", headers={"X-Trace": "7"})
    assert response.status_code == 500
    (event,) = told.of_type()
    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("LookupError", "no item 3")
    assert exception["mechanism"] == {"type": "quart", "handled": False}
    assert event["transaction"] == "shop.item"
    assert event["request"]["method"] == "GET"
    assert event["request"]["url"].endswith("/items/3?q=1")
    assert event["request"]["headers"]["X-Trace"] == "7"


async def test_an_error_in_a_synchronous_view(app, told):
    assert (await app.test_client().get("/sync")).status_code == 500
    (event,) = told.of_type()
    assert event["exception"]["values"][0]["value"] == "in a thread"
    assert event["transaction"] == "shop.plain"


async def test_transactions_have_the_endpoint_for_a_name(app, told):
    assert (await app.test_client().get("/fine")).status_code == 200
    (message,) = told.of_type()
    assert (message["message"], message["tags"]) == ("all is fine", {"shop": "open"})
    (transaction,) = told.of_type("transaction")
    assert transaction["transaction"] == "fine"
    assert transaction["contexts"]["trace"]["op"] == "http.server"
    assert transaction["contexts"]["trace"]["origin"] == "auto.http.quart"


async def test_an_answer_is_no_error(app, told):
    assert (await app.test_client().get("/gone")).status_code == 410
    assert told.of_type() == []


async def test_an_error_in_a_websocket(app, told):
    with pytest.raises(Exception, match=r".*"):
        async with app.test_client().websocket("/watch") as connection:
            await connection.send("begin")
            async with asyncio.timeout(5):
                await connection.receive()
    (event,) = told.of_type()
    assert event["exception"]["values"][0]["value"] == "nothing to watch"
    assert event["transaction"] == "watch"


async def test_an_error_in_the_background(app, told):
    async with app.test_app() as test_app:
        await test_app.test_client().get("/later")
    values = [event["exception"]["values"][0]["value"] for event in told.of_type()]
    assert values == ["too late"]
