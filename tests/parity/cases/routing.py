"""Rules, converters, methods, redirects, building."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, http, ws

CASES: list[Case] = [
    case(
        "methods",
        """
        @app.route("/")
        async def index():
            note("view", request.method)
            return "hello"

        @app.post("/post")
        async def post_():
            return "posted"

        @app.route("/both", methods=["put", "PATCH", "DELETE"])
        async def both():
            return request.method
    """,
        "GET /",
        "HEAD /",
        "OPTIONS /",
        "POST /",
        "GET /no",
        "POST /post",
        "GET /post",
        "OPTIONS /post",
        "PUT /both",
        "PATCH /both",
        "DELETE /both",
        "TRACE /both",
        "OPTIONS /both",
        "BREW /",
    ),
    case(
        "method-decorators",
        """
        for name in ("get", "post", "put", "patch", "delete"):
            def make(name):
                async def view():
                    return name
                view.__name__ = name
                return view
            getattr(app, name)("/m")(make(name))
    """,
        "GET /m",
        "POST /m",
        "PUT /m",
        "PATCH /m",
        "DELETE /m",
        "HEAD /m",
        "OPTIONS /m",
    ),
    case(
        "method-decorators-refuse-methods",
        """
        try:
            app.get("/", methods=["POST"])(lambda: "")
        except Exception as error:
            note_error = kind(error)
    """,
        code("return note_error"),
    ),
    case(
        "methods-as-string",
        """
        try:
            app.route("/", methods="POST")(lambda: "")
        except Exception as error:
            note_error = kind(error)
    """,
        code("return note_error"),
    ),
    case(
        "automatic-options-off",
        """
        @app.route("/a", provide_automatic_options=False)
        async def a():
            return "a"

        @app.route("/b", methods=["GET", "OPTIONS"])
        async def b():
            return request.method
        async def c():
            return "c"
        c.provide_automatic_options = False
        c.methods = ["GET", "POST"]
        app.add_url_rule("/c", view_func=c)
        async def d():
            return "d"
        d.required_methods = ["PUT"]
        app.add_url_rule("/d", view_func=d)
    """,
        "OPTIONS /a",
        "OPTIONS /b",
        "OPTIONS /c",
        "POST /c",
        "PUT /d",
        "OPTIONS /d",
    ),
    case(
        "automatic-options-config",
        """
        app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        @app.route("/a")
        async def a():
            return "a"
    """,
        "OPTIONS /a",
        "GET /a",
    ),
    case(
        "converters",
        """
        @app.route("/s/<name>")
        @app.route("/s2/<string:name>")
        @app.route("/len/<string(length=2):name>")
        @app.route("/min/<string(minlength=2, maxlength=4):name>")
        @app.route("/i/<int:name>")
        @app.route("/im/<int(min=2, max=5):name>")
        @app.route("/neg/<int(signed=True):name>")
        @app.route("/fix/<int(fixed_digits=3):name>")
        @app.route("/f/<float:name>")
        @app.route("/fs/<float(signed=True):name>")
        @app.route("/p/<path:name>")
        @app.route("/u/<uuid:name>")
        @app.route("/any/<any(one, two, 'three four'):name>")
        async def view(name):
            return f"{type(name).__name__} {name}"
    """,
        *(
            f"GET {target}"
            for target in (
                "/s/a",
                "/s/a%20b",
                "/s/",
                "/s/a/b",
                "/s/%C3%A9",
                "/s2/x",
                "/len/ab",
                "/len/abc",
                "/min/a",
                "/min/abc",
                "/min/abcde",
                "/i/12",
                "/i/-12",
                "/i/x",
                "/i/007",
                "/im/1",
                "/im/2",
                "/im/6",
                "/neg/-4",
                "/neg/4",
                "/fix/007",
                "/fix/7",
                "/f/1.5",
                "/f/1",
                "/f/-1.5",
                "/fs/-1.5",
                "/p/a/b/c",
                "/p/a",
                "/p/",
                "/u/12345678-1234-5678-1234-567812345678",
                "/u/nope",
                "/any/one",
                "/any/three%20four",
                "/any/five",
                "/s/a%2Fb",
                "/s/a+b",
                "/s/a;b=c",
            )
        ),
    ),
    case(
        "custom-converter",
        """
        from werkzeug.routing import BaseConverter, ValidationError

        class Listed(BaseConverter):
            regex = "[a-z+]+"
            def to_python(self, value):
                if value == "bad":
                    raise ValidationError()
                return value.split("+")
            def to_url(self, values):
                return "+".join(values)

        app.url_map.converters["list"] = Listed

        @app.route("/<list:names>")
        async def view(names):
            return jsonify(names=names, url=url_for("view", names=["x", "y"]))
    """,
        "GET /a+b",
        "GET /bad",
        "GET /A",
    ),
    case(
        "custom-converter-with-arguments",
        """
        from werkzeug.routing import BaseConverter
        class Times(BaseConverter):
            part_isolating = False
            def __init__(self, map, factor=1, *more, name="n"):
                super().__init__(map)
                self.factor, self.name = factor, name
                self.regex = "[0-9/]+"
            def to_python(self, value):
                return [int(v) * self.factor for v in value.split("/")] + [self.name]
        app.url_map.converters["times"] = Times
        @app.route("/<times(3, name='z'):v>/end")
        async def view(v):
            return jsonify(v)
    """,
        "GET /1/2/3/end",
        "GET /4/end",
        "GET /x/end",
    ),
    case(
        "slashes",
        """
        @app.route("/branch/")
        async def branch():
            return "branch"
        @app.route("/leaf")
        async def leaf():
            return "leaf"
        @app.route("/loose/", strict_slashes=False)
        async def loose():
            return "loose"
        @app.route("/looseleaf", strict_slashes=False)
        async def looseleaf():
            return "looseleaf"
        @app.route("/post/", methods=["POST"])
        async def posted():
            return "posted"
    """,
        "GET /branch/",
        "GET /branch",
        "GET /branch?a=b&c=%C3%A9",
        "GET /leaf",
        "GET /leaf/",
        "GET /loose",
        "GET /loose/",
        "GET /looseleaf",
        "GET /looseleaf/",
        "POST /post",
        "GET /post",
        "GET //branch/",
        "GET //leaf",
        "GET /a//leaf",
    ),
    case(
        "no-strict-slashes-on-the-map",
        """
        app.url_map.strict_slashes = False
        @app.route("/branch/")
        async def branch():
            return request.path
        @app.route("/leaf")
        async def leaf():
            return request.path
    """,
        "GET /branch/",
        "GET /branch",
        "GET /leaf",
        "GET /leaf/",
    ),
    case(
        "merge-slashes-off",
        """
        app.url_map.merge_slashes = False
        @app.route("/a/b")
        async def b():
            return "b"
        @app.route("/p/<path:p>")
        async def p(p):
            return p
    """,
        "GET /a//b",
        "GET /p/x//y",
        "GET /a/b",
    ),
    case(
        "merge-slashes",
        """
        @app.route("/p/<path:p>")
        async def p(p):
            return p
        @app.route("/a/<b>/c")
        async def b(b):
            return b
    """,
        "GET /p/x//y",
        "GET /a//b/c",
        "GET //a/b/c",
        "GET /a/b//c?q=1",
    ),
    case(
        "weights",
        """
        @app.route("/<path:rest>")
        async def rest(rest):
            return "path " + rest
        @app.route("/<name>")
        async def name(name):
            return "name " + name
        @app.route("/<int:number>")
        async def number(number):
            return f"int {number}"
        @app.route("/fixed")
        async def fixed():
            return "fixed"
        @app.route("/<a>/fixed")
        async def a(a):
            return "a"
        @app.route("/fixed/<b>")
        async def b(b):
            return "b"
    """,
        "GET /fixed",
        "GET /x",
        "GET /1",
        "GET /x/y",
        "GET /fixed/fixed",
        "GET /x/fixed",
        "GET /",
    ),
    case(
        "same-rule-other-methods",
        """
        @app.route("/<x>", methods=["GET"])
        async def one(x):
            return "one"
        @app.route("/<y>", methods=["POST"])
        async def two(y):
            return "two"
    """,
        "GET /a",
        "POST /a",
        "PUT /a",
        "OPTIONS /a",
    ),
    case(
        "defaults",
        """
        @app.route("/", defaults={"page": 1})
        @app.route("/page/<int:page>")
        async def page(page):
            return f"{page} {url_for('page', page=1)} {url_for('page', page=2)}"
    """,
        "GET /",
        "GET /page/1",
        "GET /page/2",
        "HEAD /page/1",
    ),
    case(
        "redirect-defaults-off",
        """
        app.url_map.redirect_defaults = False
        @app.route("/", defaults={"page": 1})
        @app.route("/page/<int:page>")
        async def page(page):
            return str(page)
    """,
        "GET /page/1",
    ),
    case(
        "rule-options",
        """
        outcomes = {}
        for name, options in (("redirect_to", dict(redirect_to="/new")), ("alias", dict(alias=True)), ("build_only", dict(build_only=True)),
                              ("nonsense", dict(nonsense=1)), ("merge_slashes", dict(merge_slashes=False)), ("host", dict(host=None))):
            try:
                app.add_url_rule("/" + name, "view", **options)
            except TypeError:
                outcomes[name] = "TypeError"
    """,
        code("return outcomes"),
        differs=Differs(
            "Rules also take `build_only`, `redirect_to` and `alias`.",
            {"0.value.redirect_to": ABSENT, "0.value.alias": ABSENT, "0.value.build_only": ABSENT},
        ),
    ),
    case(
        "rule-without-slash",
        """
        try:
            app.route("nope")(lambda: "")
        except Exception as error:
            found = kind(error)
    """,
        code("return found"),
    ),
    case(
        "endpoint-twice",
        """
        async def one():
            return "one"
        async def two():
            return "two"
        app.add_url_rule("/1", "same", one)
        app.add_url_rule("/1b", "same", one)
        try:
            app.add_url_rule("/2", "same", two)
        except AssertionError:
            found = "AssertionError"
    """,
        code("return found"),
        "GET /1b",
    ),
    case(
        "endpoint-without-view",
        """
        app.add_url_rule("/later", "later")
        app.add_url_rule("/never", "never")
        @app.endpoint("later")
        async def later():
            return request.endpoint
    """,
        "GET /later",
        "GET /never",
    ),
    case(
        "endpoint-names",
        """
        from functools import wraps
        def deco(f):
            @wraps(f)
            async def inner(*a, **k):
                return "[" + await f(*a, **k) + "]"
            return inner
        @app.route("/")
        @deco
        async def index():
            return request.endpoint
        app.add_url_rule("/x", endpoint="a.b", view_func=index)
    """,
        "GET /",
        "GET /x",
        code(
            "return sorted((r.rule, r.endpoint, sorted(r.methods or ())) for r in app.url_map.iter_rules())"
        ),
    ),
    case(
        "rule-attributes",
        """
        @app.route("/a/<int:x>/", methods=["GET", "POST"], defaults={"y": 2})
        async def view(x, y):
            rule = request.url_rule
            return jsonify(rule=rule.rule, endpoint=rule.endpoint, methods=sorted(rule.methods), arguments=sorted(rule.arguments),
                           defaults=rule.defaults, text=str(rule), args=request.view_args, websocket=rule.websocket,
                           automatic=rule.provide_automatic_options)
    """,
        "GET /a/1/",
    ),
    case(
        "static-rule",
        "",
        code("return [(r.rule, r.endpoint, sorted(r.methods)) for r in app.url_map.iter_rules()]"),
        code(
            "return list(app.view_functions), app.has_static_folder, app.static_url_path, app.static_folder.endswith('static')"
        ),
    ),
    case(
        "host-matching",
        """
        app = Quart(__name__, host_matching=True, static_host="static.example")
        @app.route("/", host="one.example")
        async def one():
            return "one"
        @app.route("/", host="<sub>.two.example")
        async def two(sub):
            return sub + url_for("one") + url_for("two", sub="x")
    """,
        http("GET", "/", {"host": "one.example"}),
        http("GET", "/", {"host": "a.two.example"}),
        http("GET", "/", {"host": "three.example"}),
        http("GET", "/", {"host": "one.example:8000"}),
    ),
    case(
        "static-host-without-matching",
        """
        try:
            Quart(__name__, static_host="x")
        except BaseException as error:
            found = "raised"
    """,
        code("return found"),
    ),
    case(
        "subdomains",
        """
        app = Quart(__name__, subdomain_matching=True)
        app.config["SERVER_NAME"] = "example.com"
        @app.route("/")
        async def index():
            return "index " + url_for("user", user="u")
        @app.route("/", subdomain="<user>")
        async def user(user):
            return "user " + user + " " + url_for("index")
        @app.route("/api", subdomain="api")
        async def api():
            return "api"
    """,
        http("GET", "/", {"host": "example.com"}),
        http("GET", "/", {"host": "jo.example.com"}),
        http("GET", "/api", {"host": "api.example.com"}),
        http("GET", "/api", {"host": "example.com"}),
    ),
    case(
        "websocket-and-http-rules",
        """
        @app.route("/same")
        async def http_():
            return "http"
        @app.websocket("/same", endpoint="same_ws")
        async def ws_():
            await websocket.send("ws " + websocket.endpoint + " " + url_for("same_ws"))
        @app.websocket("/only")
        async def only():
            await websocket.send("x")
        @app.route("/other")
        async def other():
            return url_for("only") + " " + url_for("same_ws", _external=True)
    """,
        "GET /same",
        ws("/same"),
        "GET /only",
        "GET /other",
        ws("/other"),
        ws("/nothing"),
    ),
    case(
        "url-for",
        """
        @app.route("/")
        async def index():
            return "x"
        @app.route("/u/<name>/<int:n>", methods=["GET", "POST"])
        async def user(name, n):
            return "x"
        @app.route("/p/<path:p>")
        async def p(p):
            return "x"
        @app.route("/all")
        async def all_():
            found = [
                url_for("index"), url_for("user", name="a b", n=1), url_for("user", name="é/x", n=1), url_for("p", p="a/b c"),
                url_for("index", q="1 2", r=["a", "b"]), url_for("index", _anchor="x y"), url_for("index", _external=True),
                url_for("index", _external=True, _scheme="https"), url_for("index", _scheme="ftp", _external=True),
                url_for("user", name="x", n=1, _method="POST"), url_for("static", filename="a/b.css"), url_for(".index"),
                url_for("index", none=None), url_for("index", _external=False),
            ]
            for bad in (dict(endpoint="nope"), dict(endpoint="user"), dict(endpoint="user", name="x", n="y"), dict(endpoint="index", _scheme="https", _external=False)):
                try:
                    found.append(url_for(**bad))
                except Exception as error:
                    found.append(kind(error))
            return jsonify(found)
    """,
        "GET /all",
        http("GET", "/all", {"host": "other.example:8080"}),
        http("GET", "/all", scope={"scheme": "https", "root_path": "/mnt", "path": "/mnt/all"}),
    ),
    case(
        "url-for-outside",
        """
        @app.route("/x/<a>")
        async def x(a):
            return ""
    """,
        code("return url_for('x', a=1)"),
        code("async with app.app_context():\n    return url_for('x', a=1)"),
        code("""
            app.config["SERVER_NAME"] = "example.com"
            async with app.app_context():
                return [url_for('x', a=1), url_for('x', a=1, _external=False), url_for('x', a=1, _scheme='https')]
        """),
        code("""
            app.config["PREFER_SECURE_URLS"] = True
            app.config["APPLICATION_ROOT"] = "/mount"
            async with app.app_context():
                return [url_for('x', a=1), url_for('x', a=1, _external=False)]
        """),
        code(
            "async with app.test_request_context('/q'):\n    return [url_for('x', a=1), app.url_for('x', a=2), request.url]"
        ),
        differs=Differs(
            "URLs that are built outside of a request begin with `APPLICATION_ROOT`",
            {"3.value.0": "https://example.com/mount/x/1", "3.value.1": "/mount/x/1"},
        ),
    ),
    case(
        "url-for-in-websocket",
        """
        @app.route("/page")
        async def page():
            return ""
        @app.websocket("/ws")
        async def ws_():
            await websocket.send(url_for("page"))
            await websocket.send(url_for("page", _external=True))
            await websocket.send(url_for("ws_", _external=True))
    """,
        ws("/ws"),
        ws("/ws", scope={"scheme": "wss"}),
    ),
    case(
        "url-defaults",
        """
        @app.url_defaults
        def lang(endpoint, values):
            note("defaults", endpoint, dict(values))
            if "lang" in g:
                values.setdefault("lang", g.lang)

        @app.url_value_preprocessor
        def pull(endpoint, values):
            note("pull", endpoint, values)
            g.lang = (values or {}).pop("lang", "none")

        @app.route("/<lang>/a")
        async def a():
            return g.lang + url_for("b")

        @app.route("/<lang>/b")
        async def b():
            return g.lang + url_for("a", lang="xx")
    """,
        "GET /en/a",
        "GET /de/b",
        "GET /nothing/at/all",
    ),
    case(
        "url-build-error-handler",
        """
        @app.url_build_error_handlers.append
        def handler(error, endpoint, values):
            note(kind(error), endpoint, {k: v for k, v in values.items() if not k.startswith("_")})
            if endpoint == "far":
                return "http://far.example/" + str(values.get("x"))
            raise error
        @app.route("/")
        async def index():
            return url_for("far", x=1)
        @app.route("/bad")
        async def bad():
            return url_for("farther", x=1)
    """,
        "GET /",
        "GET /bad",
    ),
    case(
        "late-registration-before-first",
        """
        @app.before_request
        async def before():
            note("before")
        view_functions = app.view_functions
        @app.route("/")
        async def index():
            return "one"
        async def other():
            return "two"
        app.view_functions["index"] = other
    """,
        "GET /",
    ),
    case(
        "percent-encoding",
        """
        @app.route("/<path:p>")
        async def view(p):
            return jsonify(p=p, path=request.path, full=request.full_path, url=request.url, base=request.base_url, raw=request.query_string.decode())
    """,
        "GET /a%20b?c=d%20e",
        "GET /%E2%82%AC",
        "GET /a%25b",
        "GET /x?y=%E2%82%AC&z",
        "GET /a%3Fb?c",
        "GET /x?",
    ),
    case(
        "routing-exception",
        """
        @app.before_request
        async def before():
            note(request.url_rule is None, request.endpoint, request.view_args, type(request.routing_exception))
        @app.route("/a/")
        async def a():
            return "a"
    """,
        "GET /no",
        "GET /a",
        "POST /a/",
        "GET /a/",
    ),
    case(
        "root-path",
        """
        @app.route("/")
        async def index():
            return jsonify(request.root_path, request.path, request.script_root, request.url_root, request.url, request.base_url, url_for("index"))
        @app.route("/x")
        async def x():
            return jsonify(request.root_path, request.path, request.script_root, request.url_root, request.url, request.base_url, url_for("x"))
    """,
        http("GET", "/api/x", scope={"root_path": "/api"}),
        http("GET", "/api/", scope={"root_path": "/api"}),
        http("GET", "/other/x", scope={"root_path": "/api"}),
    ),
    case(
        "trailing-text",
        """
        @app.route("/a/<x>.html")
        async def a(x):
            return "a " + x
        @app.route("/b/<x>-<int:y>")
        async def b(x, y):
            return f"b {x} {y}"
        @app.route("/c/<x>/<path:y>/end")
        async def c(x, y):
            return f"c {x} {y}"
    """,
        "GET /a/page.html",
        "GET /a/page.htm",
        "GET /b/a-b-3",
        "GET /b/a-x",
        "GET /c/1/2/3/end",
        "GET /c/1/end",
    ),
    case(
        "unicode-rules",
        """
        @app.route("/ü/<x>")
        async def a(x):
            return x + url_for("a", x="ß")
    """,
        "GET /%C3%BC/y",
        "GET /%C3%BC/%C3%9F",
    ),
    case(
        "case-matters",
        """
        @app.route("/Path")
        async def a():
            return "a"
    """,
        "GET /Path",
        "GET /path",
    ),
]
