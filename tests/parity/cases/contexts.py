"""Contexts, proxies, g."""

from __future__ import annotations

from ..case import Case, Differs, case, code, plain_code, ws

CASES: list[Case] = [
    case(
        "outside",
        "",
        *(
            code(f"""
        found = []
        for use in (lambda: {use},):
            try:
                found.append(use())
            except RuntimeError:
                found.append("RuntimeError")
        return found
    """)
            for use in (
                "request.path",
                "websocket.path",
                "current_app.name",
                "g.x",
                "session['x']",
                "url_for('x')",
                "bool(request)",
                "bool(current_app)",
                "bool(g)",
                "bool(session)",
                "repr(current_app)",
                "repr(g)",
            )
        ),
    ),
    case(
        "has-context",
        """
        @app.route("/")
        async def view():
            return jsonify(has_app_context(), has_request_context(), has_websocket_context())
        @app.websocket("/ws")
        async def ws_():
            await websocket.send_json([has_app_context(), has_request_context(), has_websocket_context()])
    """,
        "GET /",
        ws("/ws"),
        code("return [has_app_context(), has_request_context(), has_websocket_context()]"),
        code(
            "async with app.app_context():\n    return [has_app_context(), has_request_context(), has_websocket_context()]"
        ),
        code(
            "async with app.test_request_context('/'):\n    return [has_app_context(), has_request_context(), has_websocket_context()]"
        ),
    ),
    case(
        "pushed-twice",
        """
        seen = []
        @app.teardown_appcontext
        async def left(error):
            seen.append("left")
    """,
        code("""
        context = app.app_context()
        found = []
        await context.push()
        await context.push()
        for _ in range(2):
            await context.pop()
            found.append([has_app_context(), len(seen)])
        try:
            await context.pop()
        except RuntimeError:
            found.append("RuntimeError")
        return found
    """),
    ),
    case(
        "wrong-kind",
        """
        @app.route("/")
        async def view():
            try:
                websocket.path
            except RuntimeError:
                return "RuntimeError"
        @app.websocket("/ws")
        async def ws_():
            try:
                request.path
            except RuntimeError:
                await websocket.send("RuntimeError")
    """,
        "GET /",
        ws("/ws"),
    ),
    case(
        "g",
        """
        @app.route("/")
        async def view():
            g.x = 1
            found = [g.x, "x" in g, "y" in g, g.get("y"), g.get("y", 2), g.pop("x"), g.pop("x", None), g.setdefault("z", []), sorted(g)]
            try:
                g.nope
            except AttributeError:
                found.append("AttributeError")
            try:
                g.pop("nope")
            except KeyError:
                found.append("KeyError")
            try:
                del g.nope
            except AttributeError:
                found.append("AttributeError")
            del g.z
            return jsonify(found)
    """,
        "GET /",
    ),
    case(
        "g-per-request",
        """
        @app.before_request
        async def before():
            note("x" in g)
        @app.route("/")
        async def view():
            g.x = 1
            return ""
    """,
        "GET /",
        "GET /",
    ),
    case(
        "own-globals-class",
        """
        class Mine(app.app_ctx_globals_class):
            def extra(self):
                return "extra"
        app.app_ctx_globals_class = Mine
        @app.route("/")
        async def view():
            return g.extra()
    """,
        "GET /",
    ),
    case(
        "app-context",
        """
        @app.teardown_appcontext
        async def end(error):
            note("end", kind(error) if error else None)
    """,
        code("""
        async with app.app_context() as ctx:
            note(current_app.name == app.name, current_app._get_current_object() is app, ctx.app is app, ctx.g is g._get_current_object())
            g.x = 1
            async with app.app_context():
                note("x" in g)
            note(g.x)
        return has_app_context()
    """),
    ),
    case(
        "app-context-error",
        """
        @app.teardown_appcontext
        async def end(error):
            note("end", kind(error) if error else None)
    """,
        code("""
        async with app.app_context():
            raise ValueError()
    """),
    ),
    case(
        "push-and-pop",
        """
        @app.teardown_appcontext
        async def end(error):
            note("end", kind(error) if error else None)
    """,
        code("""
        ctx = app.app_context()
        await ctx.push()
        g.x = 1
        note(has_app_context(), g.x)
        await ctx.pop()
        return has_app_context()
    """),
        code("""
        ctx = app.test_request_context("/x?a=1")
        await ctx.push()
        note(request.path, request.args["a"])
        await ctx.pop()
        return has_request_context()
    """),
        code("""
        ctx = app.app_context()
        await ctx.push()
        await ctx.pop(ValueError())
    """),
    ),
    case(
        "pop-in-wrong-order",
        "",
        code("""
        one, two = app.app_context(), app.app_context()
        await one.push()
        await two.push()
        try:
            await one.pop()
        except Exception as error:
            note("refused")
        await two.pop()
    """),
    ),
    case(
        "test-request-context",
        """
        @app.route("/p/<x>")
        async def view(x):
            return x
    """,
        code("""
        async with app.test_request_context("/p/1?a=b", method="POST", headers={"X-A": "1"}, json={"k": [1]}) as ctx:
            return [request.path, request.method, request.args["a"], request.headers["x-a"], await request.get_json(), request.endpoint, request.view_args, request.url, request.host, request.content_type]
    """),
        code("""
        async with app.test_request_context("/p/1", form={"a": "1"}, query_string={"q": "x y"}, scheme="https", root_path=""):
            return [dict(await request.form), request.method, request.query_string, request.url, request.scheme, request.url_rule is not None]
    """),
        code("""
        async with app.test_request_context("/p/1", data=b"raw", auth=("u", "p"), subdomain="sub"):
            return [await request.get_data(), request.authorization.username, request.host, request.http_version]
    """),
        code("""
        async with app.test_request_context("/none"):
            return [request.endpoint, kind(request.routing_exception), session.get("x"), url_for("view", x=1)]
    """),
    ),
    case(
        "nested-request-in-app-context",
        """
        @app.route("/")
        async def view():
            g.seen = g.get("outer", "none")
            return g.seen
    """,
        code("""
        async with app.app_context():
            g.outer = "outer"
            body = await (await client.get("/")).get_data(as_text=True)
            return [body, "seen" in g]
    """),
        differs=Differs(
            "Every request and every websocket has a `g` of its own",
            {"0.value.0": "none", "0.value.1": False},
            on="0.21",
        ),
    ),
    case(
        "copy-current-request-context",
        """
        @app.route("/")
        async def view():
            @copy_current_request_context
            async def inner():
                return request.path + " " + g.x
            g.x = "x"
            task = asyncio.create_task(inner())
            return await task
        @app.route("/app")
        async def of_app():
            @copy_current_app_context
            async def inner():
                return current_app.name == app.name
            return jsonify(await asyncio.create_task(inner()))
        @app.websocket("/ws")
        async def ws_():
            @copy_current_websocket_context
            async def inner():
                await websocket.send(websocket.path)
            await asyncio.create_task(inner())
    """,
        "GET /app",
        ws("/ws"),
        code("copy_current_request_context(lambda: None)"),
        code("copy_current_app_context(lambda: None)"),
        code("copy_current_websocket_context(lambda: None)"),
    ),
    case(
        "tasks-inherit",
        """
        @app.route("/")
        async def view():
            async def inner():
                await asyncio.sleep(0)
                return request.path + g.x
            g.x = "x"
            return " ".join(await asyncio.gather(inner(), inner()))
    """,
        "GET /",
    ),
    case(
        "run-sync",
        """
        from quart.utils import run_sync
        @app.route("/")
        async def view():
            def work(a, b=2):
                return f"{a} {b} {request.path} {current_app.name == app.name}"
            return await run_sync(work)(1, b=3)
        @app.route("/error")
        async def error():
            def work():
                raise KeyError("x")
            try:
                await run_sync(work)()
            except KeyError:
                return "KeyError"
    """,
        "GET /",
        "GET /error",
    ),
    case(
        "proxies",
        """
        @app.route("/")
        async def view():
            return jsonify(
                current_app.name == app.name, current_app._get_current_object() is app, current_app == app, isinstance(current_app, Quart), isinstance(request, app.request_class),
                callable(request._get_current_object), type(g._get_current_object()).__name__ != "", session._get_current_object() is not None, dir(request) != [], hash(current_app) == hash(app),
            )
    """,
        "GET /",
    ),
    case(
        "globals-module",
        """
        from quart.globals import _cv_app, app_ctx
        @app.route("/")
        async def view():
            ctx = _cv_app.get(None)
            ctx.mine = "set"
            return jsonify(app_ctx.app is app, app_ctx.mine, ctx.app is app, app_ctx._get_current_object() is ctx)
    """,
        "GET /",
        code("return _cv_app.get(None) is None"),
    ),
    case(
        "older-globals",
        """
        from quart.globals import request_ctx, websocket_ctx
        @app.route("/")
        async def view():
            return jsonify(request_ctx.request.path, request_ctx.app is app)
        @app.websocket("/ws")
        async def ws_():
            await websocket.send(websocket_ctx.websocket.path)
    """,
        "GET /",
        ws("/ws"),
        differs=Differs(
            "names of older versions of Quart",
            {
                "": [
                    {
                        "status": 200,
                        "headers": {"content-length": ["11"], "content-type": ["application/json"]},
                        "body": '["/",true]\n',
                    },
                    {
                        "messages": [
                            {"type": "websocket.accept"},
                            {"sent": "/ws"},
                            {"type": "websocket.close", "code": 1000},
                        ]
                    },
                ]
            },
            on="0.23",
        ),
    ),
    case(
        "context-attributes",
        """
        @app.route("/x/<a>")
        async def view(a):
            from quart.globals import app_ctx
            ctx = app_ctx._get_current_object()
            return jsonify(ctx.request.path, ctx.url_adapter is not None, ctx.app is app, ctx.g is g._get_current_object())
    """,
        "GET /x/1",
    ),
    case(
        "simultaneous-requests",
        """
        order = []
        @app.route("/<x>")
        async def view(x):
            g.x = x
            await asyncio.sleep(0.001)
            return f"{g.x} {request.path}"
    """,
        code(
            "return [await r.get_data(as_text=True) for r in await asyncio.gather(*(client.get(f'/{n}') for n in range(10)))]"
        ),
    ),
    case(
        "asyncio-run-in-plain-code",
        """
        @app.teardown_appcontext
        async def end(error):
            note("end")
    """,
        plain_code("""
        async def main():
            async with app.app_context():
                return current_app.name == app.name
        return asyncio.run(main())
    """),
    ),
    case(
        "context-variables-of-sync-code",
        """
        from contextvars import ContextVar
        var = ContextVar("var", default="default")
        @app.before_request
        def before():
            var.set("set")
        @app.route("/")
        async def view():
            return var.get()
    """,
        "GET /",
        differs=Differs("ledger 30", {"0.body": "set", "0.headers.content-length.0": "3"}),
    ),
    case(
        "context-variables-of-async-code",
        """
        from contextvars import ContextVar
        var = ContextVar("var", default="default")
        @app.before_request
        async def before():
            var.set("set")
        @app.route("/")
        async def view():
            return var.get()
    """,
        "GET /",
    ),
    case(
        "stream-without-context",
        """
        @app.route("/")
        async def view():
            async def generate():
                yield "a"
                yield str(has_request_context())
            return generate()
    """,
        "GET /",
        differs=Differs("ledger 9", {"0.body": "aTrue"}),
    ),
    case(
        "make-current",
        "",
        code("""
        async with app.test_request_context("/a"):
            one = request.path
            async with app.test_request_context("/b"):
                two = request.path
            return [one, two, request.path]
    """),
    ),
]
