"""Error handlers, abort, unhandled errors."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, page, ws

TEXT_500 = (
    "The server encountered an internal error and was unable to complete your request. "
    "Either the server is overloaded or there is an error in the application."
)
BARE_500 = {
    "0.status": 500,
    "0.headers": {"content-length": ["265"], "content-type": ["text/html; charset=utf-8"]},
    "0.body": page(0, "500 Internal Server Error", TEXT_500)["0.body"],
    "0.raised": ABSENT,
}

CASES: list[Case] = [
    case(
        "abort",
        """
        from werkzeug.exceptions import Unauthorized, MethodNotAllowed, TooManyRequests, RequestedRangeNotSatisfiable
        from werkzeug.datastructures import WWWAuthenticate
        @app.route("/<int:code>")
        async def view(code):
            abort(code)
        @app.route("/text/<int:code>")
        async def text_(code):
            abort(code, "because <b>")
        @app.route("/description")
        async def description():
            abort(404, description="the description")
        @app.route("/response")
        async def response():
            abort(Response("own", 418, {"X-A": "1"}))
        @app.route("/auth")
        async def auth():
            raise Unauthorized("who?", www_authenticate=WWWAuthenticate("basic", {"realm": "x"}))
        @app.route("/allow")
        async def allow():
            raise MethodNotAllowed(["GET", "PUT"])
        @app.route("/retry")
        async def retry():
            raise TooManyRequests(retry_after=5)
        @app.route("/range")
        async def range_():
            raise RequestedRangeNotSatisfiable(10)
        @app.route("/exception")
        async def exception():
            abort(404, response=Response("r", 200))
    """,
        *(
            f"GET /{number}"
            for number in (
                400,
                401,
                403,
                404,
                405,
                406,
                408,
                409,
                410,
                411,
                412,
                413,
                414,
                415,
                416,
                417,
                418,
                421,
                422,
                423,
                424,
                428,
                429,
                431,
                451,
                500,
                501,
                502,
                503,
                504,
                505,
            )
        ),
        *(f"GET /text/{number}" for number in (400, 404, 500, 503)),
        "GET /description",
        "GET /response",
        "GET /auth",
        "GET /allow",
        "GET /retry",
        "GET /range",
        "GET /exception",
    ),
    case(
        "abort-unknown-code",
        """
        @app.route("/<int:code>")
        async def view(code):
            abort(code)
    """,
        "GET /299",
        "GET /599",
        "GET /999",
    ),
    case(
        "abort-outside", "", code("abort(404)"), code("app.aborter(403)"), code("app.aborter(299)")
    ),
    case(
        "aborter",
        """
        from werkzeug.exceptions import HTTPException
        class Teapot(HTTPException):
            code = 499
            description = "short"
        class Mine(Quart):
            def make_aborter(self):
                aborter = super().make_aborter()
                aborter.mapping[499] = Teapot
                return aborter
        app = Mine(__name__)
        @app.route("/")
        async def view():
            abort(499)
        @app.errorhandler(Teapot)
        async def handler(error):
            return error.description, 499
    """,
        "GET /",
    ),
    case(
        "handlers",
        """
        from werkzeug.exceptions import NotFound, HTTPException, Forbidden
        class Base(Exception): pass
        class Derived(Base): pass
        class Http(HTTPException):
            code = 409
        @app.errorhandler(404)
        async def missing(error):
            return f"404 {type(error).__name__} {error.code} {error.description[:9]}", 404
        @app.errorhandler(Forbidden)
        async def forbidden(error):
            return {"error": error.name}, 403
        @app.errorhandler(Base)
        async def base(error):
            return "base " + type(error).__name__, 400
        @app.errorhandler(HTTPException)
        async def http_(error):
            return f"http {error.code}", error.code
        @app.errorhandler(ZeroDivisionError)
        def zero(error):
            return "zero", 501, {"X-Zero": "1"}
        @app.errorhandler(KeyError)
        async def key(error):
            raise Derived()
        @app.errorhandler(LookupError)
        async def lookup(error):
            abort(403)
        @app.route("/<name>")
        async def view(name):
            raise {"base": Base, "derived": Derived, "http": Http, "zero": ZeroDivisionError, "key": KeyError, "index": IndexError, "value": ValueError, "forbidden": Forbidden}[name]()
        @app.route("/gone")
        async def gone():
            abort(410)
    """,
        "GET /base",
        "GET /derived",
        "GET /http",
        "GET /zero",
        "GET /key",
        "GET /index",
        "GET /value",
        "GET /forbidden",
        "GET /gone",
        "GET /a/b",
        "POST /gone",
    ),
    case(
        "handler-500",
        """
        @app.errorhandler(500)
        async def handler(error):
            note(kind(error), kind(error.original_exception) if getattr(error, "original_exception", None) else None, error.code)
            return "handled", 500
        @app.route("/")
        async def view():
            raise ValueError("x")
        @app.route("/abort")
        async def aborting():
            abort(500)
    """,
        "GET /",
        "GET /abort",
    ),
    case(
        "handler-internal-server-error",
        """
        from werkzeug.exceptions import InternalServerError
        @app.errorhandler(InternalServerError)
        async def handler(error):
            note(kind(error.original_exception) if error.original_exception else None)
            return "handled", 500
        @app.route("/")
        async def view():
            return 1 / 0
    """,
        "GET /",
    ),
    case(
        "handler-exception",
        """
        @app.errorhandler(Exception)
        async def handler(error):
            note(kind(error))
            return "handled " + kind(error), 500
        @app.route("/")
        async def view():
            return 1 / 0
        @app.route("/none")
        async def none():
            return None
    """,
        "GET /",
        "GET /no",
        "POST /",
        "GET /none",
    ),
    case(
        "handler-exception-and-500",
        """
        @app.errorhandler(Exception)
        async def handler(error):
            return "exception", 500
        @app.errorhandler(500)
        async def handler2(error):
            return "500", 500
        @app.route("/")
        async def view():
            return 1 / 0
        @app.route("/abort")
        async def aborting():
            abort(500)
    """,
        "GET /",
        "GET /abort",
    ),
    case(
        "handler-fails",
        """
        @app.errorhandler(ValueError)
        async def handler(error):
            raise KeyError("in handler")
        @app.errorhandler(404)
        async def missing(error):
            raise ValueError("again")
        @app.route("/")
        async def view():
            raise ValueError()
    """,
        "GET /",
        "GET /no",
    ),
    case(
        "handler-500-fails",
        """
        @app.errorhandler(500)
        async def handler(error):
            raise KeyError("in handler")
        @app.route("/")
        async def view():
            raise ValueError()
    """,
        "GET /",
        differs=Differs(
            "ledger 1",
            {
                **BARE_500,
                "0.logged": [
                    "ERROR Exception on request GET / (ValueError)",
                    "ERROR Exception on request GET / (KeyError)",
                ],
            },
        ),
    ),
    case(
        "handler-returns",
        """
        @app.errorhandler(404)
        async def a(error):
            return error
        @app.errorhandler(403)
        async def b(error):
            return error, 404
        @app.errorhandler(409)
        async def c(error):
            return error.get_response()
        @app.errorhandler(400)
        async def d(error):
            return {"code": error.code, "name": error.name, "description": error.description}, error.code
        @app.errorhandler(410)
        async def e(error):
            return None
        @app.errorhandler(401)
        async def f(error):
            return redirect("/login")
        @app.errorhandler(418)
        async def h(error):
            return await render_template_string("{{ e }}", e=error), 418
        @app.route("/<int:code>")
        async def view(code):
            abort(code)
    """,
        *(f"GET /{number}" for number in (404, 403, 409, 400, 410, 401, 418)),
    ),
    case(
        "register-error-handler",
        """
        async def handler(error):
            return "x", 404
        app.register_error_handler(404, handler)
        app.register_error_handler(ValueError, lambda error: ("value", 400))
        found = []
        for bad in (999, "404", ValueError(), object, 299):
            try:
                app.register_error_handler(bad, handler)
                found.append("fine")
            except Exception as error:
                found.append(kind(error))
        @app.route("/")
        async def view():
            raise ValueError
    """,
        "GET /",
        "GET /no",
        code("return found"),
    ),
    case(
        "error-handler-decorator-returns",
        """
        async def handler(error):
            return "x"
        same = app.errorhandler(404)(handler) is handler
    """,
        code("return same"),
    ),
    case(
        "unhandled",
        """
        @app.route("/")
        async def view():
            raise ValueError("secret")
        @app.route("/sync")
        def sync_():
            raise ValueError("secret")
        @app.route("/base")
        async def base():
            raise BaseExceptionGroup("g", [ValueError()])
    """,
        "GET /",
        "GET /sync",
        "GET /base",
        code("return await show(await client.get('/'))"),
    ),
    case(
        "unhandled-hooks",
        """
        @app.before_request
        async def before():
            if request.path == "/before":
                raise ValueError()
        @app.after_request
        async def after(response):
            note("after", response.status_code)
            if request.path == "/after":
                raise ValueError()
            return response
        @app.route("/<name>")
        async def view(name):
            return "x"
    """,
        "GET /before",
        "GET /after",
        "GET /ok",
        differs=Differs(
            "The log says in other words that an after hook failed",
            {
                "1.logged.1": "ERROR An after hook failed for the answer to an error; the answer is sent without it. (ValueError)"
            },
        ),
    ),
    case(
        "teardown-fails",
        """
        @app.teardown_request
        async def teardown(error):
            raise ValueError()
        @app.route("/")
        async def view():
            return "x"
    """,
        "GET /",
        differs=Differs(
            "ledger 1", {**BARE_500, "0.logged": ["ERROR Exception on request GET / (ValueError)"]}
        ),
    ),
    case(
        "propagate",
        """
        app.config["PROPAGATE_EXCEPTIONS"] = True
        @app.route("/")
        async def view():
            raise ValueError()
    """,
        "GET /",
        code("await client.get('/')"),
        differs=Differs(
            "ledger 8", {"0.raised": "ValueError", "1.raised": "ValueError"}, on="0.23"
        ),
    ),
    case(
        "propagate-off-in-testing",
        """
        app.testing = True
        app.config["PROPAGATE_EXCEPTIONS"] = False
        @app.route("/")
        async def view():
            raise ValueError()
    """,
        "GET /",
        code("return (await client.get('/')).status_code"),
    ),
    case(
        "testing",
        """
        app.testing = True
        @app.route("/")
        async def view():
            raise ValueError()
        @app.route("/abort")
        async def aborting():
            abort(404)
    """,
        "GET /abort",
        code("return (await client.get('/abort')).status_code"),
        code("""
        try:
            return (await client.get('/')).status_code
        except ValueError:
            return "raised"
    """),
        differs=Differs(
            "What an application raises is raised in the test", {"2.value": "raised"}, on="0.23"
        ),
    ),
    case(
        "debug-page",
        """
        app.debug = True
        @app.route("/")
        async def view():
            secret = "<local>"
            raise ValueError("<message>")
    """,
        code(
            "r = await Http(app); return [r['status'], r['headers']['content-type'], *(word in r['body'] for word in ('ValueError', 'message', 'secret', 'local'))]"
        ),
        code("return (await client.get('/')).status_code"),
        differs=Differs(
            "to other servers the error is raised",
            {
                "0.value": ABSENT,
                "0.raised": "KeyError",
                "1.value": ABSENT,
                "1.raised": "ValueError",
            },
        ),
    ),
    case(
        "trap-http-exceptions",
        """
        app.config["TRAP_HTTP_EXCEPTIONS"] = True
        @app.route("/")
        async def view():
            abort(404)
    """,
        "GET /",
        "GET /no",
    ),
    case(
        "trap-bad-request",
        """
        app.config["TRAP_BAD_REQUEST_ERRORS"] = True
        @app.route("/")
        async def view():
            return request.args["nope"]
        @app.route("/abort")
        async def aborting():
            abort(400)
    """,
        "GET /",
        "GET /abort",
    ),
    case(
        "trap-bad-request-off",
        """
        app.config["TRAP_BAD_REQUEST_ERRORS"] = False
        app.testing = True
        @app.route("/")
        async def view():
            return request.args["nope"]
    """,
        "GET /",
    ),
    case(
        "errors-in-before-hooks",
        """
        @app.before_request
        async def before():
            abort(403)
        @app.errorhandler(403)
        async def handler(error):
            note(request.path, request.endpoint)
            return "no", 403
        @app.after_request
        async def after(response):
            note("after")
            return response
        @app.teardown_request
        async def teardown(error):
            note("teardown")
        @app.route("/")
        async def view():
            note("view")
            return "x"
    """,
        "GET /",
        "GET /no",
    ),
    case(
        "methods-of-the-app",
        """
        class Mine(Quart):
            async def handle_user_exception(self, *args):
                note("user", kind(args[-1]))
                return await super().handle_user_exception(*args)
            async def handle_http_exception(self, *args):
                note("http", kind(args[-1]))
                return await super().handle_http_exception(*args)
            async def handle_exception(self, *args):
                note("exception", kind(args[-1]))
                return await super().handle_exception(*args)
            def log_exception(self, *args):
                note("log", kind(args[-1][0]))
            def trap_http_exception(self, error):
                note("trap")
                return super().trap_http_exception(error)
        app = Mine(__name__)
        @app.route("/")
        async def view():
            raise ValueError()
    """,
        "GET /",
        "GET /no",
    ),
    case(
        "error-handler-spec",
        """
        @app.errorhandler(404)
        async def a(error): return "a"
        @app.errorhandler(ValueError)
        async def b(error): return "b"
        b1 = Blueprint("bp", __name__)
        @b1.errorhandler(KeyError)
        async def c(error): return "c"
        app.register_blueprint(b1)
    """,
        code(
            "return {str(name): {str(code): [cls.__name__ for cls in classes] for code, classes in codes.items() if classes} for name, codes in app.error_handler_spec.items() if codes}"
        ),
    ),
    case(
        "http-exception-subclass-order",
        """
        from werkzeug.exceptions import HTTPException, NotFound
        class Mine(NotFound):
            description = "mine"
        @app.errorhandler(HTTPException)
        async def a(error): return "http", error.code
        @app.errorhandler(NotFound)
        async def b(error): return "notfound", 404
        @app.route("/mine")
        async def mine(): raise Mine()
        @app.route("/gone")
        async def gone(): abort(410)
    """,
        "GET /mine",
        "GET /gone",
        "GET /no",
    ),
    case(
        "exception-group",
        """
        @app.errorhandler(ExceptionGroup)
        async def handler(error):
            return "group", 500
        @app.route("/")
        async def view():
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
        async def fail():
            raise ValueError()
    """,
        "GET /",
    ),
    case(
        "cancelled-error",
        """
        @app.route("/")
        async def view():
            raise asyncio.CancelledError()
    """,
        "GET /",
        differs=Differs(
            "A `CancelledError` that a view raises by itself is an error like others",
            {**BARE_500, "0.logged": ["ERROR Exception on request GET / (CancelledError)"]},
        ),
    ),
    case(
        "redirect-exception",
        """
        from werkzeug.routing import RequestRedirect
        @app.route("/")
        async def view():
            raise RequestRedirect("/new")
        @app.route("/branch/")
        async def branch():
            return ""
    """,
        "GET /",
        "GET /branch",
    ),
    case(
        "handler-order-of-blueprints",
        """
        parent = Blueprint("parent", __name__, url_prefix="/parent")
        child = Blueprint("child", __name__, url_prefix="/child")
        @app.errorhandler(ValueError)
        async def of_app(error): return "app"
        @parent.errorhandler(ValueError)
        async def of_parent(error): return "parent"
        @child.errorhandler(LookupError)
        async def of_child(error): return "child"
        @app.errorhandler(KeyError)
        async def key_of_app(error): return "app key"
        @child.app_errorhandler(404)
        async def missing(error): return "missing " + str(request.blueprints), 404
        async def raising(name):
            raise {"value": ValueError, "key": KeyError, "index": IndexError}[name]()
        for scaffold in (app, parent, child):
            scaffold.add_url_rule("/<name>", "raising", raising)
        parent.register_blueprint(child)
        app.register_blueprint(parent)
    """,
        *(
            f"GET {prefix}/{name}"
            for prefix in ("", "/parent", "/parent/child")
            for name in ("value", "key", "index")
        ),
        "GET /parent/child/x/y",
        "GET /parent/",
    ),
    case(
        "abort-in-websocket-before-accept",
        """
        @app.websocket("/ws")
        async def ws_():
            abort(403)
        @app.errorhandler(403)
        async def handler(error):
            note("handler", websocket.path)
            return "handled", 403, {"X-A": "1"}
    """,
        ws("/ws"),
        ws("/ws", scope={"extensions": {"websocket.http.response": {}}}),
    ),
]
