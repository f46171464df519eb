"""What views return, and what becomes of it."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, http, post

CASES: list[Case] = [
    case(
        "results",
        """
        from datetime import date
        import datetime as dt
        VALUES = {
            "str": "text", "bytes": b"bytes", "bytearray": bytearray(b"ba"), "dict": {"b": 1, "a": [1, None]}, "list": [1, {"x": 2}], "empty": "", "empty-dict": {}, "empty-list": [],
            "unicode": "é\\u2028", "response": Response("r", 202, {"X-A": "1"}), "status": ("created", 201), "headers": ("x", {"X-A": "1"}), "both": ("x", 201, {"X-A": "1", "Content-Type": "text/plain"}),
            "pairs": ("x", [("X-A", "1"), ("X-B", "2")]), "pairs3": ("x", 200, [("X-A", "1")]), "dict-status": ({"a": 1}, 400), "list-status": ([1], 201), "response-status": (Response("r", 202), 203),
            "response-both": (Response("r", 202, {"X-A": "1", "X-C": "3"}), 203, {"X-A": "2", "X-B": "3"}), "none-status": ("x", None), "bytes-status": (b"x", 206),
            "status-enum": ("x", __import__("http").HTTPStatus.ACCEPTED), "content-type": ("{}", {"Content-Type": "application/json"}), "empty-tuple-headers": ("x", {}), "204": ("", 204), "304": ("", 304), "100s": ("", 299),
        }
        @app.route("/<name>")
        async def view(name):
            return VALUES[name]
    """,
        *(
            f"GET /{name}"
            for name in (
                "str bytes bytearray dict list empty empty-dict empty-list unicode response status headers both pairs pairs3 dict-status list-status response-status response-both none-status bytes-status "
                "status-enum content-type empty-tuple-headers 304 100s"
            ).split()
        ),
        differs=Differs(
            "A `bytearray` is an answer.",
            {
                "2.raised": ABSENT,
                "2.status": 200,
                "2.headers": {
                    "content-length": ["2"],
                    "content-type": ["text/html; charset=utf-8"],
                },
                "2.body": "ba",
            },
        ),
    ),
    case(
        "204",
        """
        @app.route("/")
        async def view():
            return "", 204
    """,
        "GET /",
        differs=Differs("| 204 | with `Content-Length: 0`", {"0.headers.content-length": ABSENT}),
    ),
    case(
        "bad-results",
        """
        VALUES = {"none": None, "int": 5, "float": 1.5, "object": object(), "tuple1": ("x",), "tuple4": ("x", 1, {}, 2), "none-in-tuple": (None, 200), "true": True, "set": {1}}
        @app.route("/<name>")
        async def view(name):
            return VALUES[name]
        @app.route("/pass")
        async def nothing():
            pass
    """,
        *(
            f"GET /{name}"
            for name in "none int float object tuple1 tuple4 none-in-tuple true set pass".split()
        ),
    ),
    case(
        "bad-results-raised",
        """
        app.testing = True
        @app.route("/none")
        async def view():
            return None
        @app.route("/int")
        async def number():
            return 3
    """,
        code("await client.get('/none')"),
        code("await client.get('/int')"),
        differs=Differs(
            "What an application raises is raised in the test",
            {
                place: value
                for step in (0, 1)
                for place, value in {f"{step}.value": ABSENT, f"{step}.raised": "TypeError"}.items()
            },
            on="0.23",
        ),
    ),
    case(
        "response-object",
        "",
        code("""
        r = Response("body", 201, {"X-A": "1"}, mimetype="text/plain")
        async with app.app_context():
            return [r.status, r.status_code, r.mimetype, r.content_type, r.content_length, await r.get_data(), await r.data, list(r.headers.items()), r.is_json, r.mimetype_params]
    """),
        code("""
        r = Response(b"body", headers=[("X-A", "1"), ("X-A", "2")], content_type="application/x; a=b")
        async with app.app_context():
            return [r.status, r.mimetype, r.content_type, r.headers.getlist("x-a"), await r.get_data(as_text=False), r.mimetype_params, r.charset if hasattr(r, "charset") else None]
    """),
        code("""
        r = Response()
        r.set_data("new"); r.status_code = 404; r.mimetype = "text/css"; r.headers["X"] = "y"
        a = [await r.get_data(), r.status, r.content_type, r.content_length]
        r.status = "418 SHORT"
        r.content_type = "a/b"
        return a + [r.status_code, r.status, r.content_type, r.default_status, r.default_mimetype, r.implicit_sequence_conversion, r.max_cookie_size]
    """),
        code("""
        r = Response("x")
        r.age = 5; r.allow.add("GET"); r.cache_control.max_age = 3; r.cache_control.public = True; r.content_language.add("de"); r.content_location = "/x"; r.content_encoding = "gzip"
        r.vary.add("Accept"); r.location = "/l"; r.retry_after = 7; r.set_etag("abc", weak=True); r.access_control_allow_origin = "*"; r.access_control_max_age = 9
        r.content_range.set(0, 4, 10); r.www_authenticate = __import__("werkzeug").datastructures.WWWAuthenticate("basic", {"realm": "r"}); r.accept_ranges = "bytes"
        r.content_security_policy.default_src = "'self'"; r.cross_origin_opener_policy
        return [sorted(list(map(list, r.headers.items()))), r.get_etag(), str(r.cache_control)]
    """),
        code("""
        r = Response("x")
        await r.add_etag()
        await r.add_etag()
        one = r.get_etag()
        await r.add_etag(overwrite=True, weak=True)
        return [one, r.get_etag()]
    """),
        differs=Differs(
            "`add_etag` takes SHA-1, as Flask",
            {
                "4.value.0.0": "11f6ad8ec52a2984abaafd7c3b516503785c2072",
                "4.value.1.0": "11f6ad8ec52a2984abaafd7c3b516503785c2072",
            },
        ),
    ),
    case(
        "response-json",
        "",
        code("""
        async with app.app_context():
            r = jsonify(a=1)
            return [await r.get_json(), await r.json, r.is_json, r.mimetype, await r.get_data()]
    """),
        code("""
        r = Response("[1", content_type="application/json")
        async with app.app_context():
            return await r.get_json()
    """),
        code("""
        r = Response("[1]", content_type="text/plain")
        async with app.app_context():
            return [await r.get_json(), await r.get_json(force=True)]
    """),
        differs=Differs("ledger 26", {"1.value": ABSENT, "1.raised": "JSONDecodeError"}),
    ),
    case(
        "response-json-silent",
        "",
        code("""
        r = Response("[1", content_type="application/json")
        async with app.app_context():
            return await r.get_json(silent=True)
    """),
        differs=Differs("ledger 26", {"0.raised": ABSENT, "0.value": None}),
    ),
    case(
        "cookies",
        """
        from datetime import datetime, timezone, timedelta
        @app.route("/set")
        async def view():
            r = Response("x")
            r.set_cookie("a", "1")
            r.set_cookie("b", "x y;,\\"é", max_age=60, path="/p", domain="example.com", secure=True, httponly=True, samesite="Lax")
            r.set_cookie("c", "", expires=datetime(2021, 1, 1, tzinfo=timezone.utc))
            r.set_cookie("d", "v", max_age=timedelta(hours=1), samesite="None", secure=True, partitioned=True)
            r.set_cookie("e", "v", expires=0, path=None)
            return r
        @app.route("/delete")
        async def delete():
            r = Response("x")
            r.delete_cookie("a")
            r.delete_cookie("b", path="/p", domain="example.com", secure=True, samesite="Strict", httponly=True)
            return r
        @app.route("/dict")
        async def dict_():
            return "x", 200, {"Set-Cookie": "a=b"}
        @app.route("/bad")
        async def bad():
            Response("x").set_cookie("a", "b", samesite="nonsense")
    """,
        "GET /set",
        "GET /delete",
        "GET /dict",
        "GET /bad",
        code(
            "await client.get('/set'); return sorted((c.name, c.value, c.path) for c in client.cookie_jar)"
        ),
    ),
    case(
        "make-response",
        """
        @app.route("/<int:n>")
        async def view(n):
            if n == 0:
                r = await make_response()
            elif n == 1:
                r = await make_response("one")
            elif n == 2:
                r = await make_response("two", 202, {"X-A": "1"})
            elif n == 3:
                r = await make_response(("three", 203))
            elif n == 4:
                r = await make_response({"a": 1})
            elif n == 5:
                r = await make_response(await app.make_response("five"))
            else:
                r = await make_response(None)
            r.headers["X-Made"] = str(n)
            return r
    """,
        *(f"GET /{n}" for n in range(7)),
    ),
    case(
        "jsonify",
        """
        @app.route("/<int:n>")
        async def view(n):
            return [lambda: jsonify(), lambda: jsonify(1), lambda: jsonify(1, 2), lambda: jsonify(a=1, b=2), lambda: jsonify([1]), lambda: jsonify({"é": "é"}), lambda: jsonify(None), lambda: jsonify("x"), lambda: jsonify(1, a=2)][n]()
    """,
        *(f"GET /{n}" for n in range(9)),
    ),
    case(
        "redirect",
        """
        @app.route("/<int:n>")
        async def view(n):
            return [lambda: redirect("/x"), lambda: redirect("http://o.example/é?a=b", 301), lambda: redirect(url_for("view", n=1), code=303), lambda: redirect("/<b>\\"&"), lambda: redirect("/x", 308),
                    lambda: redirect("/a b"), lambda: app.redirect("/y")][n]()
        @app.route("/abort")
        async def aborting():
            abort(redirect("/elsewhere"))
    """,
        *(f"GET /{n}" for n in range(7)),
        "GET /abort",
    ),
    case(
        "redirect-code",
        """
        @app.route("/bad")
        async def bad():
            return redirect("/x", 200)
        @app.route("/class")
        async def cls():
            class Mine(Response):
                default_mimetype = "text/x-mine"
            return Mine("x")
    """,
        "GET /bad",
        "GET /class",
    ),
    case(
        "content-length",
        """
        @app.route("/own")
        async def own():
            return "abc", {"Content-Length": "3"}
        @app.route("/later")
        async def later():
            r = Response("abc")
            r.set_data("longer")
            return r
        @app.after_request
        async def change(r):
            if request.path == "/change":
                r.set_data(b"changed")
            return r
        @app.route("/change")
        async def change_():
            return "x"
    """,
        "GET /own",
        "GET /later",
        "GET /change",
        "HEAD /change",
    ),
    case(
        "response-class",
        """
        class Mine(Response):
            default_mimetype = "text/x-mine"
            default_status = 203
        app.response_class = Mine
        @app.route("/str")
        async def a():
            return "x"
        @app.route("/dict")
        async def b():
            return {"a": 1}
        @app.route("/tuple")
        async def c():
            return "x", 201
    """,
        "GET /str",
        "GET /dict",
        "GET /tuple",
        "GET /no",
    ),
    case(
        "header-values",
        """
        @app.route("/")
        async def view():
            r = Response("x")
            r.headers["X-Int"] = 5
            r.headers.add("X-Multi", "1"); r.headers.add("X-Multi", "2")
            r.headers.add("X-Opt", "v", key="w x")
            r.headers.extend({"X-E": ["1", "2"]})
            r.headers.setdefault("X-Int", "6")
            r.headers.remove("content-type")
            return r
        @app.route("/newline")
        async def newline():
            return "x", {"X": "a\\r\\nb"}
        @app.route("/latin")
        async def latin():
            return "x", {"X": "caf\\xe9"}
    """,
        "GET /",
        "GET /newline",
        "GET /latin",
        differs=Differs(
            "`ResultError` that names the view, as everything else that is no answer",
            {"1.logged.0": "ERROR Exception on request GET /newline (TypeError)"},
        ),
    ),
    case(
        "sync-views",
        """
        @app.route("/")
        def view():
            note(request.path)
            return {"path": request.path}
        @app.before_request
        def before():
            note("before")
        @app.after_request
        def after(response):
            response.headers["X-After"] = "1"
            return response
        @app.teardown_request
        def teardown(error):
            note("teardown")
        @app.errorhandler(404)
        def missing(error):
            return "missing", 404
    """,
        "GET /",
        "GET /no",
    ),
    case(
        "awaitable-callables",
        """
        import functools
        class View:
            __name__ = "view"
            async def __call__(self):
                return "object"
        async def with_argument(x):
            return x
        app.add_url_rule("/object", "object", View())
        app.add_url_rule("/partial", "partial", functools.partial(with_argument, "partial"))
        app.add_url_rule("/lambda", "lambda", lambda: "lambda")
    """,
        "GET /partial",
        "GET /lambda",
    ),
    case(
        "make-conditional",
        """
        @app.route("/")
        async def view():
            r = Response("0123456789")
            r.set_etag("tag")
            return await r.make_conditional(request, accept_ranges=True, complete_length=10)
        @app.route("/plain")
        async def plain_():
            r = Response("0123456789")
            r.last_modified = 1577836800
            return await r.make_conditional(request)
        @app.post("/")
        async def post_():
            r = Response("x")
            r.set_etag("tag")
            return await r.make_conditional(request)
    """,
        "GET /",
        http("GET", "/", {"if-none-match": '"tag"'}),
        http("GET", "/", {"if-none-match": 'W/"tag", "other"'}),
        http("GET", "/", {"if-none-match": '"other"'}),
        http("GET", "/", {"if-match": '"tag"'}),
        http("GET", "/", {"range": "bytes=2-4"}),
        http("GET", "/", {"range": "bytes=2-4", "if-range": '"tag"'}),
        http("GET", "/", {"range": "bytes=2-4", "if-range": '"no"'}),
        http("GET", "/", {"range": "bytes=5-"}),
        http("GET", "/plain", {"if-modified-since": "Wed, 01 Jan 2020 00:00:00 GMT"}),
        http("GET", "/plain", {"if-modified-since": "Tue, 31 Dec 2019 00:00:00 GMT"}),
        http("POST", "/", {"if-none-match": '"tag"'}),
        differs=Differs(
            "| 304 | with `Content-Type` |",
            {f"{step}.headers.content-type": ABSENT for step in (1, 2, 9)},
        ),
    ),
    case(
        "after-request-response-type",
        """
        @app.after_request
        async def after(response):
            note(isinstance(response, app.response_class), response.status_code)
            return response
        @app.route("/")
        async def view():
            return "x"
    """,
        "GET /",
        post("/", ""),
        "GET /no",
        differs=Differs("ledger 14", {"1.notes.0.0": True, "2.notes.0.0": True}),
    ),
    case(
        "timeouts",
        """
        @app.route("/")
        async def view():
            r = await make_response("x")
            r.timeout = None
            return r
    """,
        "GET /",
    ),
    case(
        "return-response-of-werkzeug",
        """
        from werkzeug.wrappers import Response as WerkzeugResponse
        @app.route("/")
        async def view():
            return WerkzeugResponse("werkzeug", 202, {"X-A": "1"})
        @app.route("/exception")
        async def exc():
            from werkzeug.exceptions import Forbidden
            return Forbidden("no")
        @app.route("/exception-response")
        async def exc2():
            from werkzeug.exceptions import Forbidden
            return Forbidden("no").get_response()
    """,
        "GET /",
        "GET /exception",
        "GET /exception-response",
    ),
]
