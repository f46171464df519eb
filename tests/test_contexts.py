"""Contexts: made by the engine or by hand, pushed and popped, nested, copied."""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context

import pytest

from pottle import (
    Pottle,
    Request,
    Websocket,
    active,
    after_this_request,
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
    url_for,
    websocket,
)
from pottle.ctx import AppContext, AppGlobals
from pottle.errors import ContextError
from pottle.globals import app_ctx
from pottle.testing.utils import make_test_request
from pottle.wrappers.websocket import State


def make_app(name=__name__) -> Pottle:
    app = Pottle(name)
    app.testing = True
    app.secret_key = "s3"

    @app.route("/<int:number>")
    async def index(number):
        return str(number)

    return app


async def get(app, path="/"):
    response = await app.test_client().get(path)
    return await response.get_data(as_text=True)


def which():
    return has_app_context(), has_request_context(), has_websocket_context()


class TestAppContext:
    async def test_what_it_holds(self):
        app = make_app()
        assert which() == (False, False, False)
        async with app.app_context() as context:
            assert which() == (True, False, False)
            assert type(context) is AppContext
            assert app_ctx._get_current_object() is context
            assert current_app._get_current_object() is app
            assert context.app is app
            assert not context.has_request
            assert not context.has_websocket
            assert context.connection is None
            assert context.url_adapter is None
            assert repr(context) == f"<AppContext of {__name__!r}>"
            g.x = 1
            assert context.g.x == 1
        assert which() == (False, False, False)

    async def test_what_it_does_not_hold(self):
        async with make_app().app_context() as context:
            with pytest.raises(
                ContextError, match=r"no request in this context: .* Hand over what"
            ):
                _ = context.request
            with pytest.raises(
                ContextError, match=r"no websocket in this context: .* Hand over what"
            ):
                _ = context.websocket
            with pytest.raises(ContextError, match=r"no session in this context.*test_request_con"):
                _ = context.session

    async def test_globals_are_its_own(self):
        app = make_app()
        async with app.app_context():
            g.x = 1
        async with app.app_context():
            assert "x" not in g

    async def test_globals_are_not_shared_with_a_bare_context_inside(self):
        app = make_app()
        for outer in (app.app_context(), app.test_request_context("/3")):
            async with outer:
                g.x = 1
                async with app.app_context():
                    assert "x" not in g
                    g.x = 2
                assert g.x == 1

    async def test_globals_are_not_shared_with_a_request_context_inside(self):
        app = make_app()
        for outer in (app.app_context(), app.test_request_context("/4")):
            async with outer:
                g.x = 1
                async with app.test_request_context("/3"):
                    assert "x" not in g
                    g.x = 2
                assert g.x == 1

    async def test_globals_are_not_shared_with_a_request_inside(self):
        app = make_app()

        @app.route("/")
        async def view():
            g.mine = "mine"
            return g.get("given", "nothing")

        async with app.app_context():
            g.given = "given"
            assert await get(app) == "nothing"
            assert "mine" not in g

    async def test_globals_are_not_shared_between_applications(self):
        app, other = make_app(), make_app("other")
        async with app.app_context():
            g.x = 1
            async with other.app_context():
                assert current_app.name == "other"
                assert "x" not in g
            assert current_app.name == __name__
            assert g.x == 1

    async def test_any_attribute_may_be_set(self):
        async with make_app().app_context() as context:
            app_ctx.some_extension = "set"
            assert context.some_extension == "set"
            assert not hasattr(context, "other_extension")

    async def test_parts_may_be_assigned(self):
        app = make_app()
        adapter = app.url_map.bind("assigned.test")
        async with app.test_request_context("/3") as context:
            context.g = {"x": 1}
            context.session = {"y": 2}
            context.url_adapter = adapter
            assert g["x"] == 1
            assert context.made_session == {"y": 2}
            assert url_for("index", number=1, _external=True) == "http://assigned.test/1"


class TestPushAndPop:
    async def test_by_hand(self):
        app, seen = make_app(), []
        app.teardown_appcontext(lambda error: seen.append(error))
        context = app.app_context()
        await context.push()
        assert has_app_context()
        error = LookupError()
        await context.pop(error)
        assert not has_app_context()
        assert seen == [error]

    async def test_popped_as_often_as_pushed(self):
        app, seen = make_app(), []
        app.teardown_appcontext(seen.append)
        context = app.app_context()
        await context.push()
        await context.push()
        twin = context.copy()
        await context.pop()
        assert has_app_context()
        assert seen == []
        async with twin:
            assert has_app_context()
        await context.pop()
        assert not has_app_context()
        assert seen == [None]
        with pytest.raises(ContextError, match="is not the current context"):
            await context.pop()
        await context.push()
        await context.pop()
        assert seen == [None, None]

    async def test_in_one_place_at_a_time(self):
        app = make_app()
        context = app.app_context()
        async with context, app.app_context():
            with pytest.raises(ContextError, match=r"is in use elsewhere.*copy\(\)"):
                await context.push()

    async def test_in_order(self):
        app = make_app()
        outer, inner = app.app_context(), app.app_context()
        with pytest.raises(ContextError, match="is not the current context"):
            await outer.pop()
        await outer.push()
        await inner.push()
        with pytest.raises(ContextError, match="is not the current context"):
            await outer.pop()
        await inner.pop()
        await outer.pop()

    async def test_a_push_that_fails_leaves_nothing_behind(self):
        class Broken(Pottle.session_interface.__class__):
            async def open_session(self, app, request):
                raise LookupError("broken")

        app = make_app()
        app.session_interface = Broken()
        context = app.test_request_context("/3")
        with pytest.raises(LookupError, match="broken"):
            await context.push()
        assert not has_app_context()
        app.session_interface = Pottle.session_interface
        async with context:
            assert request.path == "/3"

    async def test_a_pop_that_fails_leaves_nothing_behind(self):
        app = make_app()

        @app.teardown_appcontext
        async def fail(error):
            raise LookupError("teardown")

        with pytest.raises(LookupError, match="teardown"):
            async with app.app_context():
                pass
        assert not has_app_context()

    async def test_an_error_inside_goes_on(self):
        with pytest.raises(LookupError, match="inside"):
            async with make_app().app_context():
                raise LookupError("inside")

    async def test_teardown_runs_while_the_context_is_there(self):
        app, seen = make_app(), []

        @app.teardown_request
        async def of_request(error):
            seen.append((g.x, request.path))

        @app.teardown_appcontext
        def of_context(error):
            seen.append((g.x, request.path))

        async with app.test_request_context("/3"):
            g.x = 1
        assert seen == [(1, "/3"), (1, "/3")]


class TestRequestContext:
    async def test_what_it_holds(self):
        app = make_app()
        async with app.test_request_context("/3?q=1", headers={"X-A": "b"}) as context:
            assert which() == (True, True, False)
            assert request.path == "/3"
            assert request.args["q"] == "1"
            assert request.headers["X-A"] == "b"
            assert request.endpoint == "index"
            assert request.view_args == {"number": 3}
            assert url_for("index", number=4) == "/4"
            assert context.request is request._get_current_object() is context.connection
            assert repr(context).startswith(f"<AppContext of {__name__!r} <Request ")
            with pytest.raises(ContextError, match="belongs to a request, see `request`"):
                _ = context.websocket
            session["x"] = 1
            assert context.session["x"] == 1

    async def test_bodies(self):
        app = make_app()
        async with app.test_request_context("/3", method="PUT", json={"a": 1}):
            assert (request.method, await request.get_json()) == ("PUT", {"a": 1})
        async with app.test_request_context("/3", method="POST", form={"a": "1"}):
            assert (await request.form)["a"] == "1"
        async with app.test_request_context("/3", method="POST", data=b"data"):
            assert await request.get_data() == b"data"

    async def test_what_matches_nothing(self):
        app = make_app()
        async with app.test_request_context("/nowhere"):
            assert request.endpoint is None
            assert request.routing_exception.code == 404
            with pytest.raises(type(request.routing_exception)):
                await app.dispatch_request()
            response = await app.full_dispatch_request()
            assert response.status_code == 404

    async def test_steps_by_hand(self):
        app, seen = make_app(), []

        @app.before_request
        async def before():
            seen.append("before")

        @app.after_request
        async def after(response):
            seen.append("after")
            return response

        async with app.test_request_context("/3") as context:
            assert await app.preprocess_request() is None
            assert seen == ["before"]
            assert await app.dispatch_request() == "3"
            response = await app.process_response(context, app.make_response("x"))
            assert seen == ["before", "after"]
            response = await app.finalize_request(context, "y")
            assert await response.get_data() == b"y"
            response = await app.full_dispatch_request()
            assert await response.get_data() == b"3"
            assert seen == ["before", "after", "after", "before", "after"]
            response = await app.handle_request(context.request)
            assert await response.get_data() == b"3"
            options = await app.make_default_options_response()
            assert set(options.allow) == {"GET", "HEAD", "OPTIONS"}

    async def test_handle_request_without_a_context(self):
        app, seen = make_app(), []
        app.teardown_request(lambda error: seen.append(error))
        response = await app.handle_request(make_test_request(app, "/3"))
        assert await response.get_data() == b"3"
        assert seen == [None]
        assert not has_app_context()

    async def test_around_a_request_made_by_hand(self):
        app = make_app()
        scope = {"type": "http", "method": "GET", "path": "/3", "headers": []}
        made = Request("GET", "http", "/3", b"", {}, "", "1.1", scope)
        async with app.request_context(made):
            assert request._get_current_object() is made
            assert request.endpoint == "index"

    async def test_a_context_takes_its_parts(self):
        app = make_app()
        made = make_test_request(app, "/3")
        async with AppContext(app, request=made, session={"x": 1}) as context:
            assert context.made_session == {"x": 1}
            assert context.request is made

    async def test_options_without_urls(self):
        app = make_app()
        async with app.app_context():
            response = await app.make_default_options_response()
            assert not response.allow

    async def test_websocket(self):
        app = make_app()

        @app.websocket("/ws/<name>")
        async def ws(name):
            pass

        async def nothing(*args):
            raise AssertionError

        scope = {"type": "websocket", "path": "/ws/ida", "headers": []}
        made = Websocket("/ws/ida", b"", "ws", {}, "", "1.1", [], nothing, nothing, nothing, scope)
        async with app.websocket_context(made) as context:
            assert which() == (True, False, True)
            assert websocket.path == "/ws/ida"
            assert websocket.view_args == {"name": "ida"}
            assert context.websocket is made is context.connection
            with pytest.raises(ContextError, match="belongs to a websocket, see `websocket`"):
                _ = context.request
            assert await app.preprocess_websocket() is None
            assert await app.dispatch_websocket() is None
            assert await app.full_dispatch_websocket() is None
            assert await app.handle_websocket(made) is None
            assert await app.postprocess_websocket(context, None) is None
        assert made.state is State.CONNECTING

    async def test_websocket_of_a_path(self):
        app = make_app()

        @app.websocket("/ws/<name>")
        async def ws(name):
            pass

        async with app.test_websocket_context("/ws/ida?q=1", headers={"X-A": "b"}):
            assert which() == (True, False, True)
            assert websocket.view_args == {"name": "ida"}
            assert (websocket.args["q"], websocket.headers["X-A"]) == ("1", "b")
            assert url_for("ws", name="x") == "ws://localhost/ws/x"


class TestInViews:
    async def test_in_a_request(self):
        app = make_app()

        @app.route("/")
        async def view():
            context = app_ctx._get_current_object()
            context.extension = "set"
            assert which() == (True, True, False)
            with pytest.raises(ContextError, match="see `request`"):
                _ = websocket.path
            with pytest.raises(ContextError, match="see `request`"):
                _ = context.websocket
            return app_ctx.extension

        assert await get(app) == "set"
        assert not has_app_context()

    async def test_in_a_websocket(self):
        app = make_app()

        @app.websocket("/")
        async def view():
            context = app_ctx._get_current_object()
            assert which() == (True, False, True)
            with pytest.raises(ContextError, match="see `websocket`"):
                _ = request.path
            with pytest.raises(ContextError, match="see `websocket`"):
                _ = context.request
            session["x"] = g.x = 1
            await websocket.send(f"{websocket.path} {session['x']} {g.x}")

        async with app.test_client().websocket("/") as peer:
            assert await peer.receive() == "/ 1 1"

    async def test_in_a_thread(self):
        app = make_app()

        @app.route("/")
        def view():
            assert threading.current_thread() is not threading.main_thread()
            assert which() == (True, True, False)
            g.x = request.path
            return f"{g.x} {current_app.name}"

        assert await get(app) == f"/ {__name__}"

    async def test_requests_do_not_mix(self):
        app = make_app()
        arrived, go = asyncio.Semaphore(0), asyncio.Event()

        @app.route("/wait/<name>")
        async def wait(name):
            g.name = name
            arrived.release()
            await go.wait()
            return f"{g.name} {request.path}"

        tasks = [asyncio.create_task(get(app, f"/wait/{name}")) for name in "abc"]
        for _ in tasks:
            await arrived.acquire()
        go.set()
        assert await asyncio.gather(*tasks) == ["a /wait/a", "b /wait/b", "c /wait/c"]

    async def test_a_nested_request_leaves_the_outer_one_alone(self):
        app = make_app()

        @app.route("/")
        async def outer():
            inner = await get(app, "/3")
            return f"{inner} inside {request.path}"

        assert await get(app) == "3 inside /"


class TestCopies:
    """A copy shares all parts; leaving it tears nothing down."""

    async def test_in_a_task(self):
        app, seen = make_app(), []
        app.teardown_request(lambda error: seen.append("teardown"))

        @app.route("/")
        async def view():
            @copy_current_request_context
            async def work(text):
                g.x = text
                session["x"] = text
                assert seen == []
                return request.path

            assert work.__name__ == "work"
            # without the context of the view, as in a task of a library
            path = await asyncio.create_task(work("set"), context=Context())
            assert seen == []
            return f"{path} {g.x} {session['x']}"

        response = await app.test_client().get("/")
        assert await response.get_data() == b"/ set set"
        assert seen == ["teardown"]

    async def test_what_the_session_holds_in_a_copy_is_saved(self):
        app = make_app()

        @app.route("/")
        async def view():
            @copy_current_request_context
            async def work():
                session["x"] = "set in a task"

            await asyncio.create_task(work())
            return "saved"

        @app.route("/read")
        async def read():
            return session["x"]

        client = app.test_client()
        await client.get("/")
        assert await (await client.get("/read")).get_data() == b"set in a task"

    async def test_a_function_left_from_a_copy_runs(self):
        app = make_app()

        @app.route("/")
        async def view():
            @copy_current_request_context
            async def work():
                @after_this_request
                async def mark(response):
                    response.headers["X-Mark"] = "left"
                    return response

            await asyncio.create_task(work())
            return "marked"

        assert (await app.test_client().get("/")).headers["X-Mark"] == "left"

    async def test_in_a_thread(self):
        app = make_app()

        @app.route("/")
        async def view():
            @copy_current_request_context
            def work(greeting):
                g.x = f"{greeting} {request.path}"
                return threading.current_thread().name

            loop = asyncio.get_running_loop()
            name = await loop.run_in_executor(None, work, "from")
            assert name != threading.current_thread().name
            return g.x

        assert await get(app) == "from /"

    async def test_after_the_request(self):
        app = make_app()
        go, tasks = asyncio.Event(), []

        @app.route("/<name>")
        async def view(name):
            @copy_current_request_context
            async def later():
                await go.wait()
                return f"{request.path} {request.view_args['name']} {url_for('view', name='x')}"

            tasks.append(asyncio.create_task(later()))
            return "done"

        assert await get(app, "/ida") == "done"
        go.set()
        assert await tasks[0] == "/ida ida /x"

    async def test_many_at_once(self):
        app = make_app()

        @app.route("/")
        async def view():
            @copy_current_request_context
            async def work(number):
                await asyncio.sleep(0)
                return f"{number}{request.path}"

            return " ".join(await asyncio.gather(*(work(number) for number in range(3))))

        assert await get(app) == "0/ 1/ 2/"

    async def test_an_error_inside_goes_on_and_leaves_the_copy(self):
        app = make_app()
        async with app.test_request_context("/3"):

            @copy_current_request_context
            async def fail():
                raise LookupError

            @copy_current_request_context
            def fail_now():
                raise LookupError

            before = active.current.get()
            with pytest.raises(LookupError):
                await fail()
            with pytest.raises(LookupError):
                fail_now()
            assert active.current.get() is before

    async def test_of_a_websocket(self):
        app = make_app()

        @app.websocket("/ws")
        async def view():
            @copy_current_websocket_context
            async def send():
                await websocket.send(websocket.path)

            @copy_current_websocket_context
            def path():
                return websocket.path

            await asyncio.create_task(send())
            await websocket.send(await asyncio.to_thread(path))

        async with app.test_client().websocket("/ws") as peer:
            assert await peer.receive() == "/ws"
            assert await peer.receive() == "/ws"

    async def test_of_an_app_context(self):
        app = make_app()
        async with app.app_context():
            g.x = 1

            @copy_current_app_context
            async def work():
                g.x += 1
                return current_app.name

            assert await asyncio.create_task(work(), context=Context()) == __name__
            assert g.x == 2

    async def test_by_hand(self):
        app, seen = make_app(), []
        app.teardown_appcontext(lambda error: seen.append("teardown"))
        async with app.test_request_context("/3") as context:
            context.extension = "set"
            async with context.copy() as copy, copy.copy() as another:
                assert another.extension == "set"
                assert another.request is context.request
                assert another.g is context.g
                assert another.session is context.session
                assert another.url_adapter is not None
            assert seen == []
        assert seen == ["teardown"]

    async def test_need_their_context(self):
        app = make_app()
        for copier, kind in (
            (copy_current_app_context, "app"),
            (copy_current_request_context, "request"),
            (copy_current_websocket_context, "websocket"),
        ):
            with pytest.raises(
                ContextError,
                match=rf"{copier.__name__}\(\) was called outside of a.? {kind} context",
            ):
                copier(get)
        async with app.app_context():
            copy_current_app_context(get)
            with pytest.raises(ContextError, match="outside of a request context"):
                copy_current_request_context(get)
        async with app.test_request_context("/3"):
            with pytest.raises(ContextError, match="outside of a websocket context"):
                copy_current_websocket_context(get)


class TestAppGlobals:
    def test_namespace(self):
        space = AppGlobals()
        assert space.get("x") is None
        assert space.get("x", 1) == 1
        assert "x" not in space
        space.x = 2
        assert (space.x, space.get("x"), "x" in space, list(space)) == (2, 2, True, ["x"])
        assert space.setdefault("x", 3) == 2
        assert space.setdefault("y", 3) == 3
        assert space.setdefault("z") is None
        assert space.pop("y") == 3
        assert space.pop("y", None) is None
        with pytest.raises(KeyError):
            space.pop("y")
        del space.x
        with pytest.raises(AttributeError):
            _ = space.x
        with pytest.raises(AttributeError):
            del space.x

    async def test_repr(self):
        assert repr(AppGlobals()) == "<pottle.g>"
        async with make_app().app_context():
            assert repr(g) == f"<pottle.g of {__name__!r}>"
