"""Answers in pieces."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, http

CASES: list[Case] = [
    case(
        "generators",
        """
        @app.route("/async")
        async def async_():
            async def generate():
                yield "a"
                yield b"b"
                yield "é"
            return generate()
        @app.route("/sync")
        async def sync_():
            def generate():
                yield "a"
                yield b"b"
            return generate()
        @app.route("/tuple")
        async def tuple_():
            async def generate():
                yield "a"
            return generate(), 202, {"X-A": "1", "Content-Type": "text/plain"}
        @app.route("/response")
        async def response():
            async def generate():
                yield "a"
            return Response(generate(), mimetype="text/csv")
        @app.route("/made")
        async def made():
            async def generate():
                yield "a"
            r = await make_response(generate())
            r.headers["X-A"] = "1"
            return r
        @app.route("/list")
        async def list_():
            return Response(["a", b"b"])
        @app.route("/empty")
        async def empty():
            async def generate():
                return
                yield
            return generate()
        @app.route("/length")
        async def length():
            async def generate():
                yield "abc"
            return generate(), {"Content-Length": "3"}
    """,
        *(
            http("GET", f"/{name}", chunks=True)
            for name in "async sync tuple response made list empty length".split()
        ),
        "HEAD /async",
    ),
    case(
        "length-in-the-client",
        """
        @app.route("/")
        async def view():
            async def generate():
                yield "a"
            return generate()
    """,
        code("return await show(await client.get('/'))"),
        differs=Differs(
            "A response of the client has the headers that were sent",
            {"0.value.headers.content-length": ABSENT},
        ),
    ),
    case(
        "stream-with-context",
        """
        @app.route("/")
        async def view():
            @stream_with_context
            async def generate():
                yield request.path
                yield " " + request.args["q"]
            return generate()
        @app.route("/session")
        async def of_session():
            session["x"] = 1
            @stream_with_context
            async def generate():
                yield str(session.get("x"))
            return generate()
    """,
        "GET /?q=1",
        "GET /session",
    ),
    case(
        "stream-with-context-g",
        """
        @app.route("/g")
        async def of_g():
            g.x = "x"
            @stream_with_context
            async def generate():
                yield g.get("x", "none")
            return generate()
    """,
        "GET /g",
        differs=Differs("ledger 9", {"0.body": "x"}),
    ),
    case(
        "stream-with-context-teardown",
        """
        @app.teardown_request
        async def teardown(error):
            note("teardown")
        @app.after_request
        async def after(response):
            note("after")
            return response
        @app.route("/")
        async def view():
            @stream_with_context
            async def generate():
                note("begun")
                yield "a"
                note("ended")
            return generate()
    """,
        "GET /",
        differs=Differs("ledger 9", {"0.notes": ["after", "begun", "ended", "teardown"]}),
    ),
    case(
        "teardown-before-stream",
        """
        @app.teardown_request
        async def teardown(error):
            note("teardown")
        @app.route("/")
        async def view():
            async def generate():
                note("begun")
                yield "a"
            return generate()
    """,
        "GET /",
        differs=Differs(
            "| Teardown of a streamed answer | before the stream |",
            {"0.notes.0": "begun", "0.notes.1": "teardown"},
        ),
    ),
    case(
        "error-in-stream",
        """
        @app.route("/")
        async def view():
            async def generate():
                yield "a"
                raise ValueError()
            return generate()
    """,
        http("GET", "/", chunks=True),
        differs=Differs(
            "ledger 10",
            {"0.raised": ABSENT, "0.logged": ["ERROR Exception on request GET / (ValueError)"]},
        ),
    ),
    case(
        "error-before-stream",
        """
        @app.route("/")
        async def view():
            async def generate():
                raise ValueError()
                yield
            return generate()
    """,
        code("""
        try:
            return (await client.get("/")).status_code
        except BaseException:
            return "raised"
    """),
        differs=Differs(
            "ledger 10", {"0.logged": ["ERROR Exception on request GET / (ValueError)"]}
        ),
    ),
    case(
        "timeout",
        """
        app.config["RESPONSE_TIMEOUT"] = 0.05
        @app.route("/")
        async def view():
            async def generate():
                yield "a"
                await asyncio.sleep(5)
                yield "b"
            return generate()
        @app.route("/unlimited")
        async def unlimited():
            async def generate():
                yield "a"
                await asyncio.sleep(0.1)
                yield "b"
            r = await make_response(generate())
            r.timeout = None
            return r
    """,
        http("GET", "/unlimited", chunks=True),
    ),
    case(
        "timeout-of-the-whole",
        """
        app.config["RESPONSE_TIMEOUT"] = 0.4
        @app.route("/")
        async def view():
            async def generate():
                for n in range(6):
                    await asyncio.sleep(0.1)
                    yield str(n)
            return generate()
    """,
        http("GET", "/"),
        differs=Differs(
            "ledger 23", {"0.raised": ABSENT, "0.body": "012345", "0.unfinished": ABSENT}
        ),
    ),
    case(
        "client-streaming",
        """
        @app.route("/")
        async def view():
            async def generate():
                for n in range(3):
                    yield f"part{n}"
            return generate(), 202
        @app.post("/echo")
        async def echo():
            async def generate():
                async for part in request.body:
                    yield part.upper()
            return generate()
    """,
        code("""
        async with client.request("/") as connection:
            await connection.send_complete()
        response = await connection.as_response()
        return [response.status_code, await response.get_data(as_text=True)]
    """),
        code("""
        connection = client.request("/")
        async with connection:
            await connection.send_complete()
            parts = []
            while len("".join(parts)) < 15:
                parts.append((await connection.receive()).decode())
            return ["".join(parts), connection.status_code, connection.headers["content-type"]]
    """),
    ),
    case(
        "body-objects",
        """
        from quart.wrappers.response import DataBody, IterableBody, FileBody, IOBody
        from io import BytesIO
        @app.route("/data")
        async def data():
            r = Response("x")
            r.response = DataBody(b"data body")
            r.content_length = 9
            return r
        @app.route("/iterable")
        async def iterable():
            async def generate():
                yield b"iter"
            return Response(IterableBody(generate()))
        @app.route("/file")
        async def file():
            return Response(FileBody(here / "a.txt"))
        @app.route("/io")
        async def io_():
            return Response(IOBody(BytesIO(b"0123456789"), buffer_size=3))
    """,
        "GET /data",
        "GET /iterable",
        "GET /file",
        "GET /io",
        files={"a.txt": "a file"},
    ),
    case(
        "bodies-by-hand",
        """
        from quart.wrappers.response import DataBody, IterableBody, FileBody, IOBody
        from io import BytesIO
        async def read(body):
            parts = []
            async with body as source:
                async for part in source:
                    parts.append(part)
            return b"".join(parts)
    """,
        code("""
        body = DataBody(b"0123456789")
        found = [await body.make_conditional(2, 5)]
        return [found, await read(body), body.begin, body.end]
    """),
        code("""
        body = FileBody(here / "a.txt", buffer_size=2)
        await body.make_conditional(1, 4)
        return [await read(body), body.begin, body.end, body.size, body.buffer_size]
    """),
        code("""
        body = IOBody(BytesIO(b"0123456789"), buffer_size=3)
        await body.make_conditional(1, 4)
        return [await read(body), body.begin, body.end]
    """),
        code("""
        async def generate():
            yield b"a"
            yield b"b"
        body = IterableBody(generate())
        return await read(body)
    """),
        files={"a.txt": "a file of text"},
    ),
    case(
        "own-body-class",
        """
        from quart.wrappers.response import ResponseBody
        class Mine(ResponseBody):
            async def __aenter__(self):
                note("enter")
                return self
            async def __aexit__(self, *args):
                note("exit")
            def __aiter__(self):
                async def parts():
                    yield b"mine"
                return parts()
        @app.route("/")
        async def view():
            return Response(Mine())
    """,
        "GET /",
    ),
    case(
        "iter-encode",
        "",
        code("r = Response('text'); return [part async for part in r.iter_encode()]"),
        code("""
        async def generate():
            yield "a"
            yield "b"
        r = Response(generate())
        return await r.get_data(as_text=True)
    """),
        code("""
        async def generate():
            yield "a"
        r = Response(generate())
        try:
            await r.make_sequence()
        except Exception as error:
            note(kind(error))
        await r.freeze()
        return await r.get_data()
    """),
    ),
    case(
        "async-iterable",
        """
        class Source:
            def __aiter__(self):
                self.n = 0
                return self
            async def __anext__(self):
                self.n += 1
                if self.n > 3:
                    raise StopAsyncIteration
                return str(self.n)
        @app.route("/")
        async def view():
            return Response(Source())
    """,
        "GET /",
    ),
    case(
        "server-sent-events",
        """
        @app.route("/")
        async def view():
            async def generate():
                for n in range(2):
                    yield f"data: {n}\\r\\n\\r\\n".encode()
            r = await make_response(generate(), {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"})
            r.timeout = None
            return r
    """,
        http("GET", "/", chunks=True),
    ),
    case(
        "generator-closed",
        """
        @app.route("/")
        async def view():
            async def generate():
                try:
                    yield "a"
                    yield "b"
                finally:
                    note("closed")
            return generate()
    """,
        "GET /",
    ),
]
