"""quart-injector: functions of all kinds and view classes get what their annotations name.

Annotations are looked at when the application is wired, so they are no strings here.
"""

# ruff: noqa: I002  # the library reads annotations, and knows no strings

import injector
import pytest
import quart_injector
from quart import Config, Quart, Request, views


class Clock:
    def __init__(self):
        self.ticks = 0


class Visit:
    """Made once for each request."""


def make_app():
    app = Quart(__name__)
    app.config["SHOP"] = "tea"
    visits = []

    @app.before_request
    async def begin(visit: injector.Inject[Visit], clock: injector.Inject[Clock]):
        clock.ticks += 1
        visits.append(visit)

    @app.get("/<name>")
    async def index(name, clock: injector.Inject[Clock], config: injector.Inject[Config]):
        return {"name": name, "ticks": clock.ticks, "shop": config["SHOP"]}

    @app.get("/sync")
    def plain(request: injector.Inject[Request]):
        return request.path

    @app.get("/once")
    async def once(visit: injector.Inject[Visit]):
        return {"same": visits[-1] is visit, "visits": len(set(map(id, visits)))}

    class Page(views.View):
        @injector.inject
        def __init__(self, clock: Clock, title: str):
            self.clock, self.title = clock, title

        async def dispatch_request(self):
            return f"{self.title} {self.clock.ticks}"

    app.add_url_rule("/page", view_func=Page.as_view("page", title="Ticks:"))

    @app.errorhandler(LookupError)
    async def missing(error, clock: injector.Inject[Clock]):
        return f"{error} {clock.ticks}", 404

    @app.get("/fail")
    async def fail():
        raise LookupError("nothing")

    def configure(binder):
        binder.bind(Clock, scope=injector.singleton)
        binder.bind(Visit, scope=quart_injector.RequestScope)

    quart_injector.wire(app, [configure])
    return app


@pytest.fixture
def client():
    return make_app().test_client()


async def test_views(client):
    for ticks in (1, 2):
        response = await client.get("/ann")
        assert await response.get_json() == {"name": "ann", "ticks": ticks, "shop": "tea"}
    assert await (await client.get("/sync")).get_data(as_text=True) == "/sync"


async def test_the_scope_of_a_request(client):
    assert await (await client.get("/once")).get_json() == {"same": True, "visits": 1}
    assert await (await client.get("/once")).get_json() == {"same": True, "visits": 2}


async def test_a_view_class(client):
    assert await (await client.get("/page")).get_data(as_text=True) == "Ticks: 1"


async def test_an_error_handler(client):
    response = await client.get("/fail")
    assert response.status_code == 404
    assert await response.get_data(as_text=True) == "nothing 1"
