"""The proxies: what they stand for, how they behave, and what they say outside of a context."""

from __future__ import annotations

import copy
from contextvars import Context

import pytest
from werkzeug.local import LocalProxy

from pottle import Pottle, Request, Websocket, current_app, g, request, session, websocket
from pottle.ctx import AppContext, AppGlobals
from pottle.errors import ContextError
from pottle.globals import _cv_app, app_ctx
from pottle.sessions import SecureCookieSession

PROXIES = {
    "app_ctx": app_ctx,
    "current_app": current_app,
    "g": g,
    "request": request,
    "session": session,
    "websocket": websocket,
}
KINDS = {"request": "a request", "session": "a request", "websocket": "a websocket"}


def make_app() -> Pottle:
    app = Pottle(__name__)
    app.testing = True
    app.secret_key = "s3"
    return app


@pytest.mark.parametrize(("name", "proxy"), PROXIES.items(), ids=PROXIES.keys())
class TestOutside:
    @pytest.mark.parametrize(
        "use",
        [
            lambda proxy: proxy.something,
            lambda proxy: setattr(proxy, "something", 1),
            lambda proxy: delattr(proxy, "something"),
            lambda proxy: proxy["something"],
            lambda proxy: "something" in proxy,
            lambda proxy: len(proxy),
            lambda proxy: str(proxy),
            lambda proxy: proxy._get_current_object(),
        ],
    )
    def test_says_what_is_missing_and_what_to_do(self, name, proxy, use):
        where = f"{KINDS.get(name, 'an app')} context"
        with pytest.raises(RuntimeError) as info:
            use(proxy)
        assert type(info.value) is ContextError
        assert str(info.value).startswith(f"{name} was used outside of {where}: ")
        assert "copy_current_" in str(info.value) or "app.app_context()" in str(info.value)
        assert info.value.__suppress_context__

    def test_is_false_and_has_a_repr(self, name, proxy):
        assert not proxy
        assert "unbound" in repr(proxy)
        assert isinstance(proxy, LocalProxy)
        assert dir(proxy) == []
        assert not isinstance(proxy, (Pottle, Request, Websocket, AppGlobals))


class TestInside:
    async def test_current_object(self):
        app = make_app()
        async with app.test_request_context("/") as context:
            assert app_ctx._get_current_object() is context
            assert current_app._get_current_object() is app
            assert g._get_current_object() is context.g
            assert request._get_current_object() is context.request
            assert session._get_current_object() is context.session
            assert _cv_app.get() is context

    async def test_they_pass_for_what_they_stand_for(self):
        app = make_app()
        async with app.test_request_context("/?q=1"):
            assert isinstance(app_ctx, AppContext)
            assert isinstance(current_app, Pottle)
            assert isinstance(g, AppGlobals)
            assert isinstance(request, Request)
            assert isinstance(session, SecureCookieSession)
            assert request == request._get_current_object()
            assert current_app == app
            assert hash(current_app) == hash(app)
            assert repr(current_app) == repr(app)
            assert repr(request) == repr(request._get_current_object())
            assert "args" in dir(request)
            assert bool(request)

    async def test_attributes_and_items(self):
        app = make_app()
        async with app.test_request_context("/?q=1"):
            g.x = 1
            g.x += 1
            assert (g.x, "x" in g, list(g)) == (2, True, ["x"])
            del g.x
            assert not hasattr(g, "x")
            request.note = "set"
            assert request._get_current_object().note == request.note == "set"
            del request.note
            assert not hasattr(request, "note")
            assert not session
            session["a"] = 1
            session.update(b=2)
            assert (session["a"], len(session), "b" in session, sorted(session)) == (
                1,
                2,
                True,
                ["a", "b"],
            )
            del session["a"]
            assert session == {"b": 2}
            assert copy.copy(session) == {"b": 2}

    async def test_methods_are_bound_to_the_object(self):
        app = make_app()
        async with app.test_request_context("/", method="POST", data=b"body"):
            read = request.get_data
            assert await read() == b"body"
            assert current_app.make_response is not None
            assert current_app.url_map is app.url_map

    async def test_missing_attributes(self):
        app = make_app()
        async with app.test_request_context("/"):
            for proxy in (request, g, current_app, app_ctx):
                with pytest.raises(AttributeError, match="missing"):
                    _ = proxy.missing

    async def test_websocket(self):
        app = make_app()

        @app.websocket("/ws")
        async def ws():
            websocket.note = "set"
            assert isinstance(websocket, Websocket)
            assert websocket == websocket._get_current_object()
            with pytest.raises(AttributeError, match="missing"):
                _ = websocket.missing
            assert not request
            await websocket.send(f"{websocket.path} {websocket.note}")

        async with app.test_client().websocket("/ws") as peer:
            assert await peer.receive() == "/ws set"

    async def test_of_the_wrong_kind(self):
        app = make_app()
        async with app.app_context():
            for proxy in (request, session, websocket):
                assert not proxy
                with pytest.raises(ContextError, match="in this context"):
                    _ = proxy.path
        async with app.test_request_context("/"):
            with pytest.raises(ContextError, match=r"no websocket in this context.*see `request`"):
                _ = websocket.path

    async def test_they_follow_the_context(self):
        app, other = make_app(), Pottle("other")
        async with app.app_context():
            async with other.app_context():
                assert current_app.name == "other"
            assert current_app.name == __name__
            assert not Context().run(bool, current_app)
