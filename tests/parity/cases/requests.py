"""What a request says of itself: URL, headers, bodies, forms, files, JSON."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, form, http, multipart, page, post

ECHO_FORM = """
    @app.post("/")
    async def view():
        form = await request.form
        files = await request.files
        found = []
        for name, file in files.items(multi=True):
            found.append([name, file.filename, file.content_type, file.mimetype, file.read().decode("latin-1"), sorted(file.headers.keys())])
        return jsonify(form=list(form.items(multi=True)), files=found, values=list((await request.values).items(multi=True)),
                       type=request.content_type, mimetype=request.mimetype, params=request.mimetype_params)
"""

NOT_JSON = (
    "This is not JSON by its Content-Type header, which should be &#39;application/json&#39;."
)
TOO_LARGE = "413 Request Entity Too Large"
BAD = "The browser (or proxy) sent a request that this server could not understand."

CASES: list[Case] = [
    case(
        "attributes",
        """
        NAMES = '''method path full_path url base_url url_root root_url host_url host scheme is_secure root_path script_root query_string
            remote_addr http_version content_length content_type mimetype mimetype_params content_encoding content_md5 charset
            endpoint blueprint blueprints view_args is_json args cookies referrer origin range if_range max_forwards date pragma
            accept_mimetypes accept_charsets accept_encodings accept_languages access_control_request_headers access_control_request_method
            access_route authorization cache_control if_match if_none_match if_modified_since if_unmodified_since server
            max_content_length max_form_memory_size max_form_parts user_agent is_multithread is_multiprocess is_run_once
            want_form_data_parsed trusted_hosts url_rule routing_exception encoding_errors'''.split()
        SAME = {"server", "url_rule"}
        @app.route("/p/<x>", methods=["GET", "POST"])
        async def view(x):
            found = {}
            for name in NAMES:
                try:
                    value = getattr(request, name)
                except Exception as error:
                    value = kind(error)
                found[name] = repr(value) if name not in SAME else type(value).__name__ if name == "server" else value.rule
            note(found)
            return ""
    """,
        "GET /p/a",
        http(
            "POST",
            "/p/a%20b?x=1&y=2&x=3",
            {
                "content-type": "text/plain; charset=latin-1",
                "content-length": "0",
                "cookie": "a=b; c=d",
                "referer": "http://r.example/",
                "origin": "http://o.example",
                "range": "bytes=0-4",
                "if-range": '"x"',
                "max-forwards": "3",
                "date": "Wed, 01 Jan 2020 00:00:00 GMT",
                "pragma": "no-cache",
                "accept": "text/html;q=0.5, application/json",
                "accept-charset": "utf-8",
                "accept-encoding": "gzip, br;q=0.1",
                "accept-language": "de-CH, en;q=0.7",
                "access-control-request-headers": "X-A, X-B",
                "access-control-request-method": "PUT",
                "x-forwarded-for": "1.1.1.1, 2.2.2.2",
                "authorization": "Basic dTpw",
                "cache-control": "max-age=3, no-store",
                "if-match": '"a", W/"b"',
                "if-none-match": "*",
                "if-modified-since": "Wed, 01 Jan 2020 00:00:00 GMT",
                "if-unmodified-since": "rubbish",
                "user-agent": "Test/1 (x)",
                "content-encoding": "gzip",
                "content-md5": "abc",
                "host": "example.com:8080",
            },
            "",
        ),
        http(
            "GET",
            "/p/a",
            {"host": "EXAMPLE.com:443"},
            scope={"scheme": "https", "http_version": "2", "client": None},
        ),
    ),
    case(
        "authorization",
        """
        @app.route("/")
        async def view():
            auth = request.authorization
            return jsonify(None if auth is None else [auth.type, auth.username, auth.password, auth.token])
    """,
        http("GET", "/", {"authorization": "Basic dXNlcjpww6RzcyB3"}),
        http("GET", "/", {"authorization": "Bearer abc.def"}),
        http("GET", "/", {"authorization": "Basic !!!"}),
        "GET /",
        http("GET", "/", {"authorization": 'Digest username="u", realm="r"'}),
    ),
    case(
        "negotiation",
        """
        @app.route("/")
        async def view():
            return jsonify(request.accept_mimetypes.best_match(["application/json", "text/html"]), request.accept_mimetypes.accept_json,
                           request.accept_mimetypes.accept_html, request.accept_languages.best_match(["en", "de"]), list(request.accept_mimetypes.values()))
    """,
        http(
            "GET", "/", {"accept": "text/*;q=0.9, application/json;q=0.1", "accept-language": "de"}
        ),
        "GET /",
        http("GET", "/", {"accept": "*/*"}),
    ),
    case(
        "args",
        """
        @app.route("/")
        async def view():
            a = request.args
            return jsonify(list(a.items(multi=True)), a.get("n", type=int), a.get("n", 7, type=int), a.getlist("n", type=int), a.get("none"), a.to_dict(), a.to_dict(flat=False), type(a).__name__)
    """,
        "GET /?n=1&n=x&n=3&a=%C3%A9+b&empty=&flag",
        "GET /",
        "GET /?n=x",
        "GET /?a=1;b=2",
        "GET /?%=1&a=%zz",
    ),
    case(
        "args-missing-key",
        """
        @app.route("/")
        async def view():
            return request.args["nope"]
        @app.post("/form")
        async def view2():
            return (await request.form)["nope"]
        @app.route("/headers")
        async def view3():
            return request.headers["nope"]
        @app.route("/cookies")
        async def view4():
            return request.cookies["nope"]
    """,
        "GET /",
        form("/form", "a=b"),
        "GET /headers",
        "GET /cookies",
    ),
    case(
        "args-missing-key-debug",
        """
        app.debug = True
        app.testing = True
        @app.route("/")
        async def view():
            return request.args["nope"]
    """,
        code("""
        try:
            return (await client.get('/')).status_code
        except Exception as error:
            return kind(error)
    """),
        differs=Differs(
            "What an application raises is raised in the test",
            {"0.value": "BadRequestKeyError"},
            on="0.23",
        ),
    ),
    case(
        "headers",
        """
        @app.route("/")
        async def view():
            h = request.headers
            return jsonify(a=h.get("x-a"), b=h["X-A"], all=h.getlist("X-A"), has="x-b" in h, default=h.get("x-b", "d"), number=h.get("x-n", type=int), items=sorted(list(pair) for pair in h.items() if pair[0] != "Remote-Addr"))
    """,
        http("GET", "/", [("X-A", "1"), ("x-a", "2"), ("X-N", "5"), ("X-U", "caf\xe9")]),
    ),
    case(
        "cookies",
        """
        @app.route("/")
        async def view():
            return jsonify(sorted(request.cookies.items()), request.cookies.get("b"))
    """,
        http("GET", "/", {"cookie": 'a=1; b="x y"; c; d=%20; a=2'}),
        http("GET", "/", [("cookie", "a=1"), ("cookie", "b=2")]),
        http("GET", "/", {"cookie": 'ü=1; =x; z="\\303\\244"'}),
    ),
    case(
        "get-data",
        """
        @app.post("/")
        async def view():
            return jsonify((await request.get_data()).decode("latin-1"), await request.get_data(as_text=True), type(await request.data).__name__, request.content_length)
        @app.post("/text")
        async def text_():
            return await request.get_data(as_text=True)
    """,
        post("/", "hello"),
        post("/", ["he", "", "llo"]),
        post("/", ""),
        post("/text", "caf\xc3\xa9"),
        form("/", "a=b"),
    ),
    case(
        "get-data-uncached",
        """
        @app.post("/")
        async def view():
            one = await request.get_data(cache=False)
            return one
    """,
        post("/", "hello"),
    ),
    case(
        "get-data-after-form",
        """
        @app.post("/parse")
        async def parse():
            data = await request.get_data(parse_form_data=True)
            return jsonify(data.decode(), await request.form)
        @app.post("/after")
        async def after():
            form = await request.form
            data = await request.get_data()
            return jsonify(form, data.decode())
        @app.post("/before")
        async def before():
            data = await request.get_data()
            form = await request.form
            return jsonify(form, data.decode())
    """,
        form("/parse", "a=b"),
        form("/after", "a=b"),
        form("/before", "a=b"),
        post("/parse", "x", "text/plain"),
        post("/after", "x", "text/plain"),
    ),
    case(
        "body-iteration",
        """
        @app.post("/")
        async def view():
            parts = []
            async for part in request.body:
                parts.append(part.decode())
            return jsonify("".join(parts))
        @app.post("/await")
        async def awaited():
            return await request.body
    """,
        post("/", ["a", "b", "c"]),
        post("/", ""),
        post("/await", ["x", "y"]),
    ),
    case(
        "json",
        """
        @app.post("/")
        async def view():
            return jsonify(got=await request.get_json(), again=await request.json, is_json=request.is_json)
        @app.post("/force")
        async def force():
            return jsonify(await request.get_json(force=True))
        @app.post("/silent")
        async def silent():
            return jsonify(await request.get_json(silent=True))
        @app.post("/forcesilent")
        async def forcesilent():
            return jsonify(await request.get_json(force=True, silent=True))
    """,
        *(
            post(target, body, type_)
            for target in ("/", "/force", "/silent", "/forcesilent")
            for body, type_ in (
                ('{"a": [1, 2.5, null, true, "\\u00e9"]}', "application/json"),
                ("[1]", "application/problem+json"),
                ("3", "application/json; charset=utf-8"),
            )
        ),
        post("/force", "[1]", "text/plain"),
        post("/silent", "[1]", "text/plain"),
        post("/silent", "{", "application/json"),
        post("/forcesilent", "{", "text/plain"),
        post("/", "{", "application/json"),
        post("/", "", "application/json"),
    ),
    case(
        "json-wrong-type",
        """
        @app.post("/")
        async def view():
            return jsonify(await request.get_json())
        @app.post("/attr")
        async def attr():
            return jsonify(await request.json)
    """,
        post("/", "[1]", "text/plain"),
        post("/attr", "[1]"),
        post("/", "[1]"),
        differs=Differs(
            "ledger 25",
            {
                place: value
                for step in range(3)
                for place, value in {
                    f"{step}.headers.content-type.0": "text/html; charset=utf-8",
                    **page(step, "415 Unsupported Media Type", NOT_JSON, status=True),
                }.items()
            },
        ),
    ),
    case(
        "json-not-utf8",
        """
        @app.post("/")
        async def view():
            return jsonify(await request.get_json())
    """,
        post("/", '"\xe9"', "application/json"),
        differs=Differs(
            "ledger 4", {**page(0, "400 Bad Request", BAD, status=True), "0.logged": ABSENT}
        ),
    ),
    case(
        "json-loading-failed",
        """
        class MyRequest(app.request_class):
            def on_json_loading_failed(self, error):
                note(kind(error) if error else None)
                return {"failed": True}
        app.request_class = MyRequest
        @app.post("/")
        async def view():
            return jsonify(await request.get_json())
    """,
        post("/", "{", "application/json"),
    ),
    case(
        "json-debug",
        """
        app.debug = True
        @app.post("/")
        async def view():
            return jsonify(await request.get_json())
    """,
        post("/", "{", "application/json"),
    ),
    case(
        "form-urlencoded",
        ECHO_FORM,
        form("/", "a=1&b=2&a=3"),
        form("/", "a=%C3%A9+x&empty=&flag"),
        form("/?q=1&a=0", "a=1"),
        form("/", ""),
        post("/", "a=1", "text/plain"),
        post("/", "a=1", "application/x-www-form-urlencoded; charset=utf-8"),
        post("/", ["a=", "1&b", "=2"], "application/x-www-form-urlencoded"),
    ),
    case(
        "form-multipart",
        ECHO_FORM,
        multipart(
            "/",
            'Content-Disposition: form-data; name="a"\n\none',
            'Content-Disposition: form-data; name="a"\n\ntwo',
        ),
        multipart(
            "/",
            'Content-Disposition: form-data; name="f"; filename="x.txt"\nContent-Type: text/plain; charset=utf-8\n\ncontent\nof it',
            'Content-Disposition: form-data; name="a"\n\n',
        ),
        multipart("/", 'Content-Disposition: form-data; name="f"; filename="x.bin"\n\n\xff\xfe'),
        multipart(
            "/",
            'Content-Disposition: form-data; name="f"; filename=""\nContent-Type: application/octet-stream\n\n',
        ),
        multipart("/", 'Content-Disposition: form-data; name="a b"\nX-Own: 1\n\ncaf\xc3\xa9'),
        multipart(
            "/",
            "Content-Disposition: form-data; name=\"f\"; filename*=utf-8''%C3%A9.txt\nX-Own: 1\n\nx",
        ),
        multipart("/"),
    ),
    case(
        "form-multipart-chunked",
        ECHO_FORM,
        post(
            "/",
            [
                "--bo",
                'und\r\nContent-Disposition: form-data; name="a"\r',
                "\n\r\none",
                '\r\n--bound\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n1',
                "2",
                "3\r\n-",
                "-bound--\r\n",
            ],
            "multipart/form-data; boundary=bound",
        ),
    ),
    case(
        "file-storage",
        """
        @app.post("/")
        async def view():
            file = (await request.files)["f"]
            await file.save(here / "saved")
            return jsonify(name=file.name, filename=file.filename, saved=(here / "saved").read_text(), bool=bool(file), length=file.content_length,
                           params=file.mimetype_params, rest=file.read().decode(), repr=repr(file).split(":")[0])
    """,
        multipart(
            "/",
            'Content-Disposition: form-data; name="f"; filename="x.txt"\nContent-Type: text/plain; a=b\n\ncontent',
        ),
    ),
    case(
        "form-missing-file",
        """
        @app.post("/")
        async def view():
            return (await request.files)["nope"].filename
    """,
        multipart("/", 'Content-Disposition: form-data; name="f"; filename="x.txt"\n\nx'),
    ),
    case(
        "max-content-length",
        """
        app.config["MAX_CONTENT_LENGTH"] = 5
        @app.post("/data")
        async def data():
            return await request.get_data()
        @app.post("/form")
        async def form_():
            return dict(await request.form)
        @app.post("/json")
        async def json_():
            return jsonify(await request.get_json())
        @app.post("/unread")
        async def unread():
            return "unread"
    """,
        post("/data", "12345"),
        post("/data", "123456"),
        form("/form", "a=1"),
        form("/form", "a=1234567"),
        post("/json", '"1234567"', "application/json"),
        post("/data", ["123", "456"]),
        differs=Differs(
            "The page of a 413 says which limit it was",
            {
                place: value
                for step in (1, 3, 4, 5)
                for place, value in page(
                    step, TOO_LARGE, "The request body is larger than the limit of 5 bytes."
                ).items()
            },
        ),
    ),
    case(
        "max-content-length-unread",
        """
        app.config["MAX_CONTENT_LENGTH"] = 5
        @app.post("/unread")
        async def unread():
            return "unread"
    """,
        post("/unread", "123456"),
    ),
    case(
        "max-form-parts",
        """
        app.config["MAX_FORM_PARTS"] = 1
        app.config["MAX_FORM_MEMORY_SIZE"] = 10
        @app.post("/")
        async def view():
            return dict(await request.form)
    """,
        multipart(
            "/",
            'Content-Disposition: form-data; name="a"\n\none',
            'Content-Disposition: form-data; name="b"\n\ntwo',
        ),
        multipart("/", 'Content-Disposition: form-data; name="a"\n\n12345678901234567890'),
        multipart("/", 'Content-Disposition: form-data; name="a"\n\none'),
        differs=Differs(
            "The page of a 413 says which limit it was",
            {
                **page(0, TOO_LARGE, "The form has more than 1 parts."),
                **page(1, TOO_LARGE, "The form field &#39;a&#39; has more than 10 bytes."),
            },
        ),
    ),
    case(
        "values",
        """
        @app.route("/", methods=["GET", "POST", "PUT"])
        async def view():
            v = await request.values
            return jsonify(list(v.items(multi=True)), v.get("a"))
    """,
        "GET /?a=1",
        form("/?a=1", "a=2&b=3"),
        http("PUT", "/?a=1", {"content-type": "application/x-www-form-urlencoded"}, "a=4"),
    ),
    case(
        "request-class",
        """
        class MyRequest(app.request_class):
            @property
            def shout(self):
                return self.path.upper()
        app.request_class = MyRequest
        @app.route("/abc")
        async def view():
            return request.shout + str(isinstance(request._get_current_object(), MyRequest))
    """,
        "GET /abc",
    ),
    case(
        "request-made-by-hand",
        "",
        code("""
        from quart.wrappers import Request
        from werkzeug.datastructures import Headers
        async def push(*args): pass
        made = Request("POST", "http", "/p", b"a=b", Headers({"host": "h.example", "content-type": "application/json"}), "", "1.1", {"type": "http"}, send_push_promise=push)
        made.body.set_result(b'{"x": 1}')
        return [made.method, made.url, made.args["a"], await made.get_json(), await made.get_data(), made.full_path]
    """),
        code("""
        from quart.wrappers import Request
        from werkzeug.datastructures import Headers
        async def push(*args): pass
        made = Request("POST", "http", "/p", b"", Headers({"content-length": "9"}), "", "1.1", {"type": "http"}, max_content_length=5, send_push_promise=push)
        try:
            await made.body
        except Exception as error:
            return kind(error)
    """),
        code("""
        from quart.wrappers import Request
        from werkzeug.datastructures import Headers
        async def push(*args): pass
        made = Request("POST", "http", "/p", b"", Headers(), "", "1.1", {"type": "http"}, send_push_promise=push)
        for part in (b"one", b"two"):
            result = made.body.put(part) if hasattr(made.body, "put") else made.body.append(part)
            if result is not None:
                await result
        made.body.set_complete()
        return await made.get_data(as_text=True)
    """),
    ),
    case(
        "body-timeout",
        """
        app.config["BODY_TIMEOUT"] = 0.05
        @app.post("/")
        async def view():
            return await request.get_data()
    """,
        post("/", ["part"], stall=True),
        differs=Differs(
            "that of a 408 for how long nothing came",
            page(
                0, "408 Request Timeout", "No byte of the request body arrived within 0.05 seconds."
            ),
        ),
    ),
    case(
        "trusted-hosts",
        """
        app.config["TRUSTED_HOSTS"] = ["example.com", ".sub.example"]
        @app.route("/")
        async def view():
            return request.host
    """,
        http("GET", "/", {"host": "example.com"}),
        http("GET", "/", {"host": "a.sub.example"}),
    ),
    case(
        "untrusted-host",
        """
        app.config["TRUSTED_HOSTS"] = ["example.com"]
        @app.route("/")
        async def view():
            return "served"
    """,
        http("GET", "/", {"host": "evil.example"}),
        differs=Differs(
            "ledger 5",
            page(0, "400 Bad Request", "Host &#39;evil.example&#39; is not trusted.", status=True),
        ),
    ),
    case(
        "host-forms",
        """
        @app.route("/")
        async def view():
            return jsonify(request.host, request.host_url, request.url)
    """,
        http("GET", "/", {"host": "localhost:80"}),
        http("GET", "/", {"host": "[::1]:8000"}),
        http("GET", "/", {"host": "xn--bcher-kva.example"}),
        http("GET", "/", {"host": "example.com:443"}, scope={"scheme": "https"}),
        http("GET", "/", {"host": ""}),
    ),
    case(
        "scope",
        """
        @app.route("/")
        async def view():
            return jsonify(request.scope["type"], request.scope["method"], request.scope["path"], request.scope["extra"])
    """,
        http("GET", "/", scope={"extra": 5}),
    ),
    case(
        "push-promise",
        """
        @app.route("/")
        async def view():
            await make_push_promise("/static/a.css")
            await make_push_promise(url_for("static", filename="b.js"))
            return "pushed"
    """,
        code(
            "return [await show(await client.get('/')), [path for path, _ in client.push_promises]]"
        ),
        http(
            "GET",
            "/",
            [("accept-encoding", "gzip")],
            scope={"extensions": {"http.response.push": {}}},
        ),
    ),
    case(
        "client-disconnects",
        """
        @app.post("/")
        async def view():
            try:
                await request.get_data()
            except asyncio.CancelledError:
                note("cancelled")
                raise
            return "never"
    """,
        http("POST", "/", (), ["part"], leave=True),
    ),
    case(
        "content-length-lies",
        """
        @app.post("/")
        async def view():
            return await request.get_data()
    """,
        http("POST", "/", {"content-length": "2"}, "hello"),
        http("POST", "/", {"content-length": "x"}, "hello"),
        http("POST", "/", {"content-length": "-1"}, "hello"),
    ),
    case(
        "proxy-equality",
        """
        @app.route("/")
        async def view():
            real = request._get_current_object()
            return jsonify(request == real, bool(request), request.method in repr(request), type(real).__name__, "/" in repr(real))
    """,
        "GET /",
    ),
]
