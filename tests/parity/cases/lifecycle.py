"""Start-up, shutdown, background tasks, the lifespan protocol."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, plain_code

LIFESPAN = """
    async def lifespan(app, state=None):
        inbox, sent = asyncio.Queue(), []
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        if state is not None:
            scope["state"] = state
        done = asyncio.Event()
        async def send(message):
            sent.append(message["type"])
            done.set()
        task = asyncio.create_task(app(scope, inbox.get, send))
        inbox.put_nowait({"type": "lifespan.startup"})
        await asyncio.wait_for(done.wait(), 2)
        if sent[-1].endswith("failed"):
            try:
                await asyncio.wait_for(task, 1)
            except BaseException as error:
                sent.append(kind(error))
            return sent
        note("serving")
        done.clear()
        inbox.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait_for(done.wait(), 2)
        await asyncio.wait_for(task, 2)
        return sent
"""

CASES: list[Case] = [
    case(
        "order",
        LIFESPAN
        + """
    @app.before_serving
    async def before(): note("before", has_app_context())
    @app.before_serving
    def before2(): note("before sync", current_app.name == app.name)
    @app.while_serving
    async def during():
        note("while begins", has_app_context())
        yield
        note("while ends", has_app_context())
    @app.after_serving
    async def after(): note("after", has_app_context())
    """,
        code("return await lifespan(app)"),
    ),
    case(
        "several",
        LIFESPAN
        + """
    for n in range(2):
        def make(n):
            @app.before_serving
            async def before(): note("before", n)
            @app.while_serving
            async def during():
                note("while begins", n)
                yield
                note("while ends", n)
        make(n)
    """,
        code("return await lifespan(app)"),
    ),
    case(
        "after-serving-order",
        LIFESPAN
        + """
    for n in range(2):
        def make(n):
            @app.after_serving
            async def after(): note("after", n)
        make(n)
    """,
        code("return await lifespan(app)"),
        differs=Differs(
            "| `after_serving` functions | in the order of registration | in reverse order",
            {"0.notes.1.1": 1, "0.notes.2.1": 0},
        ),
    ),
    case(
        "startup-fails",
        LIFESPAN
        + """
    @app.before_serving
    async def before(): raise ValueError("no")
    """,
        code("return (await lifespan(app))[0]"),
        differs=Differs(
            "The log says in other words",
            {"0.logged.0": "ERROR The application failed at lifespan.startup. (ValueError)"},
        ),
    ),
    case(
        "shutdown-fails",
        LIFESPAN
        + """
    @app.after_serving
    async def after(): raise ValueError("no")
    """,
        code("""
        try:
            return (await lifespan(app))[:2]
        except BaseException as error:
            return "raised"
    """),
        differs=Differs(
            "The log says in other words",
            {"0.logged.0": "ERROR The application failed at lifespan.shutdown. (ValueError)"},
        ),
    ),
    case(
        "startup-and-shutdown-by-hand",
        """
        @app.before_serving
        async def before(): note("before")
        @app.after_serving
        async def after(): note("after")
    """,
        code("await app.startup(); note('up'); await app.shutdown()"),
    ),
    case(
        "g-at-startup",
        """
        @app.before_serving
        async def before(): g.x = 1
        @app.route("/")
        async def view(): return str("x" in g)
    """,
        code("""
        async with app.test_app() as test_app:
            return await (await test_app.test_client().get("/")).get_data(as_text=True)
    """),
    ),
    case(
        "while-serving-twice",
        """
        @app.while_serving
        async def during():
            note("begins")
            yield
            note("ends")
    """,
        code("async with app.test_app():\n    note('in')"),
    ),
    case(
        "background-tasks",
        """
        @app.route("/<kind>")
        async def view(kind):
            app.add_background_task(work, kind, flag=True)
            return "started"
        async def work(kind, flag):
            note("work", kind, flag, has_app_context(), has_request_context(), current_app.name == app.name)
        @app.route("/sync")
        async def sync_():
            app.add_background_task(sync_work)
            return "started"
        def sync_work():
            note("sync work", current_app.name == app.name)
    """,
        code("""
        async with app.test_app() as test_app:
            c = test_app.test_client()
            await c.get("/a")
            await c.get("/sync")
        note("stopped", len(app.background_tasks))
    """),
    ),
    case(
        "background-task-errors",
        """
        from quart.signals import got_background_exception
        @got_background_exception.connect_via(app)
        async def on_error(sender, exception, **extra):
            note("signal", kind(exception), sorted(extra))
        @app.route("/")
        async def view():
            app.add_background_task(work)
            return "started"
        async def work(): raise ValueError("x")
    """,
        code("""
        async with app.test_app() as test_app:
            await test_app.test_client().get("/")
    """),
        differs=Differs(
            "The log says in other words",
            {"0.logged.0": "ERROR Exception in the application (ValueError)"},
        ),
    ),
    case(
        "background-tasks-are-waited-for",
        """
        @app.after_serving
        async def after(): note("after serving")
        async def work():
            await asyncio.sleep(0.05)
            note("work done")
    """,
        code("""
        async with app.test_app():
            app.add_background_task(work)
        note("stopped")
    """),
    ),
    case(
        "background-task-timeout",
        """
        app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 0.05
        async def work():
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                note("cancelled")
                raise
    """,
        code("""
        async with app.test_app():
            app.add_background_task(work)
            await asyncio.sleep(0)
        note("stopped")
    """),
    ),
    case(
        "shutdown-event",
        """
        seen = []
        async def work():
            await app.shutdown_event.wait()
            note("shutdown seen")
    """,
        code("""
        async with app.test_app():
            app.add_background_task(work)
            await asyncio.sleep(0)
            note(app.shutdown_event.is_set())
    """),
    ),
    case(
        "lifespan-state",
        LIFESPAN
        + """
    """,
        code("return await lifespan(app, {})"),
    ),
    case(
        "asgi-app-wrapped",
        """
        class Middleware:
            def __init__(self, app): self.app = app
            async def __call__(self, scope, receive, send):
                note("middleware", scope["type"])
                if scope.get("path") == "/stopped":
                    await send({"type": "http.response.start", "status": 418, "headers": []})
                    await send({"type": "http.response.body", "body": b"stopped", "more_body": False})
                    return
                await self.app(scope, receive, send)
        app.asgi_app = Middleware(app.asgi_app)
        @app.route("/")
        async def view(): return "x"
    """,
        "GET /",
        "GET /stopped",
        code("return (await client.get('/stopped')).status_code"),
    ),
    case(
        "unknown-scope",
        "",
        code("""
        try:
            await app({"type": "none"}, None, None)
        except Exception as error:
            return "raised"
        return "ignored"
    """),
    ),
    case(
        "serving-signal",
        LIFESPAN
        + """
    from quart.signals import got_serving_exception
    @got_serving_exception.connect_via(app)
    async def on_error(sender, exception, **extra): note("signal", kind(exception), sorted(extra))
    @app.while_serving
    async def during():
        raise ValueError()
        yield
    """,
        code("return (await lifespan(app))[0]"),
        differs=Differs(
            "The log says in other words",
            {"0.logged.0": "ERROR The application failed at lifespan.startup. (ValueError)"},
        ),
    ),
    case(
        "while-serving-is-no-generator",
        """
        @app.while_serving
        async def during(): return 1
    """,
        code("""
        try:
            await app.startup()
        except Exception:
            return "raised"
        return "ignored"
    """),
        differs=Differs("The log says in other words", {"0.logged": ABSENT}),
    ),
    case(
        "run-in-plain-code",
        """
        @app.before_serving
        async def before(): note("before")
    """,
        plain_code("asyncio.run(app.startup())"),
    ),
]
