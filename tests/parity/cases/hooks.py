"""The order in which hooks run, and what they see and change."""

from __future__ import annotations

from ..case import Case, Differs, case, code, http, post, ws

HOOKS = """
    def hooks(scaffold, name, everywhere=False):
        def of(name):
            return getattr(scaffold, name.replace("_", "_app_", 1) if everywhere else name)
        label = name + (" everywhere" if everywhere else "")
        for number in (1, 2):
            def make(number):
                async def before():
                    note("before", label, number)
                async def after(response):
                    note("after", label, number, response.status_code)
                    return response
                async def teardown(error):
                    note("teardown", label, number)
                async def ws_before():
                    note("ws before", label, number)
                async def ws_after(response):
                    note("ws after", label, number)
                    return response
                async def ws_teardown(error):
                    note("ws teardown", label, number)
                def values(endpoint, values):
                    note("values", label, number, endpoint, values)
                def defaults(endpoint, values):
                    note("defaults", label, number)
                async def context():
                    note("context", label, number)
                    return {}
                getattr(scaffold, "url_value_preprocessor" if not everywhere else "app_url_value_preprocessor")(values)
                getattr(scaffold, "url_defaults" if not everywhere else "app_url_defaults")(defaults)
                getattr(scaffold, "context_processor" if not everywhere else "app_context_processor")(context)
                of("before_request")(before)
                of("after_request")(after)
                of("teardown_request")(teardown)
                of("before_websocket")(ws_before)
                of("after_websocket")(ws_after)
                of("teardown_websocket")(ws_teardown)
            make(number)
"""

CASES: list[Case] = [
    case(
        "order-on-the-app",
        HOOKS
        + """
    hooks(app, "app")
    @app.teardown_appcontext
    async def end(error):
        note("appcontext")
    @app.route("/")
    async def view():
        note("view", url_for("view"))
        return await render_template_string("x")
    @app.route("/error")
    async def error():
        raise ValueError()
    @app.route("/abort")
    async def aborting():
        abort(403)
    @app.websocket("/ws")
    async def ws_():
        note("ws view")
        await websocket.send("x")
    """,
        "GET /",
        "GET /error",
        "GET /abort",
        "GET /no",
        "POST /",
        "OPTIONS /",
        ws("/ws"),
        ws("/no"),
    ),
    case(
        "order-with-blueprints",
        HOOKS
        + """
    parent = Blueprint("parent", __name__, url_prefix="/parent")
    child = Blueprint("child", __name__, url_prefix="/child")
    other = Blueprint("other", __name__, url_prefix="/other")
    hooks(app, "app")
    for blueprint, name in ((parent, "parent"), (child, "child"), (other, "other")):
        hooks(blueprint, name)
        hooks(blueprint, name, everywhere=True)
        async def view():
            note("view", url_for(".view"))
            return await render_template_string("x")
        blueprint.add_url_rule("/", "view", view)
        async def ws_():
            note("ws view")
            await websocket.send("x")
        blueprint.add_websocket("/ws", "ws_", ws_)
    async def top():
        return "top"
    app.add_url_rule("/", "top", top)
    parent.register_blueprint(child)
    app.register_blueprint(parent)
    app.register_blueprint(other)
    """,
        "GET /",
        "GET /parent/",
        "GET /parent/child/",
        "GET /other/",
        "GET /no",
        ws("/parent/ws"),
        ws("/parent/child/ws"),
        ws("/other/ws"),
    ),
    case(
        "before-answers",
        """
        @app.before_request
        async def one():
            note("one")
            if request.path == "/one":
                return "from one", 201
        @app.before_request
        def two():
            note("two")
            if request.path == "/two":
                return {"from": "two"}
        @app.after_request
        async def after(response):
            note("after")
            return response
        @app.route("/<name>")
        async def view(name):
            note("view")
            return "view"
    """,
        "GET /one",
        "GET /two",
        "GET /three",
        "GET /a/b",
    ),
    case(
        "before-answers-empty",
        """
        @app.before_request
        async def one():
            return {"/empty": "", "/zero": 0, "/false": False, "/list": [], "/none": None}[request.path]
        @app.route("/<name>")
        async def view(name):
            return "view"
    """,
        "GET /empty",
        "GET /zero",
        "GET /false",
        "GET /list",
        "GET /none",
    ),
    case(
        "after-changes",
        """
        @app.after_request
        async def one(response):
            response.headers["X-One"] = "1"
            response.headers["X-Order"] = response.headers.get("X-Order", "") + "1"
            return response
        @app.after_request
        def two(response):
            response.headers["X-Order"] = response.headers.get("X-Order", "") + "2"
            response.status_code = 202
            return response
        @app.after_request
        async def three(response):
            if request.path == "/new":
                return Response("new", 299)
            return response
        @app.route("/<name>")
        async def view(name):
            return "view"
    """,
        "GET /a",
        "GET /new",
        "GET /no/no",
    ),
    case(
        "after-returns-nothing",
        """
        @app.after_request
        async def one(response):
            pass
        @app.route("/")
        async def view():
            return "view"
    """,
        code("""
        try:
            return (await client.get("/")).status_code
        except Exception as error:
            return "raised"
    """),
        differs=Differs(
            "An after hook that returns nothing",
            {
                "0.value": 500,
                "0.logged": [
                    "ERROR Exception on request GET / (TypeError)",
                    "ERROR An after hook failed for the answer to an error; the answer is sent without it. (TypeError)",
                ],
            },
        ),
    ),
    case(
        "after-this-request",
        """
        @app.route("/")
        async def view():
            @after_this_request
            async def one(response):
                note("one")
                response.headers["X-One"] = "1"
                return response
            @after_this_request
            def two(response):
                note("two")
                return response
            return "view"
        @app.after_request
        async def after(response):
            note("after")
            return response
        @app.route("/error")
        async def error():
            @after_this_request
            async def one(response):
                note("one", response.status_code)
                return response
            raise ValueError()
    """,
        "GET /",
        "GET /error",
        "GET /no",
    ),
    case(
        "after-this-websocket",
        """
        from quart.ctx import after_this_websocket
        @app.websocket("/ws")
        async def ws_():
            @after_this_websocket
            async def one(response):
                note("after this", response)
                return response
            await websocket.send("x")
        @app.after_websocket
        async def after(response):
            note("after")
            return response
        @app.teardown_websocket
        async def teardown(error):
            note("teardown")
    """,
        ws("/ws"),
    ),
    case("after-this-request-outside", "", code("after_this_request(lambda response: response)")),
    case(
        "teardown",
        """
        @app.teardown_request
        async def one(error):
            note("one", request.path, g.x)
        @app.teardown_request
        def two(error):
            note("two", g.x)
        @app.teardown_appcontext
        def ctx(error):
            note("appcontext", g.x)
        @app.before_request
        async def before():
            g.x = 1
        @app.route("/")
        async def view():
            return "view"
        @app.route("/abort")
        async def aborting():
            abort(404)
    """,
        "GET /",
        "GET /abort",
        "GET /no",
    ),
    case(
        "teardown-gets-the-error",
        """
        @app.teardown_request
        async def one(error):
            note("request", kind(error) if error else None)
        @app.teardown_appcontext
        async def two(error):
            note("context", kind(error) if error else None)
        @app.route("/")
        async def view():
            raise ValueError()
        @app.errorhandler(KeyError)
        async def handler(error):
            return "handled"
        @app.route("/handled")
        async def handled():
            raise KeyError()
    """,
        "GET /",
        "GET /handled",
        differs=Differs("ledger 7", {"0.notes.0.1": "ValueError", "0.notes.1.1": "ValueError"}),
    ),
    case(
        "teardown-appcontext-order",
        """
        for number in range(3):
            def make(number):
                @app.teardown_appcontext
                async def end(error):
                    note(number)
            make(number)
        @app.route("/")
        async def view():
            return ""
    """,
        "GET /",
        code("async with app.app_context():\n    note('in')"),
        differs=Differs(
            "ledger 8", {"0.notes.0": 2, "0.notes.2": 0, "1.notes.1": 2, "1.notes.3": 0}
        ),
    ),
    case(
        "hooks-return-the-function",
        """
        async def f(*args):
            return None
        names = "before_request after_request teardown_request before_websocket after_websocket teardown_websocket context_processor url_value_preprocessor teardown_appcontext before_serving after_serving shell_context_processor".split()
        found = {name: getattr(app, name)(f) is f for name in names}
    """,
        code("return found"),
    ),
    case(
        "hooks-in-place",
        """
        async def before():
            note("before")
        async def after(response):
            note("after")
            return response
        @app.route("/")
        async def view():
            return ""
    """,
        "GET /",
        code(
            "app.before_request_funcs.setdefault(None, []).append(before); app.after_request_funcs[None].insert(0, after)"
        ),
        "GET /",
        code("app.before_request_funcs[None].remove(before)"),
        "GET /",
    ),
    case(
        "hook-tables",
        HOOKS
        + """
    blueprint = Blueprint("bp", __name__)
    hooks(blueprint, "bp")
    hooks(blueprint, "bp", everywhere=True)
    app.register_blueprint(blueprint)
    hooks(app, "app")
    """,
        code("""
        names = "before_request_funcs after_request_funcs teardown_request_funcs before_websocket_funcs after_websocket_funcs teardown_websocket_funcs template_context_processors url_default_functions url_value_preprocessors".split()
        return {name: {str(key): [f.__name__ for f in value if f.__name__[0] != "_"] for key, value in getattr(app, name).items() if value} for name in names}
    """),
    ),
    case(
        "sync-hooks-with-proxies",
        """
        @app.before_request
        def before():
            g.seen = request.path
            session["x"] = 1
        @app.context_processor
        def context():
            return {"path": request.path}
        @app.route("/")
        def view():
            return g.seen + str(session["x"])
        @app.after_request
        def after(response):
            response.headers["X-Seen"] = g.seen
            return response
    """,
        "GET /",
    ),
    case(
        "url-value-preprocessor-changes",
        """
        @app.url_value_preprocessor
        def pull(endpoint, values):
            if values is not None:
                g.lang = values.pop("lang", None)
                values["added"] = "1"
        @app.route("/<lang>/<x>")
        async def view(x, added):
            return f"{g.lang} {x} {added} {request.view_args}"
    """,
        "GET /de/1",
    ),
    case(
        "overridden-steps",
        """
        class Mine(Quart):
            async def full_dispatch_request(self, *args, **kwargs):
                note("full")
                return await super().full_dispatch_request(*args, **kwargs)
            async def preprocess_request(self, *args, **kwargs):
                note("preprocess")
                return await super().preprocess_request(*args, **kwargs)
            async def dispatch_request(self, *args, **kwargs):
                note("dispatch")
                return await super().dispatch_request(*args, **kwargs)
            async def finalize_request(self, *args, **kwargs):
                note("finalize")
                return await super().finalize_request(*args, **kwargs)
            async def process_response(self, *args, **kwargs):
                note("process")
                return await super().process_response(*args, **kwargs)
            async def handle_request(self, *args, **kwargs):
                note("handle")
                return await super().handle_request(*args, **kwargs)
            async def make_response(self, *args, **kwargs):
                note("make")
                return await super().make_response(*args, **kwargs)
            async def make_default_options_response(self, *args, **kwargs):
                note("options")
                return await super().make_default_options_response(*args, **kwargs)
            async def do_teardown_request(self, *args, **kwargs):
                note("teardown request")
                return await super().do_teardown_request(*args, **kwargs)
            async def do_teardown_appcontext(self, *args, **kwargs):
                note("teardown context")
                return await super().do_teardown_appcontext(*args, **kwargs)
            def raise_routing_exception(self, *args, **kwargs):
                note("routing")
                return super().raise_routing_exception(*args, **kwargs)
        app = Mine(__name__)
        @app.route("/")
        async def view():
            note("view")
            return "view"
    """,
        "GET /",
        "GET /no",
        "OPTIONS /",
    ),
    case(
        "overridden-steps-of-websockets",
        """
        class Mine(Quart):
            async def full_dispatch_websocket(self, *args, **kwargs):
                note("full")
                return await super().full_dispatch_websocket(*args, **kwargs)
            async def preprocess_websocket(self, *args, **kwargs):
                note("preprocess")
                return await super().preprocess_websocket(*args, **kwargs)
            async def dispatch_websocket(self, *args, **kwargs):
                note("dispatch")
                return await super().dispatch_websocket(*args, **kwargs)
            async def finalize_websocket(self, *args, **kwargs):
                note("finalize")
                return await super().finalize_websocket(*args, **kwargs)
            async def postprocess_websocket(self, *args, **kwargs):
                note("postprocess")
                return await super().postprocess_websocket(*args, **kwargs)
            async def handle_websocket(self, *args, **kwargs):
                note("handle")
                return await super().handle_websocket(*args, **kwargs)
            async def do_teardown_websocket(self, *args, **kwargs):
                note("teardown websocket")
                return await super().do_teardown_websocket(*args, **kwargs)
        app = Mine(__name__)
        @app.websocket("/")
        async def view():
            note("view")
            await websocket.send("x")
    """,
        ws("/"),
        ws("/no"),
    ),
    case(
        "before-websocket-answers",
        """
        @app.before_websocket
        async def before():
            note("before")
            if websocket.path == "/denied":
                return "denied", 403
        @app.after_websocket
        async def after(response):
            note("after", response.status_code if response else None)
            return response
        @app.websocket("/denied")
        @app.websocket("/allowed")
        async def view():
            note("view")
            await websocket.send("x")
    """,
        ws("/denied"),
        ws("/allowed"),
        ws("/denied", scope={"extensions": {"websocket.http.response": {}}}),
    ),
    case(
        "body-in-hooks",
        """
        @app.before_request
        async def before():
            note((await request.get_data()).decode())
        @app.post("/")
        async def view():
            return await request.get_data()
        @app.post("/form")
        async def form_():
            return dict(await request.form)
    """,
        post("/", "hello"),
        post("/form", "a=b", "application/x-www-form-urlencoded"),
    ),
    case(
        "ensure-async",
        """
        import functools
        async def coroutine(x):
            return x
        def plain_(x):
            return x
    """,
        code(
            "return [await app.ensure_async(coroutine)(1), await app.ensure_async(plain_)(2), app.ensure_async(coroutine) is coroutine, await app.sync_to_async(plain_)(3), await app.ensure_async(functools.partial(coroutine, 4))()]"
        ),
    ),
    case(
        "g-in-hooks",
        """
        @app.before_request
        async def before():
            g.items = ["before"]
        @app.route("/")
        async def view():
            g.items.append("view")
            return " ".join(g.items)
        @app.teardown_request
        async def teardown(error):
            note(g.items, "items" in g, list(g), g.get("no", "default"), g.pop("items"), "items" in g, g.setdefault("new", 1))
    """,
        "GET /",
        "GET /",
    ),
    case(
        "no-hooks-for-static-404",
        """
        @app.before_request
        async def before():
            note(request.endpoint)
    """,
        "GET /static/none.css",
        http("GET", "/nowhere"),
    ),
]
