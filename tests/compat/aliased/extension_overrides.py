"""What extensions set, patch, override and rewrite on an application. Run with the alias on."""

from __future__ import annotations

import asyncio
import importlib
import io

import pytest
from extension_helpers import body_of
from quart import (
    Blueprint,
    Quart,
    Request,
    Websocket,
    jsonify,
    request,
    send_file,
    session,
    websocket,
)
from quart.sessions import SecureCookieSessionInterface
from quart.testing import (
    QuartClient,
)
from quart.wrappers.websocket import Buffer

# Set on the instance.


async def test_asgi_app_set_on_the_instance(app):
    calls = []

    class Middleware:
        def __init__(self, inner):
            self.inner = inner

        async def __call__(self, scope, receive, send):
            calls.append(scope["type"])
            await self.inner(scope, receive, send)

    app.asgi_app = Middleware(app.asgi_app)
    assert await body_of(app) == "index"
    assert calls == ["http"]


async def test_make_response_set_on_the_instance(app):
    original = app.make_response

    async def make_response(result):
        response = await original(result)
        response.headers["X-Made"] = "1"
        return response

    app.make_response = make_response
    response = await app.test_client().get("/")
    assert response.headers["X-Made"] == "1"


async def test_json_set_on_the_instance(app):
    class Provider(type(app.json)):
        def dumps(self, obj, **kwargs):
            return super().dumps({"wrapped": obj}, **kwargs)

    app.json = Provider(app)

    @app.route("/json")
    async def view():
        return {"a": 1}

    assert await (await app.test_client().get("/json")).get_json() == {"wrapped": {"a": 1}}


async def test_classes_set_on_the_instance(app):
    class OwnRequest(Request):
        own = "request"

    class OwnWebsocket(Websocket):
        own = "websocket"

    class OwnClient(QuartClient):
        async def _make_request(self, *args, **kwargs):
            response = await super()._make_request(*args, **kwargs)
            response.made = True
            return response

    app.request_class, app.websocket_class = OwnRequest, OwnWebsocket
    app.test_client_class = OwnClient

    @app.route("/own")
    async def own():
        return request.own

    @app.websocket("/own")
    async def own_websocket():
        await websocket.send(websocket.own)

    client = app.test_client()
    assert isinstance(client, OwnClient)
    response = await client.get("/own")
    assert (response.made, await response.get_data()) == (True, b"request")
    async with client.websocket("/own") as connection:
        assert await connection.receive() == "websocket"


async def test_handle_user_exception_set_on_the_instance(app):
    original = app.handle_user_exception

    async def older(error):
        if isinstance(error, KeyError):
            return f"caught {error}", 418
        return await original(error)

    def plain(error):
        return "plain", 418

    async def newer(ctx, error):
        assert ctx.app is app
        return "newer", 418

    @app.route("/error")
    async def error():
        raise KeyError("it")

    client = app.test_client()
    for override, text in ((older, b"caught 'it'"), (plain, b"plain"), (newer, b"newer")):
        app.handle_user_exception = override
        response = await client.get("/error")
        assert (response.status_code, await response.get_data()) == (418, text)
    app.handle_user_exception = older
    assert (await client.get("/nowhere")).status_code == 404
    del app.handle_user_exception
    assert (await client.get("/nowhere")).status_code == 404


async def test_create_url_adapter_and_sessions_set_on_the_instance(app):
    original = app.create_url_adapter
    asked = []

    def create_url_adapter(request):
        asked.append(request)
        return original(request)

    class Interface(SecureCookieSessionInterface):
        async def open_session(self, app, request):
            opened = await super().open_session(app, request)
            opened["own"] = 1
            return opened

    app.create_url_adapter, app.session_interface = create_url_adapter, Interface()

    @app.route("/own")
    async def own():
        return str(session["own"])

    assert await body_of(app, "/own") == "1"
    assert asked


# Patched on the class.


@pytest.mark.parametrize("name", ["full_dispatch_request", "handle_request", "dispatch_request"])
async def test_steps_patched_on_the_class(app, monkeypatch, name):
    original, calls = getattr(Quart, name), []

    async def patched(self, *args, **kwargs):
        calls.append(self)
        return await original(self, *args, **kwargs)

    assert await body_of(app) == "index"
    monkeypatch.setattr(Quart, name, patched)
    assert await body_of(app) == "index"
    assert calls == [app]
    monkeypatch.undo()
    assert await body_of(app) == "index"
    assert calls == [app]


async def test_call_patched_on_the_class(app, monkeypatch):
    original, calls = Quart.__call__, []

    async def patched(self, scope, receive, send):
        calls.append(scope["type"])
        await original(self, scope, receive, send)

    monkeypatch.setattr(Quart, "__call__", patched)
    assert await body_of(app) == "index"
    assert calls == ["http"]


async def test_registration_patched_on_the_scaffold(monkeypatch):
    scaffold = importlib.import_module("quart.app").Quart.__mro__
    base = next(cls for cls in scaffold if "route" in vars(cls))
    original, rules = base.route, []

    def route(self, rule, **options):
        rules.append(rule)
        return original(self, rule, **options)

    monkeypatch.setattr(base, "route", route)
    app, blueprint = Quart(__name__), Blueprint("b", __name__)
    app.route("/a")(lambda: "a")
    blueprint.route("/b")(lambda: "b")
    assert rules == ["/a", "/b"]


async def test_ensure_async_patched_on_the_class(app, monkeypatch):
    original, wrapped = Quart.ensure_async, []

    def ensure_async(self, func):
        wrapped.append(func)
        return original(self, func)

    monkeypatch.setattr(Quart, "ensure_async", ensure_async)
    assert await body_of(app) == "index"
    assert app.view_functions["index"] in wrapped


# Rewritten in place after set-up.


async def test_view_functions_rewritten(app):
    assert await body_of(app) == "index"

    def wrap(view):
        async def wrapped(*args, **kwargs):
            return "wrapped " + await view(*args, **kwargs)

        return wrapped

    for endpoint, view in list(app.view_functions.items()):
        app.view_functions[endpoint] = wrap(view)
    assert await body_of(app) == "wrapped index"


async def test_hooks_rewritten(app):
    seen = []
    assert await body_of(app) == "index"

    async def before():
        seen.append("before")

    async def after(response):
        seen.append("after")
        return response

    async def teardown(exc):
        seen.append("teardown")

    app.before_request_funcs.setdefault(None, []).insert(0, before)
    app.after_request_funcs.setdefault(None, []).append(after)
    app.teardown_request_funcs.setdefault(None, []).append(teardown)
    assert await body_of(app) == "index"
    assert seen == ["before", "after", "teardown"]
    app.before_request_funcs = {None: []}
    assert await body_of(app) == "index"
    assert seen[3:] == ["after", "teardown"]


async def test_handlers_and_processors_rewritten(app):
    assert (await app.test_client().get("/nowhere")).status_code == 404

    async def not_found(error):
        return "own", 404

    app.error_handler_spec[None][404] = {type(NOT_FOUND): not_found}
    assert await body_of(app, "/nowhere") == "own"
    app.template_context_processors[None].append(lambda: {"extra": "more"})
    async with app.app_context():
        render = importlib.import_module("quart").render_template_string
        assert await render("{{ extra }}") == "more"


NOT_FOUND = importlib.import_module("werkzeug.exceptions").NotFound()


# Attributes of the application, and the rest.


async def test_attributes_of_the_application(app):
    events = []

    async def around():
        events.append("start")
        yield
        events.append("end")

    assert app.while_serving_gens == []
    app.while_serving_gens.append(around())
    app.while_serving_gens.extend([around()])
    assert len(app.while_serving_gens) == 2
    async with app.test_app():
        assert events == ["start", "start"]
    assert events == ["start", "start", "end", "end"]
    assert app._got_first_request is False
    assert app._check_setup_finished("route") is None
    blueprint = Blueprint("late", __name__)
    blueprint._check_setup_finished("route")
    app.register_blueprint(blueprint)
    with pytest.raises(AssertionError):
        blueprint._check_setup_finished("route")
    assert app.lock_class is asyncio.Lock is Request.lock_class
    assert app.event_class is asyncio.Event
    assert Websocket.buffer_class is Buffer


async def test_answers(app, tmp_path):
    @app.route("/json")
    async def json():
        return {"b": 1, "a": 2}

    @app.route("/jsonify")
    async def jsonified():
        return jsonify(b=1, a=2)

    @app.route("/file")
    async def file():
        return await send_file(io.BytesIO(b"content"), mimetype="text/plain")

    assert await body_of(app, "/json") == '{"a":2,"b":1}\n' == await body_of(app, "/jsonify")
    for path in ("/", "/json", "/file"):
        response = await app.test_client().head(path)
        assert (response.status_code, await response.get_data()) == (200, b"")
        assert int(response.headers["Content-Length"]) > 0
