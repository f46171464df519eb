"""Contexts, the variables they stand in, and what is shared by them. Run with the alias on."""

from __future__ import annotations

import asyncio
import weakref

import pytest
from extension_helpers import HTTP_SCOPE, body_of
from quart import (
    Quart,
    Request,
    Websocket,
    copy_current_app_context,
    copy_current_request_context,
    copy_current_websocket_context,
    current_app,
    g,
    has_app_context,
    has_request_context,
    has_websocket_context,
    request,
    session,
    websocket,
)
from quart.ctx import AppContext, RequestContext, WebsocketContext, after_this_request
from quart.globals import (
    _cv_app,
    _cv_request,
    _cv_websocket,
    app_ctx,
    request_ctx,
    websocket_ctx,
)
from quart.testing import (
    no_op_push,
)
from werkzeug.datastructures import Headers

# Contexts.


async def test_contexts_take_attributes(app):
    async with app.app_context() as context:
        app_ctx.extension_state = {"a": 1}
        assert context.extension_state == {"a": 1}
        weakref.ref(context)
    async with app.test_request_context("/") as context:
        request_ctx.extension_state = 2
        assert _cv_request.get().extension_state == 2 == context.extension_state


async def test_proxies_give_their_objects(app):
    async with app.test_request_context("/") as context:
        assert current_app._get_current_object() is app
        assert request._get_current_object() is context.request
        assert session._get_current_object() is context.session
        assert g._get_current_object() is context.g
        assert app_ctx._get_current_object() is context
        assert request_ctx._get_current_object() is context
    async with app.test_client().websocket("/ws"):
        pass


async def test_questions_for_a_context(app):
    found = []

    def ask():
        return has_app_context(), has_request_context(), has_websocket_context()

    @app.websocket("/ask")
    async def ask_there():
        found.append(ask())
        found.append((_cv_request.get(None), _cv_websocket.get() is _cv_app.get()))
        found.append((isinstance(app_ctx, WebsocketContext), isinstance(app_ctx, RequestContext)))
        assert websocket_ctx._get_current_object() is _cv_app.get()
        await websocket.accept()

    assert ask() == (False, False, False)
    async with app.app_context():
        assert ask() == (True, False, False)
        assert _cv_app.get().app is app
        assert (_cv_request.get(None), _cv_websocket.get(None)) == (None, None)
        with pytest.raises(LookupError):
            _cv_request.get()
        with pytest.raises(RuntimeError):
            request_ctx.url_adapter  # noqa: B018
        assert not isinstance(app_ctx._get_current_object(), RequestContext)
    async with app.test_request_context("/") as context:
        assert ask() == (True, True, False)
        assert _cv_websocket.get(None) is None
        assert isinstance(context, RequestContext)
        assert not isinstance(context, WebsocketContext)
    async with app.test_client().websocket("/ask"):
        pass
    assert found == [(True, False, True), (None, True), (True, False)]


async def test_copies_of_contexts(app):
    @copy_current_request_context_when_called
    async def path():
        return request.path

    async with app.test_request_context("/somewhere"):
        copied, elsewhere = path(), copy_current_app_context(name_of_app)
    assert await copied() == "/somewhere"
    assert await elsewhere() == app.name

    results = []

    @app.websocket("/copy")
    async def copy():
        within = copy_current_websocket_context(path_of_websocket)
        results.append(await asyncio.create_task(within()))
        await websocket.accept()

    async with app.test_client().websocket("/copy"):
        pass
    assert results == ["/copy"]


def copy_current_request_context_when_called(func):
    return lambda: copy_current_request_context(func)


async def name_of_app():
    return current_app.name


async def path_of_websocket():
    return websocket.path


async def test_contexts_of_the_older_kind_made_by_hand(app):
    made = Request(
        "GET", "http", "/", b"", Headers(), "", "1.1", HTTP_SCOPE, send_push_promise=no_op_push
    )
    context = RequestContext(app, made)
    await context.push()
    assert request._get_current_object() is made
    assert context.url_adapter is not None
    assert request.endpoint == "index"
    assert context.preserved is False
    assert context.request_websocket is made
    assert context.copy().request is made
    await context.pop(None)
    assert not has_app_context()
    async with RequestContext(app, made) as context:
        pass
    await context.push()
    await context.auto_pop(None)

    scope = {**HTTP_SCOPE, "type": "websocket", "path": "/ws"}
    made = Websocket(
        "/ws", b"", "ws", Headers(), "", "1.1", [], no_op_push, no_op_push, no_op_push, scope
    )
    async with WebsocketContext(app, made):
        assert websocket.endpoint == "ws"
    async with AppContext(app, websocket=made):
        assert websocket.endpoint == "ws"
    assert not isinstance(AppContext(app), RequestContext)


async def test_a_subclass_of_a_context(app):
    class OwnContext(RequestContext):
        async def push(self):
            await super().push()
            self.pushed = True

    class OwnApp(Quart):
        def request_context(self, request):
            return OwnContext(self, request)

    app = OwnApp(__name__)

    @app.route("/")
    async def index():
        assert isinstance(_cv_app.get(), OwnContext)
        return str(request_ctx.pushed)

    assert await body_of(app) == "True"
    async with app.app_context() as context:
        assert not isinstance(context, OwnContext)


async def test_functions_after_the_request(app):
    @app.route("/after")
    async def after():
        async def add(response):
            response.headers["X-After"] = "1"
            return response

        app_ctx._after_request_functions.append(add)
        assert request_ctx._after_request_functions == [add]
        after_this_request(add)
        return "x"

    response = await app.test_client().get("/after")
    assert response.headers["X-After"] == "1"
    async with app.test_request_context("/") as context:
        context._after_request_functions = []
        assert context._after_websocket_functions == []
        assert (context._request, context._websocket) == (context.request, None)
        assert context._request_websocket is context.request
        assert (context._session, context._flashes) == (None, None)
        context._session, context._flashes = {"a": 1}, []
        assert (context.made_session, context.flashes) == ({"a": 1}, [])


async def test_an_older_variable_can_be_set(app):
    context = app.app_context()
    token = _cv_request.set(context)
    assert _cv_app.get() is context
    _cv_request.reset(token)
    assert _cv_app.get(None) is None
    assert _cv_request.name == "quart.request_ctx"


async def test_a_request_has_a_namespace_of_its_own(app):
    @app.route("/own")
    async def own():
        g.seen = True
        return g.get("outer", "nothing")

    async with app.app_context():
        g.outer = "outer"
        assert await body_of(app, "/own") == "nothing"
        assert "seen" not in g
