"""What runs around a view: hooks, functions left for after the answer, teardown; and in which order.

The order across blueprints is in test_blueprints.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from pottle import (
    Pottle,
    Response,
    abort,
    after_this_request,
    g,
    request,
    session,
    websocket,
)
from pottle.ctx import after_this_websocket
from pottle.errors import ContextError, ResultError
from pottle.testing import WebsocketResponseError

colour: ContextVar[str] = ContextVar("colour", default="unset")


@pytest.fixture(params=["async", "sync"])
def spelled(request):
    """Turns a plain function into a hook, as a coroutine function or as it is."""

    def spell(func):
        if request.param == "sync":
            return func

        async def hook(*args):
            await asyncio.sleep(0)
            return func(*args)

        hook.__name__ = func.__name__
        return hook

    return spell


def make_app(**config) -> Pottle:
    app = Pottle(__name__)
    app.config.update({"TESTING": True, **config})

    @app.route("/")
    async def index():
        g.seen = [*g.get("seen", []), "view"]
        return "view"

    @app.websocket("/ws")
    async def ws():
        g.seen = [*g.get("seen", []), "handler"]
        await websocket.send("sent")

    return app


async def get(app, path="/", **kwargs):
    response = await app.test_client().get(path, **kwargs)
    return await response.get_data(as_text=True)


class TestBefore:
    async def test_none_goes_on(self, spelled):
        app, seen = make_app(), []
        app.before_request(spelled(lambda: seen.append("one")))
        app.before_request(spelled(lambda: seen.append("two")))
        assert await get(app) == "view"
        assert seen == ["one", "two"]

    @pytest.mark.parametrize("early", ["early", ("early", 200), {"a": 1}, b"", []])
    async def test_anything_else_is_the_answer(self, spelled, early):
        app, seen = make_app(), []
        app.before_request(spelled(lambda: early))
        app.before_request(spelled(lambda: seen.append("never")))
        app.after_request(spelled(lambda response: seen.append("after") or response))
        app.teardown_request(spelled(lambda error: seen.append(error)))
        async with app.app_context():
            expected = await app.make_response(early).get_data(as_text=True)
        assert await get(app) == expected
        assert seen == ["after", None]

    async def test_raising_is_as_raising_in_the_view(self, spelled):
        app = make_app()

        def deny():
            abort(403)

        app.before_request(spelled(deny))
        app.errorhandler(403)(spelled(lambda error: "handled"))
        assert await get(app) == "handled"

    async def test_runs_for_what_matches_nothing(self, spelled):
        app = make_app()
        app.before_request(spelled(lambda: "early"))
        assert await get(app, "/nowhere") == "early"

    async def test_knows_the_request(self, spelled):
        app, seen = make_app(), []
        app.before_request(
            spelled(lambda: seen.append((request.endpoint, request.path, request.view_args)))
        )
        await get(app)
        await get(app, "/nowhere")
        assert seen == [("index", "/", {}), (None, "/nowhere", None)]


class TestAfter:
    async def test_last_registered_runs_first(self, spelled):
        app = make_app()

        def mark(number):
            def hook(response):
                response.headers.add("X-Mark", number)
                return response

            return spelled(hook)

        app.after_request(mark("1"))
        app.after_request(mark("2"))
        response = await app.test_client().get("/")
        assert response.headers.getlist("X-Mark") == ["2", "1"]

    async def test_may_replace_the_response(self, spelled):
        app = make_app()
        app.after_request(spelled(lambda response: Response("replaced", 203)))
        response = await app.test_client().get("/")
        assert (response.status_code, await response.get_data()) == (203, b"replaced")

    async def test_may_change_the_body(self, spelled):
        app = make_app()

        def change(response):
            response.set_data("changed")
            return response

        app.after_request(spelled(change))
        response = await app.test_client().get("/")
        assert (response.content_length, await response.get_data()) == (7, b"changed")

    async def test_none_is_an_error_that_names_the_hook(self, spelled):
        app = make_app()

        def forgetful(response):
            return None

        app.after_request(spelled(forgetful))
        with pytest.raises(ResultError, match="after hook 'forgetful' returned None instead of"):
            await get(app)

    async def test_runs_for_errors_and_unmatched_urls(self, spelled):
        app, seen = make_app(TESTING=False), []

        @app.route("/fail")
        async def fail():
            raise LookupError("failed")

        app.after_request(
            spelled(
                lambda response: seen.append((type(response), response.status_code)) or response
            )
        )
        for path in ("/", "/nowhere", "/fail"):
            await get(app, path)
        assert seen == [(Response, 200), (Response, 404), (Response, 500)]

    async def test_failing_is_a_500_that_it_sees_again(self, spelled, caplog):
        """As in Flask: the 500 runs through the hooks too, and what fails then is logged."""
        app, seen = make_app(TESTING=False), []

        def fail(response):
            seen.append(response.status_code)
            raise LookupError("after failed")

        app.after_request(spelled(fail))
        app.errorhandler(LookupError)(spelled(lambda error: "not for errors of after hooks"))
        response = await app.test_client().get("/")
        assert response.status_code == 500
        assert seen == [200, 500]
        assert "An after hook failed for the answer to an error" in caplog.text

    async def test_a_streamed_answer_has_its_hooks_before_its_body(self, spelled):
        app, seen = make_app(), []

        @app.route("/stream")
        async def stream():
            async def body():
                seen.append("body")
                yield "body"

            return body()

        app.after_request(spelled(lambda response: seen.append("after") or response))
        app.teardown_request(spelled(lambda error: seen.append("teardown")))
        assert await get(app, "/stream") == "body"
        assert seen == ["after", "body", "teardown"]


class TestAfterThis:
    async def test_request(self, spelled):
        app = make_app()

        def mark(text):
            def function(response):
                response.headers.add("X-Mark", text)
                return response

            return spelled(function)

        @app.route("/marked")
        async def marked():
            after_this_request(mark("one"))
            after_this_request(mark("two"))
            return "marked"

        app.after_request(mark("hook"))
        response = await app.test_client().get("/marked")
        assert response.headers.getlist("X-Mark") == ["one", "two", "hook"]
        assert "one" not in (await app.test_client().get("/")).headers.getlist("X-Mark")

    async def test_alone_is_enough_to_run(self, spelled):
        app = make_app()

        @app.route("/replaced")
        async def replaced():
            after_this_request(spelled(lambda response: Response("replaced")))
            return "original"

        assert await get(app, "/replaced") == "replaced"

    async def test_as_decorator_returns_the_function(self):
        app = make_app()
        async with app.test_request_context("/"):

            @after_this_request
            def function(response):
                return response

            assert function("x") == "x"

    async def test_runs_for_a_handled_error_too(self):
        app = make_app()

        @app.route("/fail")
        async def fail():
            @after_this_request
            async def mark(response):
                response.headers["X-Mark"] = "yes"
                return response

            abort(409)

        response = await app.test_client().get("/fail")
        assert (response.status_code, response.headers["X-Mark"]) == (409, "yes")

    async def test_needs_the_right_context(self):
        app = make_app()
        with pytest.raises(ContextError, match=r"after_this_request\(\) .*outside of a request"):
            after_this_request(print)
        async with app.test_request_context("/"):
            with pytest.raises(ContextError, match="outside of a websocket context"):
                after_this_websocket(print)

    async def test_websocket(self, spelled):
        app, seen = make_app(), []

        @app.websocket("/noted")
        async def noted():
            after_this_websocket(spelled(lambda response: seen.append(response)))
            await websocket.send("sent")

        async with app.test_client().websocket("/noted") as peer:
            assert await peer.receive() == "sent"
        assert seen == [None]

    @pytest.mark.parametrize("hooked", [False, True])
    async def test_websocket_whose_client_leaves(self, spelled, hooked):
        app, seen = make_app(), []
        if hooked:
            app.after_websocket(spelled(lambda response: seen.append(("hook", response))))

        @app.websocket("/noted")
        async def noted():
            after_this_websocket(spelled(lambda response: seen.append(("this", response))))
            await websocket.send("sent")
            while True:
                await websocket.receive()

        async with app.test_client().websocket("/noted") as peer:
            assert await peer.receive() == "sent"
        assert seen == [("this", None), ("hook", None)][: 1 + hooked]

    async def test_websocket_that_is_rejected(self, spelled):
        app, seen = make_app(), []

        @app.websocket("/rejected")
        async def rejected():
            def mark(response):
                seen.append(response.status_code)
                response.headers["X-Mark"] = "yes"
                return response

            after_this_websocket(spelled(mark))
            abort(403)

        async with app.test_client().websocket("/rejected") as peer:
            with pytest.raises(WebsocketResponseError) as info:
                await peer.receive()
        assert seen == [403]
        assert info.value.response.headers["X-Mark"] == "yes"


class TestWebsocketHooks:
    async def test_order(self, spelled):
        app, seen = make_app(), []
        for number in "12":
            app.before_websocket(spelled(lambda n=number: seen.append(f"before {n}")))
            app.after_websocket(spelled(lambda _, n=number: seen.append(f"after {n}")))
            app.teardown_websocket(spelled(lambda _, n=number: seen.append(f"teardown {n}")))
        app.before_request(spelled(lambda: seen.append("never")))
        async with app.test_client().websocket("/ws") as peer:
            assert await peer.receive() == "sent"
        assert seen == ["before 1", "before 2", "after 2", "after 1", "teardown 2", "teardown 1"]

    async def test_before_may_reject(self, spelled):
        app = make_app()
        app.before_websocket(spelled(lambda: ("no", 401, {"X-Why": "because"})))
        async with app.test_client().websocket("/ws") as peer:
            with pytest.raises(WebsocketResponseError) as info:
                await peer.receive()
        response = info.value.response
        assert (response.status_code, response.headers["X-Why"]) == (401, "because")
        assert await response.get_data() == b"no"

    async def test_after_may_replace_the_rejection(self, spelled):
        app = make_app()
        app.before_websocket(spelled(lambda: ("no", 401)))
        app.after_websocket(spelled(lambda response: Response("other", 402)))
        async with app.test_client().websocket("/ws") as peer:
            with pytest.raises(WebsocketResponseError) as info:
                await peer.receive()
        assert info.value.response.status_code == 402


class TestUrlValues:
    async def test_preprocessors_may_change_the_arguments(self, spelled):
        app = make_app()

        def take(endpoint, values):
            g.language = (endpoint, values.pop("language", None))

        app.url_value_preprocessor(spelled(take))

        @app.route("/<language>/<int:number>")
        async def view(number):
            return f"{g.language} {number} {request.view_args}"

        assert await get(app, "/de/3") == "('view', 'de') 3 {'number': 3}"

    async def test_run_before_the_hooks(self, spelled):
        app, seen = make_app(), []
        app.before_request(spelled(lambda: seen.append("before")))
        app.url_value_preprocessor(spelled(lambda endpoint, values: seen.append(endpoint)))
        await get(app)
        assert seen == ["index", "before"]

    async def test_of_what_matches_nothing(self, spelled):
        app, seen = make_app(), []
        app.url_value_preprocessor(spelled(lambda *args: seen.append(args)))
        await get(app, "/nowhere")
        assert seen == [(None, None)]

    async def test_arguments_may_be_assigned(self, spelled):
        app = make_app()

        def change():
            request.view_args = {"number": 5}

        app.before_request(spelled(change))

        @app.route("/<int:number>")
        async def view(number):
            return str(number)

        assert await get(app, "/3") == "5"


class TestTeardown:
    """Teardown functions are told of the error that nobody handled."""

    @pytest.mark.parametrize(
        ("path", "told"),
        [
            ("/", "None"),
            ("/abort", "None"),
            ("/nowhere", "None"),
            ("/handled", "None"),
            ("/fail", "KeyError('fail')"),
        ],
    )
    async def test_what_they_get(self, spelled, path, told):
        app, seen = make_app(TESTING=False), []

        @app.route("/abort")
        async def aborted():
            abort(404)

        @app.route("/fail")
        async def fail():
            raise KeyError("fail")

        @app.route("/handled")
        async def handled():
            raise ValueError("handled")

        app.errorhandler(ValueError)(spelled(lambda error: "handled"))
        app.teardown_request(spelled(lambda error: seen.append(f"request {error!r}")))
        app.teardown_appcontext(spelled(lambda error: seen.append(f"context {error!r}")))
        await get(app, path)
        assert seen == [f"request {told}", f"context {told}"]

    async def test_gets_what_propagates(self, spelled):
        app, seen = make_app(), []

        @app.route("/fail")
        async def fail():
            raise KeyError("fail")

        app.teardown_request(spelled(lambda error: seen.append(repr(error))))
        with pytest.raises(KeyError, match="fail"):
            await get(app, "/fail")
        assert seen == ["KeyError('fail')"]

    async def test_gets_the_error_of_an_after_hook(self, spelled):
        app, seen = make_app(TESTING=False), []

        def fail(response):
            raise KeyError("after")

        app.after_request(spelled(fail))
        app.teardown_request(spelled(lambda error: seen.append(repr(error))))
        await get(app)
        assert seen == ["KeyError('after')"]

    async def test_all_run_backwards_though_some_fail(self, spelled):
        app, seen = make_app(), []

        def fail(number):
            def function(error):
                seen.append(number)
                raise LookupError(number)

            return spelled(function)

        app.teardown_request(spelled(lambda error: seen.append(1)))
        app.teardown_request(fail(2))
        app.teardown_request(spelled(lambda error: seen.append(3)))
        app.teardown_appcontext(spelled(lambda error: seen.append(4)))
        app.teardown_appcontext(fail(5))
        app.teardown_appcontext(spelled(lambda error: seen.append(6)))
        with pytest.raises(ExceptionGroup, match="while a context was torn down") as info:
            await get(app)
        assert seen == [3, 2, 1, 6, 5, 4]
        assert [error.args for error in info.value.exceptions] == [(2,), (5,)]

    async def test_a_single_error_is_raised_as_itself(self, spelled):
        app = make_app()

        def fail(error):
            raise LookupError("teardown")

        app.teardown_request(spelled(fail))
        with pytest.raises(LookupError, match="teardown"):
            await get(app)

    @pytest.mark.parametrize("when", ["teardown_request", "teardown_appcontext"])
    async def test_failing_is_a_bare_500(self, spelled, when, caplog):
        app = make_app(TESTING=False)

        def fail(error):
            raise LookupError("secret teardown")

        getattr(app, when)(spelled(fail))
        response = await app.test_client().get("/")
        assert response.status_code == 500
        assert "secret" not in await response.get_data(as_text=True)
        assert "secret teardown" in caplog.text

    async def test_failing_does_not_hide_the_error_of_the_view(self, spelled, caplog):
        app = make_app()

        @app.route("/fail")
        async def fail():
            raise KeyError("of the view")

        def fail_too(error):
            raise LookupError("of the teardown")

        app.teardown_request(spelled(fail_too))
        with pytest.raises(KeyError, match="of the view"):
            await get(app, "/fail")
        assert "of the teardown" in caplog.text

    @pytest.mark.parametrize("path", ["/ws", "/ws/fail"])
    async def test_of_websockets(self, spelled, path):
        app, seen = make_app(TESTING=False), []

        @app.websocket("/ws/fail")
        async def fail():
            raise KeyError("fail")

        app.teardown_websocket(spelled(lambda error: seen.append(repr(error))))
        app.teardown_appcontext(spelled(lambda error: seen.append(repr(error))))
        async with app.test_client().websocket(path) as peer:
            with pytest.raises(Exception):  # noqa: B017 - closed or rejected
                await peer.receive()
                await peer.receive()
        assert seen == (["KeyError('fail')"] * 2 if "fail" in path else ["None"] * 2)

    async def test_of_an_app_context(self, spelled):
        app, seen = make_app(), []
        app.teardown_request(spelled(lambda error: seen.append("never")))
        app.teardown_appcontext(spelled(lambda error: seen.append(repr(error))))
        async with app.app_context():
            pass
        with pytest.raises(KeyError):
            async with app.app_context():
                raise KeyError("inside")
        assert seen == ["None", "KeyError('inside')"]


class TestThreads:
    """Plain functions run in threads, and see and set what coroutine functions do."""

    async def test_they_run_elsewhere(self):
        app = make_app()

        @app.route("/thread")
        def view():
            return threading.current_thread().name

        assert (await get(app, "/thread")).startswith("pottle")
        assert threading.current_thread() is threading.main_thread()

    async def test_context_variables_come_back(self, spelled):
        app, seen = make_app(), []

        def paint():
            colour.set("blue")

        def look(response):
            seen.append(colour.get())
            return response

        @app.route("/painted")
        def view():
            seen.append(colour.get())
            colour.set("green")
            return "painted"

        @app.teardown_request
        def teardown(error):
            seen.append(colour.get())

        app.before_request(spelled(paint))
        app.after_request(spelled(look))
        assert await get(app, "/painted") == "painted"
        assert seen == ["blue", "green", "green"]
        assert colour.get() == "unset"

    async def test_a_bare_view_sets_variables_for_its_generator(self):
        app = make_app()

        @app.route("/painted")
        def view():
            colour.set("red")
            return generate()

        def generate():
            yield colour.get()
            colour.set("yellow")
            yield " "
            yield colour.get()

        assert await get(app, "/painted") == "red yellow"

    async def test_generator_view(self):
        """A view that is itself a generator function is a stream, in one context throughout."""
        app = make_app()

        @app.route("/sync/<name>")
        def sync(name):
            colour.set(name)
            yield f"{request.endpoint} "
            yield colour.get()

        @app.route("/async/<name>")
        async def asynchronous(name):
            colour.set(name)
            yield f"{request.endpoint} "
            yield colour.get()

        assert await get(app, "/sync/ida") == "sync ida"
        assert await get(app, "/async/ida") == "asynchronous ida"

    async def test_g_and_session_are_shared(self, spelled):
        app = make_app()
        app.secret_key = "s3"

        def note():
            g.noted = "noted"
            session["noted"] = "too"

        app.before_request(spelled(note))

        @app.route("/read")
        def view():
            return f"{g.noted} {session['noted']}"

        response = await app.test_client().get("/read")
        assert await response.get_data() == b"noted too"
        assert "session=" in response.headers["Set-Cookie"]

    async def test_stop_iteration_is_an_error_like_any(self):
        app = make_app(TESTING=False)

        @app.route("/stop")
        def view():
            raise StopIteration("lost")

        @app.errorhandler(RuntimeError)  # what Python makes of it in a coroutine
        def handle(error):
            return f"handled {error.__cause__!r}"

        assert await get(app, "/stop") == "handled StopIteration('lost')"
