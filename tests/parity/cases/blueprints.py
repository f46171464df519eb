"""Blueprints: prefixes, names, nesting, what they bring along."""

from __future__ import annotations

from ..case import Case, case, code, http, plain_code, ws

CASES: list[Case] = [
    case(
        "routes",
        """
        bp = Blueprint("bp", __name__, url_prefix="/bp")
        @bp.route("/")
        async def index(): return jsonify(request.endpoint, request.blueprint, request.blueprints, url_for(".index"), url_for("bp.index"), url_for(".other", x=1))
        @bp.route("/other/<x>", methods=["GET", "POST"])
        async def other(x): return x
        @bp.get("/get")
        async def get(): return "get"
        @bp.post("/post")
        async def post(): return "post"
        @bp.websocket("/ws")
        async def ws_(): await websocket.send_json([websocket.blueprint, websocket.blueprints, websocket.endpoint, url_for(".ws_")])
        bp.add_url_rule("/rule", "rule", index)
        @bp.endpoint("late")
        async def late(): return "late"
        bp.add_url_rule("/late", endpoint="late")
        app.register_blueprint(bp)
        @app.route("/")
        async def root(): return jsonify(request.blueprint, request.blueprints, url_for("bp.index"))
    """,
        "GET /",
        "GET /bp/",
        "GET /bp",
        "GET /bp/other/3",
        "GET /bp/get",
        "POST /bp/post",
        "GET /bp/rule",
        "GET /bp/late",
        ws("/bp/ws"),
        code(
            "return [list(app.blueprints), [b.name for b in app.iter_blueprints()], sorted(app.view_functions)]"
        ),
    ),
    case(
        "prefixes",
        """
        def made(name, **options):
            bp = Blueprint(name, __name__, **options)
            @bp.route("/")
            async def slash(): return request.path
            @bp.route("/x")
            async def x(): return request.path
            @bp.route("/<name>/y")
            async def y(name, **kwargs): return f"{name} {kwargs}"
            return bp
        app.register_blueprint(made("a"))
        app.register_blueprint(made("b", url_prefix="/b"))
        app.register_blueprint(made("c", url_prefix="/c/"))
        app.register_blueprint(made("d", url_prefix="/d"), url_prefix="/dd")
        app.register_blueprint(made("e"), url_prefix="/e/<lang>")
        app.register_blueprint(made("f", url_prefix="/f", url_defaults={"k": 1}))
        app.register_blueprint(made("h", url_prefix="/h"), url_defaults={"k": 2})
    """,
        *(f"GET {p}{s}" for p in ("", "/b", "/c", "/d", "/dd") for s in ("/", "/x")),
        "GET /e/de/n/y",
        "GET /f/n/y",
        "GET /h/n/y",
        code("return sorted(r.rule for r in app.url_map.iter_rules())"),
    ),
    case(
        "empty-rule",
        """
        bp = Blueprint("bp", __name__, url_prefix="/bp")
        @bp.route("")
        async def index(): return "index"
        app.register_blueprint(bp)
    """,
        "GET /bp",
        "GET /bp/",
    ),
    case(
        "names",
        """
        found = []
        for name in ("with.dot", "", "fine"):
            try:
                Blueprint(name, __name__)
                found.append("fine")
            except ValueError:
                found.append("ValueError")
        bp = Blueprint("bp", __name__)
        for endpoint in ("with.dot", "fine"):
            try:
                bp.add_url_rule("/" + endpoint, endpoint, lambda: "")
                found.append("fine")
            except ValueError:
                found.append("ValueError")
        def f(): return ""
        f.__name__ = "with.dot"
        try:
            bp.add_url_rule("/f", view_func=f)
            found.append("fine")
        except ValueError:
            found.append("ValueError")
    """,
        code("return found"),
    ),
    case(
        "registered-twice",
        """
        bp = Blueprint("bp", __name__)
        @bp.route("/")
        async def index(): return request.endpoint + " " + url_for(".index")
        app.register_blueprint(bp, url_prefix="/one")
        found = []
        try:
            app.register_blueprint(bp, url_prefix="/two")
            found.append("fine")
        except ValueError:
            found.append("ValueError")
        app.register_blueprint(bp, url_prefix="/three", name="third")
        other = Blueprint("bp", __name__)
        try:
            app.register_blueprint(other)
            found.append("fine")
        except ValueError:
            found.append("ValueError")
    """,
        code("return [found, list(app.blueprints)]"),
        "GET /one/",
        "GET /two/",
        "GET /three/",
    ),
    case(
        "nesting",
        """
        def made(name, **options):
            bp = Blueprint(name, __name__, **options)
            @bp.route("/")
            async def index(): return jsonify(request.endpoint, request.blueprint, request.blueprints, url_for(".index"), request.url)
            return bp
        top, middle, bottom = made("top", url_prefix="/top"), made("middle", url_prefix="/middle"), made("bottom", url_prefix="/bottom")
        middle.register_blueprint(bottom)
        top.register_blueprint(middle)
        top.register_blueprint(made("renamed"), name="other", url_prefix="/other")
        app.register_blueprint(top)
    """,
        "GET /top/",
        "GET /top/middle/",
        "GET /top/middle/bottom/",
        "GET /top/other/",
        code("return [list(app.blueprints), sorted(app.view_functions)]"),
    ),
    case(
        "nesting-prefix-override",
        """
        parent, child = Blueprint("parent", __name__, url_prefix="/parent"), Blueprint("child", __name__, url_prefix="/child")
        @child.route("/x")
        async def x(): return request.path
        parent.register_blueprint(child, url_prefix="/other")
        app.register_blueprint(parent, url_prefix="/base")
    """,
        "GET /base/other/x",
        "GET /parent/child/x",
    ),
    case(
        "nesting-without-prefixes",
        """
        parent, child = Blueprint("parent", __name__), Blueprint("child", __name__)
        @child.route("/x")
        async def x(): return request.endpoint
        @parent.route("/y")
        async def y(): return request.endpoint
        parent.register_blueprint(child)
        app.register_blueprint(parent)
    """,
        "GET /x",
        "GET /y",
    ),
    case(
        "nesting-self",
        """
        bp = Blueprint("bp", __name__)
        try:
            bp.register_blueprint(bp)
            found = "fine"
        except ValueError:
            found = "ValueError"
    """,
        code("return found"),
    ),
    case(
        "nesting-subdomains",
        """
        app = Quart(__name__, subdomain_matching=True)
        app.config["SERVER_NAME"] = "example.com"
        parent, child = Blueprint("parent", __name__, subdomain="api"), Blueprint("child", __name__, subdomain="v1")
        @parent.route("/")
        async def p(): return "parent"
        @child.route("/")
        async def c(): return "child"
        parent.register_blueprint(child)
        app.register_blueprint(parent)
    """,
        http("GET", "/", {"host": "api.example.com"}),
        http("GET", "/", {"host": "v1.api.example.com"}),
        http("GET", "/", {"host": "example.com"}),
    ),
    case(
        "record",
        """
        bp = Blueprint("bp", __name__, url_prefix="/bp")
        @bp.record
        def every(state):
            note_list.append(["record", state.app is app, state.url_prefix, state.first_registration, state.options, state.subdomain, state.url_defaults, state.name, state.name_prefix, state.blueprint is bp])
            state.add_url_rule("/recorded", "recorded", recorded)
        @bp.record_once
        def once(state):
            note_list.append("once")
        async def recorded(): return request.endpoint
        note_list = []
        app.register_blueprint(bp)
        app.register_blueprint(bp, name="again", url_prefix="/again")
    """,
        code("return note_list"),
        "GET /bp/recorded",
        "GET /again/recorded",
    ),
    case(
        "late-changes",
        """
        bp = Blueprint("bp", __name__)
        app.register_blueprint(bp)
        found = []
        try:
            bp.add_url_rule("/", "index", lambda: "")
            found.append("fine")
        except AssertionError:
            found.append("AssertionError")
        try:
            bp.before_request(lambda: None)
            found.append("fine")
        except AssertionError:
            found.append("AssertionError")
    """,
        code("return found"),
    ),
    case(
        "error-handlers",
        """
        bp = Blueprint("bp", __name__, url_prefix="/bp")
        @bp.errorhandler(403)
        async def forbidden(error): return "bp 403", 403
        @bp.errorhandler(ValueError)
        async def value(error): return "bp value", 400
        @bp.app_errorhandler(404)
        async def missing(error): return "app 404 of bp", 404
        bp.register_error_handler(KeyError, lambda error: ("bp key", 400))
        @app.errorhandler(403)
        async def of_app(error): return "app 403", 403
        async def view(name):
            raise {"403": lambda: abort(403), "value": ValueError, "key": KeyError}[name]()
        bp.add_url_rule("/<name>", "view", view)
        app.add_url_rule("/<name>", "view", view)
        app.register_blueprint(bp)
    """,
        "GET /bp/403",
        "GET /403",
        "GET /bp/value",
        "GET /value",
        "GET /bp/key",
        "GET /bp/no/no",
        "GET /no/no",
    ),
    case(
        "before-app-serving",
        """
        bp = Blueprint("bp", __name__)
        @bp.before_app_serving
        async def before(): note("before")
        @bp.while_app_serving
        async def during():
            note("while begins")
            yield
            note("while ends")
        @bp.after_app_serving
        async def after(): note("after")
        app.register_blueprint(bp)
    """,
        code("async with app.test_app():\n    note('serving')"),
    ),
    case(
        "before-app-hooks",
        """
        bp = Blueprint("bp", __name__, url_prefix="/bp")
        @bp.before_app_request
        async def a(): note("before app")
        @bp.before_request
        async def b(): note("before bp")
        @bp.after_app_request
        async def c(response):
            note("after app"); return response
        @bp.teardown_app_request
        async def d(error): note("teardown app")
        @bp.before_app_websocket
        async def e(): note("ws before app")
        @bp.after_app_websocket
        async def f(response):
            note("ws after app"); return response
        @bp.teardown_app_websocket
        async def f2(error):
            note("ws teardown app")
        @bp.app_context_processor
        async def h(): return {"v": "from bp"}
        @bp.app_url_defaults
        def i(endpoint, values): note("defaults", endpoint)
        @bp.app_url_value_preprocessor
        def j(endpoint, values): note("values", endpoint)
        app.register_blueprint(bp)
        @app.route("/")
        async def index(): return await render_template_string("{{ v }}") + url_for("index")
        @app.websocket("/ws")
        async def ws_(): await websocket.send("x")
    """,
        "GET /",
        "GET /bp/none",
        ws("/ws"),
    ),
    case(
        "cli-group",
        """
        import click
        one = Blueprint("one", __name__)
        @one.cli.command("hello")
        def hello(): click.echo("hello one")
        two = Blueprint("two", __name__, cli_group="group")
        @two.cli.command("hello")
        def hello2(): click.echo("hello two")
        three = Blueprint("three", __name__, cli_group=None)
        @three.cli.command("flat")
        def flat(): click.echo("flat three")
        four = Blueprint("four", __name__)
        @four.cli.command("hi")
        def hi(): click.echo("hi four")
        for bp in (one, two, three):
            app.register_blueprint(bp)
        app.register_blueprint(four, cli_group="renamed")
    """,
        plain_code(
            "runner = app.test_cli_runner(); return [[r.exit_code, r.output] for r in (runner.invoke(args=a) for a in (['one', 'hello'], ['group', 'hello'], ['flat'], ['renamed', 'hi']))]"
        ),
    ),
    case(
        "attributes",
        """
        bp = Blueprint("bp", __name__, static_folder="s", static_url_path="/su", template_folder="t", url_prefix="/p", subdomain=None, url_defaults={"a": 1}, root_path=None)
    """,
        code(
            "return [bp.name, bp.url_prefix, bp.subdomain, bp.url_values_defaults, bp.static_folder.endswith('/s'), bp.static_url_path, bp.template_folder, bp.has_static_folder, bp.import_name == app.import_name, type(bp.jinja_loader).__name__, repr(bp), bp.cli_group is not None, bp.json_encoder if hasattr(bp, 'json_encoder') else None]"
        ),
    ),
    case(
        "register-on-own-class",
        """
        class Mine(Blueprint):
            def register(self, app, options):
                note_list.append(["register", options])
                super().register(app, options)
        note_list = []
        bp = Mine("bp", __name__)
        app.register_blueprint(bp, url_prefix="/x", url_defaults={"a": 1})
    """,
        code("return note_list"),
    ),
    case(
        "blueprint-of-another-endpoint",
        """
        one, two = Blueprint("one", __name__, url_prefix="/one"), Blueprint("two", __name__, url_prefix="/two")
        @one.route("/")
        async def index(): return " ".join([url_for(".index"), url_for("two.index"), url_for("root")])
        @two.route("/")
        async def index2(): return ""
        two.add_url_rule("/i", "index", index2)
        @app.route("/")
        async def root(): return ""
        app.register_blueprint(one)
        app.register_blueprint(two)
    """,
        "GET /one/",
    ),
]
