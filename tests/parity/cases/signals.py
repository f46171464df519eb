"""Signals: which, in what order, with what."""

from __future__ import annotations

from ..case import RECV, Case, Differs, case, code, ws

ALL = """
    from quart import signals
    NAMES = '''appcontext_popped appcontext_pushed appcontext_tearing_down before_render_template got_background_exception got_request_exception got_serving_exception got_websocket_exception message_flashed
               request_finished request_started request_tearing_down template_rendered websocket_finished websocket_received websocket_sent websocket_started websocket_tearing_down'''.split()
    receivers = []
    for name in NAMES:
        def make(name):
            async def receiver(sender, **values):
                note(name, sender is app, {key: kind(value) if isinstance(value, BaseException) else value if isinstance(value, str) else value is not None for key, value in sorted(values.items()) if key[0] != "_"})
            getattr(signals, name).connect(receiver, app)
            receivers.append(receiver)
        make(name)
"""

CASES: list[Case] = [
    case(
        "of-a-request",
        ALL
        + """
    @app.before_request
    async def before(): note("before")
    @app.after_request
    async def after(response):
        note("after"); return response
    @app.teardown_request
    async def teardown(error): note("teardown")
    @app.teardown_appcontext
    async def ctx(error): note("teardown context")
    @app.route("/")
    async def view():
        note("view")
        return await render_template_string("{{ 1 }}")
    @app.route("/flash")
    async def flash_():
        await flash("hello", "category")
        return ""
    @app.errorhandler(403)
    async def handler(error):
        note("handler")
        return "handled", 403
    @app.route("/abort")
    async def aborting(): abort(403)
    """,
        "GET /",
        "GET /flash",
        "GET /abort",
        "GET /no",
    ),
    case(
        "of-an-error",
        ALL
        + """
    @app.route("/error")
    async def error(): raise ValueError()
    """,
        "GET /error",
        differs=Differs(
            "ledger 7", {"0.notes.4.2.exc": "ValueError", "0.notes.5.2.exc": "ValueError"}
        ),
    ),
    case(
        "of-a-websocket",
        ALL
        + """
    @app.websocket("/ws")
    async def ws_():
        await websocket.send(await websocket.receive())
        await websocket.send(b"bytes")
    """,
        ws("/ws", "hello", RECV, RECV, RECV),
    ),
    case(
        "of-a-websocket-error",
        ALL
        + """
    @app.websocket("/ws")
    async def ws_():
        raise ValueError()
    """,
        ws("/ws"),
        differs=Differs(
            "ledger 7", {"0.notes.4.2.exc": "ValueError", "0.notes.5.2.exc": "ValueError"}
        ),
    ),
    case(
        "of-a-context",
        ALL,
        code("async with app.app_context():\n    note('in')"),
        code("async with app.test_request_context('/'):\n    note('in')"),
    ),
    case(
        "sync-receivers",
        """
        from quart.signals import request_started, request_finished
        @request_started.connect_via(app)
        def started(sender, **values): note("started", request.path)
        @request_finished.connect_via(app)
        def finished(sender, response, **values): note("finished", response.status_code)
        @app.route("/")
        async def view(): return "x"
    """,
        "GET /",
    ),
    case(
        "receiver-fails",
        """
        from quart.signals import request_started
        @request_started.connect_via(app)
        async def started(sender, **values): raise ValueError()
        @app.route("/")
        async def view(): return "x"
    """,
        "GET /",
    ),
    case(
        "connect-and-disconnect",
        """
        from quart.signals import request_started
        async def started(sender, **values): note("started")
        @app.route("/")
        async def view(): return "x"
    """,
        "GET /",
        code("request_started.connect(started, app)"),
        "GET /",
        code("request_started.disconnect(started, app)"),
        "GET /",
        code(
            "with request_started.connected_to(started, app):\n    return (await client.get('/')).status_code"
        ),
        "GET /",
    ),
    case(
        "own-signals",
        """
        from blinker import Namespace
        from quart.signals import signals_available
        mine = Namespace().signal("mine")
        @mine.connect
        async def receiver(sender, **values): note(sender, values)
        @app.route("/")
        async def view():
            await mine.send_async("sender", x=1)
            return str(signals_available)
    """,
        "GET /",
    ),
    case(
        "request-finished-response",
        """
        from quart.signals import request_finished
        @request_finished.connect_via(app)
        async def finished(sender, response, **values):
            note(response.status_code, isinstance(response, app.response_class))
        @app.after_request
        async def after(response):
            response.status_code = 299
            return response
        @app.route("/")
        async def view(): return "x"
    """,
        "GET /",
    ),
]
