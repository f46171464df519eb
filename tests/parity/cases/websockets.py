"""Conversations over websockets."""

from __future__ import annotations

from ..case import ABSENT, RECV, Case, Differs, case, closing, code, ws

ECHO = """
    @app.websocket("/ws")
    async def ws_():
        while True:
            await websocket.send(await websocket.receive())
"""
REJECTS = {"extensions": {"websocket.http.response": {}}}

CASES: list[Case] = [
    case("echo", ECHO, ws("/ws", "a", RECV, RECV, "é", RECV, b"bin", RECV, closing())),
    case(
        "send-kinds",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.send("text")
            await websocket.send(b"bytes")
            await websocket.send_json({"b": 1, "a": [None, "é"]})
            await websocket.send_json(a=1)
            await websocket.send_json([1], )
            await websocket.send("")
    """,
        ws("/ws"),
    ),
    case(
        "send-wrong-kind",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            for wrong in (5, None, ["x"]):
                try:
                    await websocket.send(wrong)
                    note("sent")
                except TypeError:
                    note("TypeError")
    """,
        ws("/ws"),
        differs=Differs(
            "| A message that is neither text nor bytes | sent as text |",
            {
                "0.messages": [
                    {"type": "websocket.accept"},
                    {"type": "websocket.close", "code": 1000},
                ],
                **{f"0.notes.{n}": "TypeError" for n in range(3)},
            },
        ),
    ),
    case(
        "receive-json",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            note(await websocket.receive_json())
            try:
                await websocket.receive_json()
            except ValueError as error:
                note("ValueError")
            await websocket.close(1000)
    """,
        ws("/ws", '{"a": [1]}', "rubbish", RECV, RECV),
    ),
    case(
        "accept",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept(headers={"X-A": "1"}, subprotocol="two")
            await websocket.send("x")
        @app.websocket("/plain")
        async def plain_():
            await websocket.accept()
            await websocket.accept()
            await websocket.send(" ".join(websocket.requested_subprotocols))
    """,
        ws("/ws", subprotocols=["one", "two"]),
        ws("/plain", subprotocols=["one", "two"]),
        ws("/plain"),
    ),
    case(
        "attributes",
        """
        from quart import websocket
        NAMES = '''path full_path url base_url url_root root_url host_url host scheme is_secure root_path script_root query_string remote_addr http_version endpoint blueprint blueprints view_args
            args cookies origin requested_subprotocols user_agent access_route authorization method url_rule routing_exception accept_languages referrer'''.split()
        @app.websocket("/p/<x>")
        async def ws_(x):
            found = {}
            for name in NAMES:
                try:
                    value = getattr(websocket, name)
                except Exception as error:
                    value = kind(error)
                found[name] = repr(value) if name != "url_rule" else value.rule
            note(found)
            await websocket.send("done")
    """,
        ws(
            "/p/a%20b?x=1&y",
            headers={
                "cookie": "a=b",
                "origin": "http://o.example",
                "user-agent": "T/1",
                "x-forwarded-for": "1.1.1.1",
            },
            subprotocols=["a", "b"],
        ),
        ws(
            "/p/a",
            scope={"scheme": "wss", "http_version": "2", "root_path": ""},
            headers={"host": "example.com:444"},
        ),
    ),
    case(
        "headers",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.send_json([websocket.headers["x-a"], websocket.headers.get("nope"), websocket.args.getlist("q"), websocket.cookies])
    """,
        ws("/ws?q=1&q=2", headers={"x-a": "1", "cookie": "a=b"}),
    ),
    case(
        "close",
        """
        @app.websocket("/ws/<int:code>")
        async def ws_(code):
            await websocket.accept()
            await websocket.close(code)
            note("after close")
        @app.websocket("/reason")
        async def reason():
            await websocket.accept()
            await websocket.close(1001, "going")
        @app.websocket("/early")
        async def early():
            await websocket.close(1000)
    """,
        ws("/ws/1000"),
        ws("/ws/4000"),
        ws("/reason"),
        ws("/early"),
    ),
    case(
        "return-value-before-accept",
        """
        @app.websocket("/text")
        async def text_():
            return "denied", 403
        @app.websocket("/json")
        async def json_():
            return {"denied": True}, 401, {"X-A": "1"}
        @app.websocket("/response")
        async def response():
            return Response("r", 404)
    """,
        *(
            ws(f"/{name}", scope=scope)
            for name in ("text", "json", "response")
            for scope in ({}, REJECTS)
        ),
    ),
    case(
        "abort-before-accept",
        """
        @app.websocket("/ws")
        async def ws_():
            abort(401)
        @app.websocket("/unhandled")
        async def unhandled():
            raise ValueError()
    """,
        ws("/ws"),
        ws("/ws", scope=REJECTS),
        ws("/unhandled"),
        ws("/unhandled", scope=REJECTS),
        ws("/none"),
        ws("/none", scope=REJECTS),
    ),
    case(
        "return-without-accept",
        """
        @app.websocket("/ws")
        async def ws_():
            note("nothing")
    """,
        ws("/ws"),
        differs=Differs(
            "ledger 20",
            {"0.raised": ABSENT, "0.messages": [{"type": "websocket.close", "code": 1000}]},
        ),
    ),
    case(
        "abort-after-accept",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            abort(403)
    """,
        ws("/ws"),
        differs=Differs("ledger 15", {"0.messages.1.code": 1008}),
    ),
    case(
        "unhandled-after-accept",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            raise ValueError()
    """,
        ws("/ws"),
        differs=Differs("ledger 15", {"0.messages.1.code": 1011}),
    ),
    case(
        "error-handlers",
        """
        @app.errorhandler(ValueError)
        async def handler(error):
            note("handler", websocket.path)
            return "handled", 400
        @app.errorhandler(404)
        async def missing(error):
            note("missing", websocket.path, has_websocket_context())
            return "missing", 404
        @app.errorhandler(500)
        async def five(error):
            note("500", kind(error.original_exception))
            return "500", 500
        @app.websocket("/ws")
        async def ws_():
            raise ValueError()
        @app.websocket("/key")
        async def key():
            raise KeyError()
    """,
        ws("/ws", scope=REJECTS),
        ws("/no", scope=REJECTS),
        ws("/ws"),
        ws("/no"),
    ),
    case(
        "client-leaves",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            try:
                await websocket.receive()
            except asyncio.CancelledError:
                note("cancelled")
                raise
            finally:
                note("finally")
        @app.teardown_websocket
        async def teardown(error):
            note("teardown")
        @app.after_websocket
        async def after(response):
            note("after")
            return response
    """,
        ws("/ws", RECV, closing(1001)),
        differs=Differs("ledger 13", {"0.notes": ["cancelled", "finally", "after", "teardown"]}),
    ),
    case(
        "client-leaves-while-waiting",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            try:
                await asyncio.sleep(10)
            finally:
                note("finally")
    """,
        ws("/ws", RECV, closing(1001)),
    ),
    case(
        "queued-messages",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            await asyncio.sleep(0.01)
            try:
                while True:
                    note(await websocket.receive())
            except asyncio.CancelledError as error:
                note("left")
                raise
    """,
        ws("/ws", RECV, "one", "two", closing(1001)),
        differs=Differs("ledger 16", {"0.notes": ["one", "two", "left"]}),
    ),
    case(
        "empty-frames",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            note(await websocket.receive())
            await websocket.close(1000)
    """,
        ws("/ws", RECV, "", RECV),
    ),
    case(
        "empty-binary-frame",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            note(await websocket.receive())
            await websocket.close(1000)
    """,
        ws("/ws", RECV, b"", RECV),
        differs=Differs("ledger 17", {"0.notes.0": "bytes: "}),
    ),
    case(
        "sync-handler",
        """
        @app.websocket("/ws")
        def ws_():
            note(websocket.path)
            return "denied", 403
    """,
        ws("/ws", scope=REJECTS),
    ),
    case(
        "generator-handler",
        """
        @app.websocket("/ws")
        async def ws_():
            async def send():
                for n in range(3):
                    await websocket.send(str(n))
            async def receive():
                note(await websocket.receive())
            await asyncio.gather(send(), receive())
    """,
        ws("/ws", "hello", RECV, RECV, RECV, RECV),
    ),
    case(
        "send-after-close",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            await websocket.close(1000)
            try:
                await websocket.send("late")
            except Exception as error:
                note("refused")
    """,
        code("""
        async with client.websocket("/ws") as peer:
            try:
                await asyncio.wait_for(peer.receive(), 0.2)
            except BaseException as error:
                pass
    """),
        differs=Differs(
            "| Sending after `close()` | goes to the server |", {"0.notes": ["refused"]}
        ),
    ),
    case(
        "decorators",
        """
        import functools
        def login_required(f):
            @functools.wraps(f)
            async def inner(*args, **kwargs):
                if "user" not in websocket.args:
                    abort(401)
                return await f(*args, **kwargs)
            return inner
        @app.websocket("/ws/<name>")
        @login_required
        async def ws_(name):
            await websocket.send(f"{name} {websocket.view_args} {websocket.endpoint}")
    """,
        ws("/ws/a?user=1"),
        ws("/ws/a"),
        ws("/ws/a", scope=REJECTS),
    ),
    case(
        "rules",
        """
        async def handler(**kwargs):
            await websocket.send_json(kwargs)
        app.add_websocket("/a/<int:n>", "a", handler)
        app.add_websocket("/b", "b", handler, defaults={"x": 1})
        app.add_url_rule("/c", "c", handler, websocket=True)
        bp = Blueprint("bp", __name__, url_prefix="/bp")
        bp.add_websocket("/d", "d", handler)
        app.register_blueprint(bp)
    """,
        ws("/a/1"),
        ws("/a/x"),
        ws("/b"),
        ws("/c"),
        ws("/bp/d"),
        "GET /a/1",
        code("return sorted([r.rule, r.endpoint, r.websocket] for r in app.url_map.iter_rules())"),
    ),
    case(
        "redirect",
        """
        @app.websocket("/branch/")
        async def ws_():
            await websocket.send("x")
    """,
        ws("/branch/"),
        ws("/branch"),
        ws("/branch", scope=REJECTS),
    ),
    case(
        "methods-not-allowed",
        """
        try:
            @app.websocket("/ws", methods=["GET", "POST"])
            async def ws_():
                pass
            found = "fine"
        except Exception as error:
            found = "refused"
    """,
        code("return found"),
    ),
    case(
        "client",
        ECHO,
        code("""
        async with client.websocket("/ws") as peer:
            await peer.send("one")
            await peer.send(b"two")
            await peer.send_json({"three": 3})
            return [await peer.receive(), await peer.receive(), await peer.receive_json(), peer.accepted, peer.response_data if hasattr(peer, "response_data") else None]
    """),
    ),
    case(
        "client-headers",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept(headers={"X-Back": "1"}, subprotocol="b")
            await websocket.send_json([websocket.headers.get("x-a"), websocket.args.get("q"), websocket.cookies.get("c"), websocket.scheme, websocket.host, websocket.requested_subprotocols])
    """,
        code("""
        client.set_cookie("localhost", "c", "d")
        async with client.websocket("/ws", headers={"X-A": "1"}, query_string={"q": "x"}, scheme="wss", subprotocols=["a", "b"]) as peer:
            return [await peer.receive_json(), dict(peer.headers) if getattr(peer, "headers", None) else None]
    """),
        differs=Differs("ledger 32", {"0.value.0.5": ["a", "b"]}),
    ),
    case(
        "client-rejected",
        """
        @app.websocket("/ws")
        async def ws_():
            return "denied", 403, {"X-A": "1"}
    """,
        code("""
        from quart.testing import WebsocketResponseError
        try:
            async with client.websocket("/ws") as peer:
                await peer.receive()
        except WebsocketResponseError as error:
            return await show(error.response)
    """),
        code("""
        from quart.testing import WebsocketResponseError
        try:
            async with client.websocket("/none") as peer:
                await peer.receive()
        except WebsocketResponseError as error:
            return error.response.status_code
    """),
    ),
    case(
        "client-disconnects",
        """
        @app.websocket("/ws")
        async def ws_():
            try:
                while True:
                    await websocket.receive()
            finally:
                note("finally")
    """,
        code("""
        async with client.websocket("/ws") as peer:
            await peer.send("x")
            await asyncio.sleep(0.01)
            await peer.disconnect()
            await asyncio.sleep(0.01)
    """),
    ),
    case(
        "simultaneous",
        ECHO,
        code("""
        async def one(n):
            async with client.websocket("/ws") as peer:
                await peer.send(str(n))
                return await peer.receive()
        return await asyncio.gather(*(one(n) for n in range(5)))
    """),
    ),
    case(
        "websocket-class",
        """
        class Mine(app.websocket_class):
            @property
            def shout(self):
                return self.path.upper()
        app.websocket_class = Mine
        @app.websocket("/ws")
        async def ws_():
            await websocket.send(websocket.shout)
    """,
        ws("/ws"),
    ),
    case(
        "signals-of-messages",
        """
        from quart.signals import websocket_received, websocket_sent
        @websocket_received.connect_via(app)
        async def received(sender, message, **extra):
            note("received", message, sorted(extra))
        @websocket_sent.connect_via(app)
        async def sent(sender, message, **extra):
            note("sent", message, sorted(extra))
        @app.websocket("/ws")
        async def ws_():
            await websocket.send(await websocket.receive())
    """,
        ws("/ws", "hello", RECV, RECV),
    ),
]
