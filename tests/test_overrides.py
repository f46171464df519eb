"""The points to override: by a subclass, on the instance, by patching the class; and back again."""

from __future__ import annotations

from types import MethodType

import pytest
from werkzeug.exceptions import NotFound

from pottle import Pottle, Response, g, request, websocket
from pottle.active import current
from pottle.scaffold import Scaffold
from pottle.sessions import SecureCookieSession, SecureCookieSessionInterface
from pottle.sync import run_sync


async def hello():
    return "hello"


async def nothing(*args):
    return None


def add_routes(app: Pottle) -> Pottle:
    app.add_url_rule("/", "hello", hello)

    @app.route("/sync")
    def sync():
        return "sync"

    @app.route("/fail")
    async def fail():
        raise LookupError("fail")

    @app.route("/touch")
    async def touch():
        g.x = request.path
        return "touch"

    @app.websocket("/ws")
    async def ws():
        await websocket.send("sent")

    @app.websocket("/ws/fail")
    async def ws_fail():
        raise LookupError("fail")

    return app


async def get(app, path="/", method="GET"):
    response = await app.test_client().open(path, method=method)
    return await response.get_data(as_text=True)


async def visit(app, path):
    """Ask for *path*, in the way that it stands for, however it ends."""
    if path.startswith("/ws"):
        async with app.test_client().websocket(path) as peer:
            try:
                await peer.receive()
            except Exception:
                return
    elif path.startswith("OPTIONS"):
        await get(app, path.removeprefix("OPTIONS"), "OPTIONS")
    else:
        await get(app, path)


#: Each point, and a request that passes it.
ASYNC_POINTS = {
    "handle_request": "/",
    "full_dispatch_request": "/",
    "preprocess_request": "/",
    "dispatch_request": "/",
    "finalize_request": "/",
    "process_response": "/",
    "do_teardown_request": "/",
    "do_teardown_appcontext": "/",
    "handle_user_exception": "/fail",
    "handle_http_exception": "/nowhere",
    "handle_exception": "/fail",
    "make_default_options_response": "OPTIONS/",
    "handle_websocket": "/ws",
    "full_dispatch_websocket": "/ws",
    "preprocess_websocket": "/ws",
    "dispatch_websocket": "/ws",
    "finalize_websocket": "/ws",
    "postprocess_websocket": "/ws",
    "do_teardown_websocket": "/ws",
    "handle_websocket_exception": "/ws/fail",
}
PLAIN_POINTS = {
    "make_response": "/",
    "ensure_async": "/",
    "sync_to_async": "/sync",
    "raise_routing_exception": "/nowhere",
    "trap_http_exception": "/nowhere",
    "log_exception": "/fail",
    "create_url_adapter": "/",
}
POINTS = {**ASYNC_POINTS, **PLAIN_POINTS}
WAYS = ("subclass", "mixin", "instance", "class")


def noting(name, seen):
    """An override of *name* that notes that it was called and does what was done before."""
    original = getattr(Pottle, name)

    if name in ASYNC_POINTS:

        async def override(self, *args, **kwargs):
            seen.append(name)
            return await original(self, *args, **kwargs)
    else:

        def override(self, *args, **kwargs):
            seen.append(name)
            return original(self, *args, **kwargs)

    return override


def make_app(way, overrides, monkeypatch) -> Pottle:
    """An application with *overrides*, given in the way that is asked for."""
    if way == "subclass":
        return add_routes(type("Own", (Pottle,), overrides)(__name__))
    if way == "mixin":
        return add_routes(type("Own", (type("Mixin", (), overrides), Pottle), {})(__name__))
    app = add_routes(Pottle(__name__))
    for name, override in overrides.items():
        if way == "instance":
            setattr(app, name, MethodType(override, app))
        else:
            monkeypatch.setattr(Pottle, name, override)
    return app


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "path"), POINTS.items(), ids=POINTS.keys())
async def test_is_called(name, path, way, monkeypatch):
    seen = []
    app = make_app(way, {name: noting(name, seen)}, monkeypatch)
    await visit(app, path)
    assert name in seen


@pytest.mark.parametrize("way", ["instance", "class"])
@pytest.mark.parametrize(("name", "path"), POINTS.items(), ids=POINTS.keys())
async def test_comes_and_goes_after_the_first_request(name, path, way, monkeypatch):
    seen = []
    app = add_routes(Pottle(__name__))
    await visit(app, path)
    if way == "instance":
        setattr(app, name, MethodType(noting(name, seen), app))
    else:
        monkeypatch.setattr(Pottle, name, noting(name, seen))
    await visit(app, path)
    assert name in seen
    if way == "instance":
        delattr(app, name)
    else:
        monkeypatch.undo()
    seen.clear()
    await visit(app, path)
    assert seen == []


async def test_all_at_once_in_their_order(monkeypatch):
    seen = []
    overrides = {name: noting(name, seen) for name in ASYNC_POINTS}
    app = make_app("subclass", overrides, monkeypatch)
    assert await get(app) == "hello"
    assert seen == [
        "handle_request",
        "full_dispatch_request",
        "preprocess_request",
        "dispatch_request",
        "finalize_request",
        "process_response",
        "do_teardown_request",
        "do_teardown_appcontext",
    ]
    seen.clear()
    await get(app, "/fail")
    assert seen == [
        "handle_request",
        "full_dispatch_request",
        "preprocess_request",
        "dispatch_request",
        "handle_user_exception",
        "handle_exception",
        "finalize_request",
        "process_response",
        "do_teardown_request",
        "do_teardown_appcontext",
    ]
    seen.clear()
    await visit(app, "/ws")
    assert seen == [
        "handle_websocket",
        "full_dispatch_websocket",
        "preprocess_websocket",
        "dispatch_websocket",
        "finalize_websocket",
        "postprocess_websocket",
        "do_teardown_websocket",
        "do_teardown_appcontext",
    ]


@pytest.mark.parametrize("way", WAYS)
class TestTheyDecide:
    async def test_handle_request(self, way, monkeypatch):
        async def handle_request(self, request):
            return Response(f"handled {request.path}")

        app = make_app(way, {"handle_request": handle_request}, monkeypatch)
        assert await get(app, "/any") == "handled /any"

    async def test_full_dispatch_request(self, way, monkeypatch):
        async def full_dispatch_request(self, ctx=None):
            response = await Pottle.original_methods["full_dispatch_request"](self, ctx)
            response.headers["X-Path"] = ctx.request.path
            return response

        app = make_app(way, {"full_dispatch_request": full_dispatch_request}, monkeypatch)
        assert (await app.test_client().get("/")).headers["X-Path"] == "/"

    async def test_dispatch_request(self, way, monkeypatch):
        async def dispatch_request(self, ctx=None):
            return f"{request.endpoint} dispatched"

        app = make_app(way, {"dispatch_request": dispatch_request}, monkeypatch)
        assert await get(app) == "hello dispatched"

    async def test_preprocess_request(self, way, monkeypatch):
        async def preprocess_request(self, ctx=None):
            return "early"

        app = make_app(way, {"preprocess_request": preprocess_request}, monkeypatch)
        assert await get(app) == "early"

    async def test_make_response(self, way, monkeypatch):
        def make_response(self, result):
            return Response(f"made of {result!r}", 203)

        app = make_app(way, {"make_response": make_response}, monkeypatch)
        assert await get(app) == "made of 'hello'"

    async def test_make_response_as_a_coroutine_function(self, way, monkeypatch):
        async def make_response(self, result):
            return Response(f"made of {result!r}", 203)

        app = make_app(way, {"make_response": make_response}, monkeypatch)
        assert await get(app) == "made of 'hello'"

    async def test_handle_user_exception(self, way, monkeypatch):
        async def handle_user_exception(self, ctx, error):
            return f"{type(error).__name__} on {ctx.request.path}"

        app = make_app(way, {"handle_user_exception": handle_user_exception}, monkeypatch)
        assert await get(app, "/fail") == "LookupError on /fail"
        assert await get(app, "/nowhere") == "NotFound on /nowhere"

    async def test_handle_http_exception(self, way, monkeypatch):
        async def handle_http_exception(self, ctx, error):
            return f"http {error.code}"

        app = make_app(way, {"handle_http_exception": handle_http_exception}, monkeypatch)
        assert await get(app, "/nowhere") == "http 404"

    async def test_handle_exception(self, way, monkeypatch):
        async def handle_exception(self, ctx, error):
            return Response(f"failed by {error}", 500)

        app = make_app(way, {"handle_exception": handle_exception}, monkeypatch)
        assert await get(app, "/fail") == "failed by fail"

    async def test_raise_routing_exception(self, way, monkeypatch):
        def raise_routing_exception(self, request):
            raise NotFound("no such thing") from request.routing_exception

        app = make_app(way, {"raise_routing_exception": raise_routing_exception}, monkeypatch)
        assert "no such thing" in await get(app, "/nowhere")

    async def test_make_default_options_response(self, way, monkeypatch):
        async def make_default_options_response(self, ctx=None):
            return Response("options")

        overrides = {"make_default_options_response": make_default_options_response}
        app = make_app(way, overrides, monkeypatch)
        assert await get(app, "/", "OPTIONS") == "options"

    async def test_sync_to_async(self, way, monkeypatch):
        def sync_to_async(self, func):
            async def called(*args, **kwargs):
                return f"called {await run_sync(func)(*args, **kwargs)}"

            return called

        app = make_app(way, {"sync_to_async": sync_to_async}, monkeypatch)
        assert await get(app, "/sync") == "called sync"
        assert await get(app, "/") == "hello"

    async def test_ensure_async(self, way, monkeypatch):
        def ensure_async(self, func):
            async def called(*args, **kwargs):
                return f"called {await func(*args, **kwargs)}"

            return called if func is hello else Pottle.original_methods["ensure_async"](self, func)

        app = make_app(way, {"ensure_async": ensure_async}, monkeypatch)
        assert await get(app) == "called hello"

    async def test_create_url_adapter(self, way, monkeypatch):
        def create_url_adapter(self, request):
            if request is None:
                return None
            return self.url_map.bind("own.test", path_info=request.path.removeprefix("/mounted"))

        app = make_app(way, {"create_url_adapter": create_url_adapter}, monkeypatch)
        assert await get(app, "/mounted/") == "hello"
        assert await get(app, "/mounted/touch") == "touch"
        assert "Not Found" in await get(app, "/mounted/nowhere")
        assert "Not Allowed" in await get(app, "/mounted/", "PUT")

    async def test_handle_websocket(self, way, monkeypatch):
        async def handle_websocket(self, websocket):
            await websocket.send("handled")

        app = make_app(way, {"handle_websocket": handle_websocket}, monkeypatch)
        async with app.test_client().websocket("/any") as peer:
            assert await peer.receive() == "handled"

    async def test_dispatch_websocket(self, way, monkeypatch):
        async def dispatch_websocket(self, ctx=None):
            await websocket.send(f"{websocket.endpoint} dispatched")

        app = make_app(way, {"dispatch_websocket": dispatch_websocket}, monkeypatch)
        async with app.test_client().websocket("/ws") as peer:
            assert await peer.receive() == "ws dispatched"

    async def test_request_context(self, way, monkeypatch):
        def request_context(self, request):
            context = Pottle.original_methods["request_context"](self, request)
            context.mark = "own"
            return context

        app = make_app(way, {"request_context": request_context}, monkeypatch)

        @app.route("/mark")
        async def mark():
            return current.get().mark

        assert await get(app, "/mark") == "own"

    async def test_a_context_of_its_own_is_torn_down_once(self, way, monkeypatch):
        def request_context(self, request):
            return Pottle.original_methods["request_context"](self, request)

        app, seen = make_app(way, {"request_context": request_context}, monkeypatch), []

        @app.teardown_request
        async def teardown(exc):
            seen.append(repr(exc))

        @app.route("/fails")
        async def fails():
            raise ValueError("so")

        app.config["PROPAGATE_EXCEPTIONS"] = False
        assert (await app.test_client().get("/fails")).status_code == 500
        assert seen == ["ValueError('so')"]


@pytest.fixture
def _bare_lane(monkeypatch):
    monkeypatch.setattr(Pottle, "bare_lane", True)


@pytest.mark.usefixtures("_bare_lane")
class TestLanes:
    """What may matter takes an exchange to the full lane, and what is gone lets it back."""

    async def lane(self, app, path="/"):
        async with app.test_request_context(path) as context:
            return "bare" if context.route.bare else "full"

    #: Points that a view that answers never passes.
    NOT_PASSED = frozenset(
        "handle_user_exception handle_http_exception handle_exception handle_websocket_exception "
        "make_default_options_response raise_routing_exception trap_http_exception log_exception "
        "create_url_adapter".split()
    )

    @pytest.mark.parametrize("name", POINTS)
    async def test_patches_come_and_go(self, name, monkeypatch):
        app = add_routes(Pottle(__name__))
        patched = "bare" if name in self.NOT_PASSED else "full"
        assert await self.lane(app) == "bare"
        with monkeypatch.context() as patch:
            patch.setattr(Pottle, name, noting(name, []))
            assert await self.lane(app) == patched
        assert await self.lane(app) == "bare"
        setattr(app, name, MethodType(noting(name, []), app))
        assert await self.lane(app) == patched
        delattr(app, name)
        assert await self.lane(app) == "bare"

    async def test_patches_of_a_subclass(self, monkeypatch):
        class Own(Pottle):
            pass

        app, other = add_routes(Own(__name__)), add_routes(Pottle(__name__))
        with monkeypatch.context() as patch:
            patch.setattr(Own, "make_response", noting("make_response", []), raising=False)
            assert await self.lane(app) == "full"
            assert await self.lane(other) == "bare"
        assert await self.lane(app) == "bare"

    async def test_methods_of_its_own_do_not_matter(self):
        class Own(Pottle):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.extra = 1

            def something(self):
                return 1

        assert await self.lane(add_routes(Own(__name__))) == "bare"

    async def test_switched_off(self):
        class Own(Pottle):
            bare_lane = False

        assert await self.lane(add_routes(Own(__name__))) == "full"
        app = add_routes(Pottle(__name__))
        assert await self.lane(app) == "bare"
        app.bare_lane = False
        assert await self.lane(app) == "full"

    @pytest.mark.parametrize(
        "table",
        [
            "before_request_funcs",
            "after_request_funcs",
            "teardown_request_funcs",
            "url_value_preprocessors",
        ],
    )
    async def test_hooks(self, table):
        app = add_routes(Pottle(__name__))
        getattr(app, table)["other"].append(nothing)
        assert await self.lane(app) == "bare"
        getattr(app, table)[None].append(nothing)
        assert await self.lane(app) == "full"
        getattr(app, table)[None].clear()
        assert await self.lane(app) == "bare"

    async def test_teardown_of_the_context(self):
        app = add_routes(Pottle(__name__))
        app.teardown_appcontext(nothing)
        assert await self.lane(app) == "full"
        app.teardown_appcontext_funcs.remove(nothing)
        assert await self.lane(app) == "bare"

    async def test_hooks_of_websockets_leave_requests_alone(self):
        app = add_routes(Pottle(__name__))
        app.before_websocket(hello)
        assert await self.lane(app) == "bare"

    async def test_a_session_interface_that_opens_sessions(self):
        app = add_routes(Pottle(__name__))
        app.session_interface = EagerSessions()
        assert await self.lane(app) == "full"
        app.session_interface = SecureCookieSessionInterface()
        assert await self.lane(app) == "bare"


class EagerSessions(SecureCookieSessionInterface):
    async def open_session(self, app, request):
        return SecureCookieSession({"opened": request.path})


class TestEditsInPlace:
    """What stands in the tables may be rewritten at any time, as extensions do."""

    async def test_views(self):
        app = add_routes(Pottle(__name__))
        assert await get(app) == "hello"

        async def other():
            return f"wrapped {await hello()}"

        app.view_functions["hello"] = other
        assert await get(app) == "wrapped hello"
        app.view_functions.update(hello=hello)
        assert await get(app) == "hello"
        for endpoint, view in list(app.view_functions.items()):
            app.view_functions[endpoint] = _wrapped(view)
        assert await get(app) == "wrapped hello"
        assert await get(app, "/sync") == "wrapped sync"

    @pytest.mark.parametrize(
        "edit",
        [
            lambda hooks, hook: hooks[None].append(hook),
            lambda hooks, hook: hooks[None].insert(0, hook),
            lambda hooks, hook: hooks.setdefault(None, []).append(hook),
            lambda hooks, hook: hooks.update({None: [hook]}),
            lambda hooks, hook: hooks.__setitem__(None, [hook]),
        ],
    )
    @pytest.mark.parametrize(
        "table", ["before_request_funcs", "after_request_funcs", "teardown_request_funcs"]
    )
    async def test_hooks(self, table, edit):
        app, seen = add_routes(Pottle(__name__)), []

        async def hook(*args):
            seen.append("called")
            return args[0] if table.startswith("after") else None

        assert await get(app) == "hello"
        edit(getattr(app, table), hook)
        assert await get(app) == "hello"
        assert seen == ["called"]
        getattr(app, table)[None].remove(hook)
        assert await get(app) == "hello"
        assert seen == ["called"]

    async def test_error_handlers(self):
        app = add_routes(Pottle(__name__))
        app.testing = False
        assert "Internal Server Error" in await get(app, "/fail")

        async def handle(error):
            return "handled"

        app.error_handler_spec[None][None][LookupError] = handle
        assert await get(app, "/fail") == "handled"
        app.error_handler_spec = {None: {None: {}}}
        assert "Internal Server Error" in await get(app, "/fail")

    async def test_rules(self):
        app = add_routes(Pottle(__name__))
        assert "Not Found" in await get(app, "/other")
        app.url_map.add(app.url_rule_class("/other", endpoint="hello"))
        assert await get(app, "/other") == "hello"

    async def test_a_map_may_be_assigned(self):
        app = add_routes(Pottle(__name__))
        assert await get(app) == "hello"
        app.url_map = app.url_map_class([app.url_rule_class("/other", endpoint="hello")])
        assert await get(app, "/other") == "hello"
        assert "Not Found" in await get(app)


def _wrapped(view):
    async def wrapper(*args, **kwargs):
        result = view(*args, **kwargs)
        return f"wrapped {result if isinstance(result, str) else await result}"

    return wrapper


class TestAtTheEdge:
    async def test_call_may_be_patched(self, monkeypatch):
        app, seen = add_routes(Pottle(__name__)), []
        original = Pottle.__call__

        async def call(self, scope, receive, send):
            seen.append(scope["type"])
            await original(self, scope, receive, send)

        monkeypatch.setattr(Pottle, "__call__", call)
        assert await get(app) == "hello"
        assert seen == ["http"]

    async def test_route_may_be_patched(self, monkeypatch):
        seen = []
        original = Scaffold.route

        def route(self, rule, **options):
            seen.append(rule)
            return original(self, rule, **options)

        monkeypatch.setattr(Scaffold, "route", route)
        app = Pottle(__name__)
        app.get("/x")(hello)
        assert seen == ["/x"]

    async def test_asgi_app_may_be_overridden(self):
        class Own(Pottle):
            async def asgi_app(self, scope, receive, send):
                await super().asgi_app({**scope, "path": "/"}, receive, send)

        assert await get(add_routes(Own(__name__)), "/any") == "hello"

    async def test_startup_and_shutdown_may_be_overridden(self):
        seen = []

        class Own(Pottle):
            async def startup(self):
                seen.append("startup")
                await super().startup()

            async def shutdown(self):
                seen.append("shutdown")
                await super().shutdown()

        async with Own(__name__).test_app():
            pass
        assert seen == ["startup", "shutdown"]

    async def test_the_static_view_takes_attributes(self):
        app = Pottle(__name__)
        app.send_static_file.__func__.exempt = True
        try:
            assert app.send_static_file.exempt
            assert app.view_functions["static"].exempt
        finally:
            del Scaffold.send_static_file.exempt

    async def test_send_static_file_may_be_overridden(self):
        class Own(Pottle):
            async def send_static_file(self, filename):
                return Response(f"own {filename}")

        assert await get(Own(__name__), "/static/a/b.txt") == "own a/b.txt"
