"""The test client: what it sends, what it gives back."""

from __future__ import annotations

from ..case import Case, Differs, case, code

ECHO = """
    @app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
    @app.route("/<path:p>", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
    async def echo(p=""):
        return jsonify(method=request.method, path=request.path, args=list(map(list, request.args.items(multi=True))), headers=sorted(list(h) for h in request.headers.items() if h[0] not in ("User-Agent", "Remote-Addr", "Content-Length")),
                       body=(await request.get_data()).decode("latin-1"), scheme=request.scheme, host=request.host, url=request.url, root=request.root_path, version=request.http_version)
"""

CASES: list[Case] = [
    *(
        case(
            f"echo-{name}",
            ECHO,
            code(
                f"r = await {call}; return [r.status_code, await r.get_json() if r.is_json else await r.get_data(as_text=True)]"
            ),
        )
        for name, call in {
            "get": "client.get('/')",
            "post": "client.post('/', data='text')",
            "put": "client.put('/', data=b'bytes')",
            "patch": "client.patch('/x')",
            "delete": "client.delete('/x')",
            "options": "client.options('/x')",
            "trace": "client.trace('/x')",
            "open": "client.open('/x', method='PUT')",
            "query": "client.get('/', query_string={'a': 'x y', 'b': '1'})",
            "query-in-path": "client.get('/p?a=1&b=%20')",
            "json": "client.post('/', json={'a': 1, 'b': [None]})",
            "json-none": "client.post('/', json=None)",
            "form": "client.post('/', form={'a': 'x y', 'b': 'é'})",
            "headers": "client.get('/', headers={'X-A': '1', 'Host': 'other'})",
            "scheme": "client.get('/', scheme='https')",
            "version": "client.get('/', http_version='2')",
            "root": "client.get('/api/x', root_path='/api')",
            "auth": "client.get('/', auth=('user', 'pass'))",
            "subdomain": "client.get('/', subdomain='sub')",
            "scope": "client.get('/', scope_base={'extra': 1})",
            "quoted": "client.get('/a%20b/%C3%A9')",
            "content-type": "client.post('/', data='x', headers={'Content-Type': 'text/x'})",
        }.items()
    ),
    case(
        "bodies",
        ECHO,
        code("return (await (await client.post('/', form={'a': ['1', '2']})).get_json())['body']"),
        code("return (await (await client.post('/', json={'b': 1, 'a': 2})).get_json())['body']"),
        code(
            "return (await (await client.post('/', json=1, headers={'Content-Type': 'application/x+json'})).get_json())['headers'][0]"
        ),
        differs=(
            Differs(
                "`form=` takes lists; `json=` is written by the application's provider; a content type that is given is kept",
                {
                    "0.value": "a=1&a=2",
                    "1.value": '{"a": 2, "b": 1}',
                    "2.value.1": "application/x+json",
                },
            ),
        ),
    ),
    case(
        "content-length",
        """
        @app.post("/")
        async def view(): return str(request.content_length)
    """,
        code("return await (await client.post('/', data='text')).get_data(as_text=True)"),
        differs=Differs("A request with a body has its `Content-Length`", {"0.value": "4"}),
    ),
    case(
        "whole-urls",
        ECHO,
        code("return (await (await client.get('https://example.com/a?b=c')).get_json())['url']"),
        differs=Differs(
            "the host and scheme of a whole URL count", {"0.value": "https://example.com/a?b=c"}
        ),
    ),
    case(
        "head",
        ECHO,
        code("r = await client.head('/x'); return [r.status_code, await r.get_data(as_text=True)]"),
        differs=Differs("the answer to `HEAD` has no body", {"0.value.1": ""}),
    ),
    case(
        "data-and-json",
        ECHO,
        code("await client.post('/', data='x', json=1)"),
        code("await client.post('/', form={'a': 'b'}, json=1)"),
        code("await client.post('/', data='x', form={'a': 'b'})"),
    ),
    case(
        "files",
        """
        from quart.datastructures import FileStorage
        from io import BytesIO
        @app.post("/")
        async def view():
            files = await request.files
            return jsonify(form=list((await request.form).items()), files=[[n, f.filename, f.content_type, f.read().decode()] for n, f in files.items(multi=True)], type=request.mimetype)
    """,
        code(
            "return await (await client.post('/', files={'f': FileStorage(BytesIO(b'content'), filename='x.txt')}, form={'a': 'b'})).get_json()"
        ),
        code(
            "return await (await client.post('/', files={'f': FileStorage(BytesIO(b'{}'), filename='x.json', content_type='application/json', name='f')})).get_json()"
        ),
    ),
    case(
        "response",
        """
        @app.route("/")
        async def view():
            r = await make_response("é", 202)
            r.headers.add("X-A", "1"); r.headers.add("X-A", "2")
            r.set_cookie("c", "v")
            return r
    """,
        code("""
        r = await client.get("/")
        return [r.status_code, r.status, await r.get_data(), await r.get_data(as_text=True), await r.data, r.headers["x-a"], r.headers.getlist("x-a"), r.mimetype, r.content_type, r.content_length, isinstance(r, app.response_class), r.is_json, r.location]
    """),
    ),
    case(
        "redirects",
        """
        @app.route("/a", methods=["GET", "POST"])
        async def a(): return redirect("/b?x=1")
        @app.route("/b", methods=["GET", "POST"])
        async def b(): return redirect(url_for("c"), 303)
        @app.route("/c", methods=["GET", "POST"])
        async def c(): return f"{request.method} {request.args.get('x')} {(await request.get_data()).decode()}"
        @app.route("/keep", methods=["GET", "POST"])
        async def keep(): return redirect("/c", 307)
        @app.route("/permanent", methods=["GET", "POST"])
        async def permanent(): return redirect("/c", 308)
        @app.route("/301", methods=["GET"])
        async def moved(): return redirect("/c", 301)
        @app.route("/cookie")
        async def cookie():
            r = redirect("/cookies")
            r.set_cookie("x", "y")
            return r
        @app.route("/cookies")
        async def cookies(): return jsonify(request.cookies)
    """,
        *(
            code(
                f"r = await client.{call}; return [r.status_code, await r.get_data(as_text=True), r.location]"
            )
            for call in (
                "get('/a')",
                "get('/a', follow_redirects=True)",
                "post('/a', follow_redirects=True)",
                "get('/keep', follow_redirects=True)",
                "get('/permanent', follow_redirects=True)",
                "get('/301', follow_redirects=True)",
                "get('/cookie', follow_redirects=True)",
            )
        ),
    ),
    case(
        "cookies",
        """
        @app.route("/set/<name>/<value>")
        async def set_(name, value):
            r = Response("x")
            r.set_cookie(name, value)
            return r
        @app.route("/delete/<name>")
        async def delete(name):
            r = Response("x")
            r.delete_cookie(name)
            return r
        @app.route("/")
        async def view(): return jsonify(sorted(request.cookies.items()))
    """,
        code("""
        found = []
        for path in ("/", "/set/a/1", "/", "/set/b/2", "/set/a/3", "/", "/delete/a", "/"):
            found.append(await (await client.get(path)).get_data(as_text=True))
        return found
    """),
        code("""
        client.set_cookie("localhost", "k", "v")
        one = await (await client.get("/")).get_json()
        client.delete_cookie("localhost", "k")
        return [one, await (await client.get("/")).get_json()]
    """),
        code("""
        other = app.test_client(use_cookies=False)
        await other.get("/set/a/1")
        return [await (await other.get("/")).get_json(), other.cookie_jar]
    """),
        code("""
        client.set_cookie("localhost", "k", "v")
        return await (await client.get("/", headers={"Cookie": "own=1"})).get_json()
    """),
    ),
    case(
        "preserve-context",
        """
        @app.route("/<x>")
        async def view(x):
            g.x = x
            session["s"] = x
            return "x"
    """,
        code("""
        async with app.test_client() as c:
            await c.get("/a?q=1")
            return [request.path, request.args["q"], session["s"]]
    """),
    ),
    case(
        "connection",
        """
        @app.post("/")
        async def view():
            parts = []
            async for part in request.body:
                parts.append(part.decode())
            return "|".join(parts)
    """,
        code("""
        async with client.request("/", method="POST") as connection:
            await connection.send(b"one")
            await connection.send(b"two")
            await connection.send_complete()
        response = await connection.as_response()
        return [response.status_code, (await response.get_data(as_text=True)).replace("|", "")]
    """),
        code("""
        async with client.request("/", method="POST", headers={"X": "y"}, query_string={"a": "b"}) as connection:
            await connection.send(b"x")
            await connection.disconnect()
        return "left"
    """),
    ),
    case(
        "test-app",
        """
        @app.before_serving
        async def before(): note("before")
        @app.after_serving
        async def after(): note("after")
        @app.route("/")
        async def view(): return "x"
    """,
        code("""
        async with app.test_app() as test_app:
            c = test_app.test_client()
            return await (await c.get("/")).get_data(as_text=True)
    """),
        code("""
        test_app = app.test_app()
        await test_app.startup()
        note("between")
        await test_app.shutdown()
    """),
    ),
    case(
        "own-client",
        """
        from quart.testing import QuartClient
        class Mine(QuartClient):
            async def open(self, *args, **kwargs):
                note("open", args[0], kwargs.get("method"))
                return await super().open(*args, **kwargs)
        app.test_client_class = Mine
        @app.route("/")
        async def view(): return "x"
    """,
        code(
            "c = app.test_client(); r = await c.get('/'); return [type(c).__name__, r.status_code]"
        ),
    ),
    case(
        "make-request-override",
        """
        from quart.testing import QuartClient
        class Mine(QuartClient):
            async def _make_request(self, path, method, headers, *args):
                headers = {**(headers or {}), "X-Mine": "1"}
                return await super()._make_request(path, method, headers, *args)
        app.test_client_class = Mine
        @app.route("/")
        async def view(): return request.headers.get("X-Mine", "none")
    """,
        code("return await (await app.test_client().get('/')).get_data(as_text=True)"),
    ),
    case(
        "raises",
        """
        app.config["PROPAGATE_EXCEPTIONS"] = False
        @app.route("/")
        async def view(): raise ValueError("x")
    """,
        code("return (await client.get('/')).status_code"),
    ),
    case(
        "helpers",
        """
        from quart.testing import make_test_headers_path_and_query_string, make_test_body_with_headers, make_test_scope, sentinel, no_op_push
    """,
        code(
            "headers, path, query = make_test_headers_path_and_query_string(app, '/x?a=1', {'X': 'y'}); return [path, query, headers.get('X'), headers.get('host')]"
        ),
        code(
            "headers, path, query = make_test_headers_path_and_query_string(app, '/x', None, {'a': 'b c'}, ('u', 'p'), 'sub'); return [path, query, headers['host'], headers['authorization']]"
        ),
        code("make_test_headers_path_and_query_string(app, '/x?a=1', None, {'b': '2'})"),
        code(
            "body, headers = make_test_body_with_headers(json={'a': 1}); return [body, dict(headers)]"
        ),
        code(
            "body, headers = make_test_body_with_headers(form={'a': '1'}); return [body, dict(headers)]"
        ),
        code("body, headers = make_test_body_with_headers(data='x'); return [body, dict(headers)]"),
        code("body, headers = make_test_body_with_headers(); return [body, dict(headers)]"),
        code(
            "from werkzeug.datastructures import Headers; s = make_test_scope('http', '/p', 'GET', Headers({'a': 'b'}), b'q', 'https', '/root', '2', {'x': 1}); return [s[k] for k in ('type', 'path', 'method', 'headers', 'query_string', 'scheme', 'root_path', 'http_version', 'x')]"
        ),
        code("return await no_op_push('x', None)"),
    ),
    case(
        "concurrent",
        """
        @app.route("/<int:n>")
        async def view(n):
            await asyncio.sleep(0.001 * (3 - n))
            return str(n)
    """,
        code(
            "return [await r.get_data(as_text=True) for r in await asyncio.gather(*(client.get(f'/{n}') for n in range(3)))]"
        ),
    ),
]
