"""The steps of an exchange, overridden and called in the shapes of both versions of Quart. Run with the alias on."""

from __future__ import annotations

import importlib
from functools import partial, wraps
from unittest.mock import AsyncMock

import pytest
from extension_helpers import body_of
from quart import (
    Quart,
    Response,
    request,
    websocket,
)
from quart.globals import (
    request_ctx,
)

# Overridden in subclasses: with the context first, as since 0.23, and last or not at all, as before.


def recording(newer):
    """An application class that records its steps, in the newer or the older shape."""
    calls = []

    class Newer(Quart):
        async def handle_request(self, request):
            calls.append("handle_request")
            return await super().handle_request(request)

        async def handle_websocket(self, websocket):
            calls.append("handle_websocket")
            return await super().handle_websocket(websocket)

        async def full_dispatch_request(self, ctx):
            calls.append("full_dispatch_request")
            return await super().full_dispatch_request(ctx)

        async def full_dispatch_websocket(self, ctx):
            calls.append("full_dispatch_websocket")
            return await super().full_dispatch_websocket(ctx)

        async def preprocess_request(self, ctx):
            calls.append("preprocess_request")
            return await super().preprocess_request(ctx)

        async def dispatch_request(self, ctx):
            calls.append("dispatch_request")
            return await super().dispatch_request(ctx)

        async def finalize_request(self, ctx, result, from_error_handler=False):
            calls.append(f"finalize_request {from_error_handler}")
            return await super().finalize_request(ctx, result, from_error_handler)

        async def process_response(self, ctx, response):
            calls.append("process_response")
            return await super().process_response(ctx, response)

        async def postprocess_websocket(self, ctx, response):
            calls.append("postprocess_websocket")
            return await super().postprocess_websocket(ctx, response)

        async def do_teardown_request(self, ctx, exc=None):
            calls.append("do_teardown_request")
            await super().do_teardown_request(ctx, exc)

        async def do_teardown_appcontext(self, ctx, exc=None):
            calls.append("do_teardown_appcontext")
            await super().do_teardown_appcontext(ctx, exc)

        async def handle_user_exception(self, ctx, error):
            calls.append("handle_user_exception")
            return await super().handle_user_exception(ctx, error)

        async def handle_http_exception(self, ctx, error):
            calls.append("handle_http_exception")
            return await super().handle_http_exception(ctx, error)

        async def handle_exception(self, ctx, error):
            calls.append("handle_exception")
            return await super().handle_exception(ctx, error)

        def log_exception(self, ctx, exception_info):
            calls.append(f"log_exception {exception_info[0].__name__}")

        async def make_default_options_response(self, ctx):
            calls.append("make_default_options_response")
            return await super().make_default_options_response(ctx)

        async def update_template_context(self, ctx, context):
            calls.append("update_template_context")
            await super().update_template_context(ctx, context)

    class Older(Quart):
        async def handle_request(self, request):
            calls.append("handle_request")
            return await super().handle_request(request)

        async def handle_websocket(self, websocket):
            calls.append("handle_websocket")
            return await super().handle_websocket(websocket)

        async def full_dispatch_request(self, request_context=None):
            calls.append("full_dispatch_request")
            return await super().full_dispatch_request(request_context)

        async def full_dispatch_websocket(self, websocket_context=None):
            calls.append("full_dispatch_websocket")
            return await super().full_dispatch_websocket(websocket_context)

        async def preprocess_request(self, request_context=None):
            calls.append("preprocess_request")
            return await super().preprocess_request(request_context)

        async def dispatch_request(self, request_context=None):
            calls.append("dispatch_request")
            return await super().dispatch_request()

        async def finalize_request(self, result, request_context=None, from_error_handler=False):
            calls.append(f"finalize_request {from_error_handler}")
            assert request_context.request is request._get_current_object()
            return await super().finalize_request(result, request_context, from_error_handler)

        async def process_response(self, response, request_context=None):
            calls.append("process_response")
            return await super().process_response(response, request_context=request_context)

        async def postprocess_websocket(self, response, websocket_context=None):
            calls.append("postprocess_websocket")
            return await super().postprocess_websocket(response, websocket_context)

        async def do_teardown_request(self, exc, request_context=None):
            calls.append("do_teardown_request")
            await super().do_teardown_request(exc, request_context)

        async def do_teardown_appcontext(self, exc):
            calls.append("do_teardown_appcontext")
            await super().do_teardown_appcontext(exc)

        async def handle_user_exception(self, error):
            calls.append("handle_user_exception")
            return await super().handle_user_exception(error)

        async def handle_http_exception(self, error):
            calls.append("handle_http_exception")
            return await super().handle_http_exception(error)

        async def handle_exception(self, error):
            calls.append("handle_exception")
            return await super().handle_exception(error)

        def log_exception(self, exception_info):
            calls.append(f"log_exception {exception_info[0].__name__}")

        async def make_default_options_response(self):
            calls.append("make_default_options_response")
            return await super().make_default_options_response()

        async def update_template_context(self, context):
            calls.append("update_template_context")
            await super().update_template_context(context)

    return (Newer if newer else Older), calls


ANSWERED = ["finalize_request False", "process_response"]
TORN_DOWN = ["do_teardown_request", "do_teardown_appcontext"]
BEGUN = ["handle_request", "full_dispatch_request", "preprocess_request", "dispatch_request"]


@pytest.mark.parametrize("newer", [True, False])
async def test_steps_overridden_in_a_subclass(newer):
    cls, calls = recording(newer)
    app = cls(__name__)

    @app.route("/")
    async def index():
        return "index"

    @app.route("/error")
    async def error():
        raise ValueError

    @app.websocket("/ws")
    async def ws():
        await websocket.send("hello")

    async def steps(path, method="GET"):
        calls.clear()
        response = await app.test_client().open(path, method=method)
        return response.status_code, calls[:]

    assert await steps("/") == (200, [*BEGUN, *ANSWERED, *TORN_DOWN])
    handled = ["handle_user_exception", "handle_http_exception"]
    assert await steps("/nowhere") == (404, [*BEGUN, *handled, *ANSWERED, *TORN_DOWN])
    failed = ["handle_user_exception", "handle_exception", "log_exception ValueError"]
    finished = ["finalize_request True", "process_response"]
    assert await steps("/error") == (500, [*BEGUN, *failed, *finished, *TORN_DOWN])
    automatic = [*BEGUN, "make_default_options_response", *ANSWERED, *TORN_DOWN]
    assert await steps("/", "OPTIONS") == (200, automatic)
    calls.clear()
    async with app.test_client().websocket("/ws") as connection:
        assert await connection.receive() == "hello"
    begun = ["handle_websocket", "full_dispatch_websocket", "postprocess_websocket"]
    assert calls == [*begun, "do_teardown_appcontext"]


@pytest.mark.parametrize("newer", [True, False])
async def test_the_template_context_overridden_in_a_subclass(newer):
    cls, calls = recording(newer)
    app = cls(__name__)
    async with app.app_context():
        render = importlib.import_module("quart").render_template_string
        assert await render("{{ g is defined }}") == "True"
    assert "update_template_context" in calls


async def test_steps_called_in_either_shape(app):
    async with app.test_request_context("/") as context:
        for call in (
            app.finalize_request(context, "x"),
            app.finalize_request("x"),
            app.finalize_request("x", context),
            app.finalize_request("x", None, True),
            app.finalize_request(result="x", request_context=context),
            app.finalize_request(result="x", ctx=context),
            app.finalize_request("x", ctx=context),
        ):
            assert await (await call).get_data() == b"x"
        assert await app.dispatch_request() == "index"
        assert await app.dispatch_request(None) == "index"
        assert await app.dispatch_request(request_ctx) == "index"
        assert await app.preprocess_request() is None
        assert (await app.process_response(Response("y"))).status_code == 200
        assert (await app.make_default_options_response()).allow
        await app.update_template_context({})
        await app.do_teardown_request(None)
        await app.do_teardown_request(None, context)
        await app.do_teardown_request(context)
        await app.do_teardown_appcontext(None)
        with pytest.raises(KeyError):
            await app.handle_user_exception(KeyError())
        with pytest.raises(TypeError, match="at most 1"):
            await app.handle_user_exception(KeyError(), context, 3)
    app.log_exception((None, None, None))
    await app.handle_background_exception(ValueError())


async def test_partials_and_mixins_of_the_older_shape(app):
    def router(original, error):
        return original(error) if not isinstance(error, KeyError) else ("routed", 418)

    class Mixin:
        async def handle_user_exception(self, error):
            return "mixed", 418

    class Mixed(Mixin, Quart):
        pass

    @app.route("/error")
    async def error():
        raise KeyError

    app.handle_user_exception = partial(router, app.handle_user_exception)
    assert await body_of(app, "/error") == "routed"
    assert (await app.test_client().get("/nowhere")).status_code == 404
    mixed = Mixed(__name__)
    assert await body_of(mixed, "/nowhere") == "mixed"
    Mixed.handle_user_exception = Quart.handle_user_exception
    assert (await mixed.test_client().get("/nowhere")).status_code == 404


async def test_overrides_that_say_nothing_of_their_arguments(app):
    original, seen = app.handle_user_exception, []

    async def handle(*args, **kwargs):
        seen.append(len(args))
        return await original(*args, **kwargs)

    app.handle_user_exception = handle
    assert (await app.test_client().get("/nowhere")).status_code == 404
    app.log_exception = max  # nothing can be asked of it
    assert (await app.test_client().get("/nowhere")).status_code == 404
    assert seen == [2, 2]


def logging_calls(func):
    @wraps(func)
    async def logged(*args, **kwargs):
        logged.calls += 1
        return await func(*args, **kwargs)

    logged.calls = 0
    return logged


async def test_decorated_overrides():
    class Older(Quart):
        @logging_calls
        async def handle_user_exception(self, error):
            return "older", 418

    class Newer(Quart):
        @logging_calls
        async def handle_user_exception(self, ctx, error):
            return "newer", 418

    class Below(Older):
        handle_user_exception = logging_calls(Older.handle_user_exception)

        @staticmethod
        async def handle_http_exception(*args):
            raise AssertionError

    for cls, text in ((Older, "older"), (Newer, "newer"), (Below, "older")):
        app = cls(__name__)
        assert await body_of(app, "/nowhere") == text
        app.handle_user_exception = logging_calls(app.handle_user_exception)
        assert await body_of(app, "/nowhere") == text
        assert app.handle_user_exception.calls == 1


async def test_overrides_that_are_patched_and_restored(monkeypatch):
    class Own(Quart):
        async def handle_user_exception(self, error):
            return "own", 418

    async def patched(self, error):
        return "patched", 418

    app = Own(__name__)
    mock = AsyncMock(return_value=("mock", 418))
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Own, "handle_user_exception", patched)
            assert await body_of(app, "/nowhere") == "patched"
        assert await body_of(app, "/nowhere") == "own"
        with monkeypatch.context() as patch:
            patch.setattr(app, "handle_user_exception", mock)
            assert await body_of(app, "/nowhere") == "mock"
        assert await body_of(app, "/nowhere") == "own"
    assert mock.await_count == 2


async def test_other_overrides(app):
    class Own(Quart):
        def sync_to_async(self, func):
            async def call(*args, **kwargs):
                return "inline " + func(*args, **kwargs)

            return call

        async def make_response(self, result):
            response = await super().make_response(result)
            response.headers["X-Own"] = "1"
            return response

        async def shutdown(self):
            done.append("shutdown")
            await super().shutdown()

    done = []
    app = Own(__name__)
    app.route("/")(lambda: "view")
    async with app.test_app() as test_app:
        response = await test_app.test_client().get("/")
        assert await response.get_data() == b"inline view"
        assert response.headers["X-Own"] == "1"
    assert done == ["shutdown"]
