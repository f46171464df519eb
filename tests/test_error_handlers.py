"""Errors: which handler gets them, what it is told, and what the client sees if nobody does."""

from __future__ import annotations

import asyncio
import sys

import pytest
from werkzeug.exceptions import (
    BadRequest,
    BadRequestKeyError,
    Conflict,
    Forbidden,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    SecurityError,
)
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as WSGIResponse

from pottle import Blueprint, Pottle, Response, abort, redirect, request, websocket
from pottle.testing import WebsocketClosed, WebsocketResponseError


@pytest.fixture(params=["async", "sync"])
def spelled(request):
    """Turns a plain function into a handler, as a coroutine function or as it is."""

    def spell(func):
        if request.param == "sync":
            return func

        async def handler(error):
            return func(error)

        return handler

    return spell


def make_app(error=None, **config) -> Pottle:
    """An application that raises *error* at ``/``, in a view and in a thread."""
    app = Pottle(__name__)
    app.config.update(config)

    @app.route("/")
    async def index():
        raise error

    @app.route("/thread")
    def thread():
        raise error

    return app


def named(name):
    return lambda error: f"{name}: {error!r}"


async def get(app, path="/", **kwargs):
    response = await app.test_client().open(path, **kwargs)
    return response.status_code, await response.get_data(as_text=True)


class Oops(Exception):
    pass


class Worse(Oops):
    pass


class Teapot(HTTPException):
    code = 418
    description = "short and stout"


class Gone(HTTPException):
    code = 404
    description = "once upon a time"


class TestWhichHandler:
    @pytest.mark.parametrize("path", ["/", "/thread"])
    async def test_by_class(self, spelled, path):
        app = make_app(Oops("x"))
        app.errorhandler(Oops)(spelled(named("oops")))
        assert await get(app, path) == (200, "oops: Oops('x')")

    async def test_by_code(self, spelled):
        app = make_app(NotFound())
        app.register_error_handler(404, spelled(lambda error: (f"no {error.code}", error.code)))
        assert await get(app) == (404, "no 404")
        assert await get(app, "/nowhere") == (404, "no 404")

    async def test_the_nearest_class_counts(self, spelled):
        app = make_app(Worse("x"))
        app.errorhandler(Exception)(spelled(named("exception")))
        assert (await get(app))[1].startswith("exception")
        app.errorhandler(Oops)(spelled(named("oops")))
        assert (await get(app))[1].startswith("oops")
        app.errorhandler(Worse)(spelled(named("worse")))
        assert (await get(app))[1].startswith("worse")

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (NotFound(), "404"),
            (BadRequest(), "bad request"),
            (BadRequestKeyError("x"), "bad request"),
            (SecurityError(), "security"),
            (Conflict(), "http"),
            (Oops(), "exception"),
            (Teapot(), "teapot"),
            (Gone(), "gone"),
        ],
    )
    async def test_code_before_class_before_base(self, error, expected):
        app = make_app(error)
        app.errorhandler(Exception)(named("exception"))
        app.errorhandler(HTTPException)(named("http"))
        app.errorhandler(404)(named("404"))
        app.errorhandler(BadRequest)(named("bad request"))
        app.errorhandler(SecurityError)(named("security"))
        app.errorhandler(Teapot)(named("teapot"))
        app.errorhandler(Gone)(named("gone"))
        assert (await get(app))[1].startswith(f"{expected}: ")

    @pytest.mark.parametrize(
        ("path", "method", "error"),
        [("/nowhere", "GET", NotFound), ("/", "PUT", MethodNotAllowed)],
    )
    async def test_routing_errors_are_for_the_application(self, spelled, path, method, error):
        app = make_app()
        shop = Blueprint("shop", __name__)
        shop.errorhandler(error)(named("never"))
        app.register_blueprint(shop)
        app.errorhandler(error)(spelled(named("app")))
        status, text = await get(app, path, method=method)
        assert (status, text.partition(" ")[0]) == (200, "app:")

    async def test_an_any_handler_sees_routing_errors_but_no_redirects(self):
        app = make_app()
        app.errorhandler(Exception)(named("any"))
        app.errorhandler(RequestRedirect)(named("never"))
        app.add_url_rule("/slash/", "slash", lambda: "")
        assert (await get(app, "/nowhere"))[1].startswith("any: <NotFound")
        assert (await get(app, "/slash"))[0] == 308

    async def test_handlers_may_come_and_go(self):
        app = make_app(Oops(), TESTING=False)
        assert (await get(app))[0] == 500
        app.errorhandler(Oops)(named("late"))
        assert (await get(app))[0] == 200
        del app.error_handler_spec[None][None][Oops]
        assert (await get(app))[0] == 500

    async def test_handlers_of_a_blueprint_come_first(self):
        app = make_app()
        shop = Blueprint("shop", __name__, url_prefix="/shop")

        @shop.route("/<kind>")
        async def fail(kind):
            raise Worse() if kind == "worse" else Forbidden()

        app.register_error_handler(Worse, named("app"))
        shop.register_error_handler(Oops, named("shop"))
        shop.register_error_handler(HTTPException, named("shop"))
        app.register_error_handler(403, named("app"))
        app.register_blueprint(shop)
        # a base class in the blueprint, though the application knows the class itself
        assert (await get(app, "/shop/worse"))[1].startswith("shop")
        # but a code anywhere before a class
        assert (await get(app, "/shop/forbidden"))[1].startswith("app")


class TestWhatItCanDo:
    async def test_return_any_answer(self, spelled):
        app = make_app(Oops())
        app.errorhandler(Oops)(spelled(lambda error: ({"error": "oops"}, 409, {"X-A": "1"})))
        response = await app.test_client().get("/")
        assert (response.status_code, response.headers["X-A"]) == (409, "1")
        assert await response.get_json() == {"error": "oops"}

    async def test_return_the_error_itself(self):
        app = make_app(Teapot())
        app.errorhandler(Teapot)(lambda error: error)
        status, text = await get(app)
        assert status == 418
        assert "short and stout" in text

    async def test_redirect(self, spelled):
        app = make_app(Oops())
        app.errorhandler(Oops)(spelled(lambda error: redirect("/elsewhere")))
        assert (await get(app))[0] == 302

    @pytest.mark.parametrize(("path", "name"), [("/", "index"), ("/thread", "thread")])
    async def test_find_the_traceback(self, path, name):
        app, seen = make_app(Oops()), []

        @app.errorhandler(Oops)
        async def handle(error):
            kind, value, traceback = sys.exc_info()
            while traceback.tb_next is not None:
                traceback = traceback.tb_next
            seen.append((kind, value is error, traceback.tb_frame.f_code.co_name))
            return ""

        await get(app, path)
        assert seen == [(Oops, True, name)]

    async def test_know_the_request(self, spelled):
        app = make_app(Oops())
        app.errorhandler(Oops)(spelled(lambda error: f"{request.endpoint} {request.path}"))
        assert (await get(app))[1] == "index /"

    @pytest.mark.parametrize("failure", [LookupError("in the handler"), Conflict()])
    async def test_fail(self, failure, caplog):
        """As in Flask: no other handler is asked but that for 500."""
        app = make_app(Oops())
        app.errorhandler(LookupError)(named("never"))
        app.errorhandler(409)(named("never"))

        @app.errorhandler(Oops)
        async def handle(error):
            raise failure

        status, text = await get(app)
        assert status == 500
        assert "in the handler" not in text
        assert repr(failure.args[0] if failure.args else "409 Conflict")[1:-1] in caplog.text
        app.errorhandler(500)(lambda error: (repr(error.original_exception), 500))
        assert await get(app) == (500, repr(failure))


class TestUnhandled:
    async def test_is_a_500_that_tells_nothing_and_is_logged(self, caplog):
        app = make_app(Oops("secret"))
        status, text = await get(app, "/?q=1")
        assert status == 500
        assert "secret" not in text
        record = caplog.records[-1]
        assert record.name == __name__
        assert record.getMessage() == "Exception on request GET /"
        assert record.exc_info[1].args == ("secret",)

    @pytest.mark.parametrize("what", [500, InternalServerError])
    async def test_the_handler_for_500(self, spelled, what):
        app, seen = make_app(Oops("x")), []

        def handle(error):
            seen.append((type(error), repr(error.original_exception)))
            return "sorry", 500

        app.errorhandler(what)(spelled(handle))
        app.after_request(lambda response: seen.append(response.status_code) or response)
        assert await get(app) == (500, "sorry")
        assert seen == [(InternalServerError, "Oops('x')"), 500]

    async def test_the_handler_for_500_gets_an_abort_too(self, spelled):
        app = make_app(InternalServerError())
        app.errorhandler(500)(spelled(lambda error: (f"{error.original_exception}", 500)))
        assert await get(app) == (500, "None")

    async def test_the_handler_for_all_http_errors_gets_it(self, spelled):
        app = make_app(Oops("x"))
        app.errorhandler(HTTPException)(spelled(lambda error: (f"{error.code}", error.code)))
        assert await get(app) == (500, "500")

    async def test_a_failing_handler_for_500_is_a_bare_500(self, caplog):
        app = make_app(Oops("the first"))

        @app.errorhandler(500)
        async def handle(error):
            raise LookupError("the second")

        status, text = await get(app)
        assert status == 500
        assert "the" not in text.partition("<p>")[0]
        assert "the first" in caplog.text
        assert "the second" in caplog.text

    async def test_a_failing_session_is_a_bare_500(self, caplog):
        class Broken(Pottle.session_interface.__class__):
            async def open_session(self, app, request):
                raise LookupError("secret session")

        app = make_app()
        app.session_interface = Broken()
        status, text = await get(app)
        assert status == 500
        assert "secret" not in text
        assert "secret session" in caplog.text

    @pytest.mark.parametrize(
        ("config", "raises"),
        [
            ({}, False),
            ({"TESTING": True}, True),
            ({"DEBUG": True}, True),
            ({"PROPAGATE_EXCEPTIONS": True}, True),
            ({"PROPAGATE_EXCEPTIONS": False, "TESTING": True, "DEBUG": True}, False),
        ],
    )
    async def test_may_propagate(self, config, raises, caplog):
        app = make_app(Oops("x"), **config)
        app.errorhandler(500)(lambda error: ("handled", 500))
        if raises:
            with pytest.raises(Oops):
                await get(app)
            assert not caplog.records
        else:
            assert await get(app) == (500, "handled")
            assert "Oops" in caplog.text

    async def test_propagation_may_change_at_any_time(self):
        app = make_app(Oops("x"))
        assert (await get(app))[0] == 500
        app.testing = True
        with pytest.raises(Oops):
            await get(app)
        app.testing = False
        assert (await get(app))[0] == 500

    async def test_handled_errors_do_not_propagate(self):
        app = make_app(Oops("x"), TESTING=True)
        app.errorhandler(Oops)(named("oops"))
        assert await get(app) == (200, "oops: Oops('x')")
        assert (await get(app, "/nowhere"))[0] == 404

    def test_none_is_ignored(self):
        assert not make_app().should_ignore_error(Oops())

    async def test_log_exception_may_be_called_as_in_flask(self, caplog):
        app = make_app()
        try:
            raise Oops("x")
        except Oops:
            app.log_exception(sys.exc_info())
            assert caplog.records[-1].getMessage() == "Exception in the application"
            async with app.test_request_context("/path", method="POST"):
                app.log_exception(sys.exc_info())
        assert caplog.records[-1].getMessage() == "Exception on request POST /path"
        assert caplog.records[-1].exc_info[0] is Oops


class TestHttpErrors:
    async def test_of_the_programs_own(self):
        status, text = await get(make_app(Teapot()))
        assert status == 418
        assert "short and stout" in text

    async def test_without_a_code_nothing_handles_it(self):
        """A code is what makes it an error; without one it is just an answer, as in Flask."""
        app = make_app(HTTPException(response=WSGIResponse("held")))
        app.errorhandler(HTTPException)(named("never"))
        assert await get(app) == (200, "held")

    async def test_abort_with_a_response(self):
        app, seen = make_app(), []
        app.errorhandler(HTTPException)(named("never"))
        app.after_request(lambda response: seen.append(type(response)) or response)

        @app.route("/ours")
        async def ours():
            abort(Response("ours", 418))

        @app.route("/theirs")
        async def theirs():
            abort(WSGIResponse("theirs", 418))

        assert await get(app, "/ours") == (418, "ours")
        assert await get(app, "/theirs") == (418, "theirs")
        assert seen == [Response, Response]

    async def test_abort_with_a_description(self):
        app = make_app()

        @app.route("/denied")
        async def denied():
            abort(403, "not you")

        status, text = await get(app, "/denied")
        assert status == 403
        assert "not you" in text

    async def test_all_reach_after_request_as_our_responses(self):
        app, seen = make_app(Oops()), []
        app.after_request(lambda response: seen.append(type(response)) or response)
        await get(app, "/nowhere")
        await get(app, "/", method="PUT")
        await get(app)
        assert seen == [Response] * 3


class TestTraps:
    async def test_http_exceptions_off(self):
        app = make_app(NotFound())
        assert (await get(app))[0] == 404

    async def test_http_exceptions_on(self):
        app = make_app(NotFound(), TRAP_HTTP_EXCEPTIONS=True)
        app.errorhandler(500)(lambda error: (type(error.original_exception).__name__, 500))
        assert await get(app) == (500, "NotFound")
        assert await get(app, "/nowhere") == (500, "NotFound")
        app.errorhandler(404)(named("handled"))
        assert (await get(app))[1].startswith("handled")

    @pytest.mark.parametrize(
        ("config", "key_error", "bad_request"),
        [
            ({}, 400, 400),
            ({"TRAP_BAD_REQUEST_ERRORS": True}, 500, 500),
            ({"TRAP_BAD_REQUEST_ERRORS": False}, 400, 400),
            ({"DEBUG": True}, 500, 400),
            ({"DEBUG": True, "TRAP_BAD_REQUEST_ERRORS": False}, 400, 400),
            ({"TESTING": True}, 400, 400),
        ],
    )
    async def test_bad_requests(self, config, key_error, bad_request):
        app = make_app(BadRequest(), **{**config, "PROPAGATE_EXCEPTIONS": False})

        @app.route("/key")
        async def key():
            return request.args["missing"]

        assert (await get(app, "/key"))[0] == key_error
        assert (await get(app))[0] == bad_request

    @pytest.mark.parametrize("debug", [True, False])
    async def test_debug_mode_names_the_missing_key(self, debug):
        app = make_app(DEBUG=debug, TRAP_BAD_REQUEST_ERRORS=False)

        @app.route("/key")
        async def key():
            return request.args["missing"]

        assert ("missing" in (await get(app, "/key"))[1]) is debug

    async def test_trap_http_exception_may_be_overridden(self):
        class Own(Pottle):
            def trap_http_exception(self, e):
                return isinstance(e, Teapot)

        app = Own(__name__)

        @app.route("/")
        async def index():
            raise Teapot()

        assert (await get(app))[0] == 500
        assert (await get(app, "/nowhere"))[0] == 404


class TestWebsockets:
    async def rejection(self, app, path="/"):
        async with app.test_client().websocket(path) as peer:
            with pytest.raises(WebsocketResponseError) as info:
                await peer.receive()
        response = info.value.response
        return response.status_code, await response.get_data(as_text=True)

    def make_app(self, error, **config):
        app = Pottle(__name__)
        app.config.update(config)

        @app.websocket("/")
        async def ws():
            raise error

        return app

    async def test_a_handler_makes_the_rejection(self, spelled):
        app = self.make_app(Oops("x"))
        app.errorhandler(Oops)(spelled(lambda error: (f"{websocket.path} {error}", 409)))
        assert await self.rejection(app) == (409, "/ x")

    async def test_an_abort_rejects(self):
        status, _ = await self.rejection(self.make_app(Forbidden()))
        assert status == 403

    async def test_unmatched(self, spelled):
        app = self.make_app(Oops())
        app.errorhandler(404)(spelled(lambda error: ("nothing here", 404)))
        assert await self.rejection(app, "/nowhere") == (404, "nothing here")

    async def test_unhandled(self, caplog):
        app = self.make_app(Oops("secret"))
        status, text = await self.rejection(app)
        assert status == 500
        assert "secret" not in text
        assert caplog.records[-1].getMessage() == "Exception on websocket /"

    async def test_the_handler_for_500(self, spelled):
        app = self.make_app(Oops("x"))
        app.errorhandler(500)(spelled(lambda error: (repr(error.original_exception), 500)))
        assert await self.rejection(app) == (500, "Oops('x')")

    async def test_propagates_in_tests(self):
        app = self.make_app(Oops("x"), TESTING=True)
        with pytest.raises(Oops):
            async with app.test_client().websocket("/") as peer:
                await peer.receive()


class TestCancellation:
    """A view may await a task that somebody else has cancelled; its own client is still there."""

    @pytest.fixture(params=["hooks", "no hooks"])
    def app(self, request):
        app = Pottle(__name__)
        if request.param == "hooks":
            app.teardown_request(lambda error: None)

        @app.get("/")
        async def index():
            task = asyncio.create_task(asyncio.sleep(60))
            task.cancel()
            await task

        @app.websocket("/")
        async def talk():
            await websocket.accept()
            await index()

        @app.get("/wait")
        async def wait():
            app.waiting.set()
            await asyncio.sleep(60)

        app.waiting = asyncio.Event()
        return app

    async def test_that_nobody_asked_for_is_an_error(self, app, caplog):
        response = await app.test_client().get("/")
        assert response.status_code == 500
        assert caplog.records[-1].getMessage() == "Exception on request GET /"

    async def test_in_a_websocket(self, app, caplog):
        async with app.test_client().websocket("/") as peer:
            with pytest.raises(WebsocketClosed, match="1011"):
                await peer.receive()
        assert caplog.records[-1].getMessage() == "Exception on websocket /"

    async def test_of_the_request_itself_goes_on(self, app, caplog):
        scope = {"type": "http", "method": "GET", "path": "/wait", "headers": []}
        scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http"}
        sent = []

        async def receive():
            await asyncio.Event().wait()

        async def send(message):
            sent.append(message)

        task = asyncio.create_task(app(scope, receive, send))
        await app.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sent == []
        assert not caplog.records
