"""Class-based views: what `as_view` gives, and how requests reach the methods."""

from __future__ import annotations

import inspect
import threading
from functools import wraps

import pytest

from pottle import Pottle, current_app, request, websocket
from pottle.views import MethodView, View


def make_app() -> Pottle:
    app = Pottle(__name__)
    app.config["TESTING"] = True
    return app


class Hello(View):
    """Says hello."""

    def __init__(self, greeting: str = "Hello", *, end: str = "") -> None:
        self.greeting = greeting
        self.end = end

    async def dispatch_request(self, name):
        return f"{self.greeting} {name}{self.end}"


async def text_of(app, path, method="GET"):
    response = await app.test_client().open(path, method=method)
    return await response.get_data(as_text=True)


class TestView:
    async def test_answers_with_what_the_url_holds(self):
        app = make_app()
        app.add_url_rule("/<name>", view_func=Hello.as_view("hello"))
        app.add_url_rule("/hi/<name>", view_func=Hello.as_view("hi", "Hi", end="!"))
        assert await text_of(app, "/Ida") == "Hello Ida"
        assert await text_of(app, "/hi/Ida") == "Hi Ida!"

    def test_view_function_carries_what_extensions_look_for(self):
        class Limited(Hello):
            """Limited."""

            methods = ["GET", "POST"]
            provide_automatic_options = False

        view = Limited.as_view("limited", "Hi", end="!")
        assert inspect.iscoroutinefunction(view)
        assert view.view_class is Limited
        assert view.methods == ["GET", "POST"]
        assert view.provide_automatic_options is False
        assert (view.__name__, view.__doc__) == ("limited", "Limited.")
        assert view.__module__ == __name__
        held = inspect.getclosurevars(view).nonlocals
        assert held["class_args"] == ("Hi",)
        assert held["class_kwargs"] == {"end": "!"}

    async def test_view_class_may_be_replaced_on_the_function(self):
        class Shout(Hello):
            async def dispatch_request(self, name):
                return name.upper()

        app = make_app()
        view = Hello.as_view("hello")
        view.view_class = Shout
        app.add_url_rule("/<name>", view_func=view)
        assert await text_of(app, "/Ida") == "IDA"

    async def test_methods_and_automatic_options(self):
        class Limited(Hello):
            methods = ["POST"]
            provide_automatic_options = False

        app = make_app()
        app.add_url_rule("/<name>", view_func=Limited.as_view("limited"))
        client = app.test_client()
        assert (await client.post("/Ida")).status_code == 200
        assert (await client.get("/Ida")).status_code == 405
        assert (await client.options("/Ida")).status_code == 405

    async def test_plain_dispatch_runs_in_a_thread(self):
        class Plain(View):
            def dispatch_request(self):
                return f"{threading.current_thread() is threading.main_thread()} {request.path}"

        app = make_app()
        app.add_url_rule("/", view_func=Plain.as_view("plain"))
        assert await text_of(app, "/") == "False /"

    async def test_plain_dispatch_asks_the_application_how(self):
        class Plain(View):
            def dispatch_request(self):
                return "plain"

        class App(Pottle):
            def sync_to_async(self, func):
                async def told(*args, **kwargs):
                    return func(*args, **kwargs) + " by the application"

                return told

        app = App(__name__)
        app.add_url_rule("/", view_func=Plain.as_view("plain"))
        assert await text_of(app, "/") == "plain by the application"

    @pytest.mark.parametrize(("every", "counts"), [(True, ["1", "1"]), (False, ["1", "2"])])
    async def test_instance_per_request_or_one_for_all(self, every, counts):
        class Counting(View):
            init_every_request = every

            def __init__(self, start):
                self.count = start

            async def dispatch_request(self):
                self.count += 1
                return str(self.count)

        app = make_app()
        app.add_url_rule("/", view_func=Counting.as_view("counting", 0))
        assert [await text_of(app, "/"), await text_of(app, "/")] == counts

    async def test_decorators_are_applied_in_order(self):
        def adding(letter):
            def decorator(view):
                assert view.__name__ == "decorated"
                assert view.__module__ == __name__

                @wraps(view)
                async def wrapped(**kwargs):
                    return await view(**kwargs) + letter

                return wrapped

            return decorator

        class Decorated(Hello):
            """Decorated."""

            decorators = [adding("a"), adding("b")]

        app = make_app()
        view = Decorated.as_view("decorated")
        assert (view.__name__, view.__doc__) == ("decorated", "Decorated.")
        assert view.view_class is Decorated
        app.add_url_rule("/<name>", view_func=view)
        assert await text_of(app, "/Ida") == "Hello Idaab"

    async def test_without_dispatch_it_says_what_is_missing(self):
        app = make_app()
        app.add_url_rule("/", view_func=View.as_view("bare"))
        with pytest.raises(NotImplementedError, match=r"write its dispatch_request\(\)"):
            await app.test_client().get("/")

    async def test_serves_a_websocket_route(self):
        class Echo(View):
            async def dispatch_request(self, name):
                await websocket.send(f"{name}: {await websocket.receive()}")

        app = make_app()
        app.add_websocket("/<name>", view_func=Echo.as_view("echo"))
        async with app.test_client().websocket("/Ida") as connection:
            await connection.send("hello")
            assert await connection.receive() == "Ida: hello"


class Items(MethodView):
    async def get(self, id):
        return f"get {id}"

    def post(self, id):
        return f"post {id} in {current_app.name}"


class TestMethodView:
    @pytest.fixture
    def app(self):
        app = make_app()
        app.add_url_rule("/<int:id>", view_func=Items.as_view("items"))
        return app

    async def test_request_reaches_the_method_of_its_name(self, app):
        assert await text_of(app, "/5") == "get 5"
        assert await text_of(app, "/5", "POST") == f"post 5 in {app.name}"

    async def test_other_methods_are_not_allowed(self, app):
        response = await app.test_client().delete("/5")
        assert response.status_code == 405
        assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}

    async def test_head_is_answered_by_get(self, app):
        response = await app.test_client().head("/5")
        assert response.status_code == 200
        assert response.headers["Content-Length"] == "5"
        assert await response.get_data() == b""

    async def test_head_of_its_own(self):
        class Own(MethodView):
            async def get(self):
                return "get"

            async def head(self):
                return "", {"X-Head": "own"}

        app = make_app()
        app.add_url_rule("/", view_func=Own.as_view("own"))
        response = await app.test_client().head("/")
        assert response.headers["X-Head"] == "own"

    def test_methods_follow_from_what_is_there(self):
        class More(Items):
            async def delete(self, id):
                return "deleted"

        class Other(MethodView):
            methods = ["PATCH"]

        class Both(More, Other):
            pass

        class Set(Items):
            methods = ["GET"]

        class Empty(MethodView):
            pass

        assert Items.methods == {"GET", "POST"}
        assert More.methods == {"GET", "POST", "DELETE"}
        assert Both.methods == {"GET", "POST", "DELETE", "PATCH"}
        assert Set.methods == ["GET"]
        assert Empty.methods is None
        assert MethodView.methods is None

    async def test_route_without_method_says_what_is_missing(self):
        app = make_app()
        app.add_url_rule("/<id>", view_func=Items.as_view("items"), methods=["GET", "PUT"])
        with pytest.raises(NotImplementedError, match=r"Items has no method put\(\)"):
            await app.test_client().put("/5")

    async def test_one_class_for_page_and_websocket(self):
        class Room(MethodView):
            async def get(self, name):
                return f"the page of {name}"

            async def websocket(self, name):
                await websocket.send(f"the socket of {name}")

        app = make_app()
        view = Room.as_view("room")
        app.add_url_rule("/<name>", view_func=view)
        app.add_websocket("/<name>/ws", view_func=view)
        assert Room.methods == {"GET"}
        assert await text_of(app, "/attic") == "the page of attic"
        async with app.test_client().websocket("/attic/ws") as connection:
            assert await connection.receive() == "the socket of attic"
