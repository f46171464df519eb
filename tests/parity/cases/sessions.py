"""The cookie session, its attributes, flashes, and interfaces of one's own."""

from __future__ import annotations

from ..case import ABSENT, Case, Differs, case, code, http, ws

LOST = (
    "WARNING The session was modified after the handshake of a websocket: the change is lost, since no cookie can be set any more. "
    "Modify it before accept(), or keep sessions on the server (pottle.sessions.ServerSideSessionInterface)."
)

CASES: list[Case] = [
    case(
        "set-and-get",
        """
        @app.route("/set/<value>")
        async def set_(value):
            session["value"] = value
            return "set"
        @app.route("/get")
        async def get():
            return session.get("value", "none")
        @app.route("/pop")
        async def pop():
            return session.pop("value", "none")
        @app.route("/clear")
        async def clear():
            session.clear()
            return "cleared"
    """,
        "GET /get",
        "GET /set/a",
        "GET /set/%C3%A9",
        code("""
        found = []
        for path in ("/get", "/set/x", "/get", "/pop", "/get", "/set/y", "/clear", "/get"):
            response = await client.get(path)
            found.append([path, await response.get_data(as_text=True), response.headers.getlist("set-cookie")])
        return found
    """),
        code("return [[c.name, c.path] for c in client.cookie_jar]"),
    ),
    case(
        "vary",
        """
        @app.route("/set")
        async def set_():
            session["value"] = "x"
            return "set"
        @app.route("/get")
        async def get():
            return session.get("value", "none")
        @app.route("/untouched")
        async def untouched():
            return "x"
        @app.route("/own")
        async def own():
            session["x"] = 1
            return "x", {"Vary": "Accept"}
    """,
        "GET /set",
        "GET /get",
        "GET /own",
        ambient=True,
    ),
    case(
        "vary-untouched",
        """
        @app.route("/untouched")
        async def untouched():
            return "x"
    """,
        "GET /untouched",
        "GET /no",
        ambient=True,
        differs=Differs(
            "ledger 6", {"0.headers.vary": ABSENT, "1.headers.vary": ABSENT}, on="0.23"
        ),
    ),
    case(
        "cookie-attributes",
        """
        app.config.update(SESSION_COOKIE_NAME="own", SESSION_COOKIE_DOMAIN="example.com", SESSION_COOKIE_PATH="/p", SESSION_COOKIE_HTTPONLY=False, SESSION_COOKIE_SECURE=True,
                          SESSION_COOKIE_SAMESITE="Strict", SESSION_COOKIE_PARTITIONED=True)
        @app.route("/")
        async def view():
            session["x"] = 1
            return "x"
    """,
        "GET /",
    ),
    case(
        "cookie-path-of-the-root",
        """
        app.config["APPLICATION_ROOT"] = "/mount"
        app.config["SERVER_NAME"] = "example.com"
        @app.route("/")
        async def view():
            session["x"] = 1
            return "x"
    """,
        http("GET", "/", {"host": "example.com"}),
    ),
    case(
        "delete-cookie",
        """
        @app.route("/set")
        async def set_():
            session["x"] = 1
            return "x"
        @app.route("/clear")
        async def clear():
            session.clear()
            return "x"
    """,
        code("""
        await client.get("/set")
        response = await client.get("/clear")
        return [response.headers.getlist("set-cookie"), len(list(client.cookie_jar))]
    """),
        "GET /clear",
    ),
    case(
        "permanent",
        """
        from datetime import timedelta
        app.permanent_session_lifetime = timedelta(days=2)
        @app.route("/set")
        async def set_():
            session.permanent = True
            session["x"] = 1
            return str(session.permanent)
        @app.route("/get")
        async def get():
            return f"{session.permanent} {session.get('x')}"
    """,
        "GET /set",
        code(
            "await client.get('/set'); r = await client.get('/get'); return [await show(r), len(r.headers.getlist('set-cookie'))]"
        ),
        code(
            "app.config['SESSION_REFRESH_EACH_REQUEST'] = False; r = await client.get('/get'); return r.headers.getlist('set-cookie')"
        ),
        code(
            "app.config['PERMANENT_SESSION_LIFETIME'] = 60; return [str(app.permanent_session_lifetime), (await show(await client.get('/set')))['headers']['set-cookie'][0].split('; ')[1:]]"
        ),
    ),
    case(
        "types",
        """
        from datetime import datetime, timezone
        from uuid import UUID
        VALUE = {"tuple": (1, 2), "bytes": b"\\x00a", "markup": __import__("markupsafe").Markup("<b>"), "uuid": UUID(int=5), "datetime": datetime(2020, 1, 2, 3, tzinfo=timezone.utc), "dict": {"a": {" b": 1}}, "list": [1, None, True, 1.5, (1,)], "unicode": "é"}
        @app.route("/set")
        async def set_():
            session["value"] = VALUE
            return "set"
        @app.route("/get")
        async def get():
            value = session["value"]
            return jsonify([[key, type(item).__name__, item == VALUE[key]] for key, item in sorted(value.items())])
    """,
        "GET /set",
        code("await client.get('/set'); return await (await client.get('/get')).get_json()"),
    ),
    case(
        "attributes",
        """
        @app.route("/")
        async def view():
            found = [session.new, session.modified, session.accessed, session.permanent]
            session["x"] = []
            found += [session.new, session.modified, session.accessed]
            return jsonify(found)
        @app.route("/mutate")
        async def mutate():
            session["list"].append(1)
            return jsonify(session.modified, session["list"])
        @app.route("/start")
        async def start():
            session["list"] = []
            return ""
        @app.route("/modified")
        async def modified():
            session["list"].append(1)
            session.modified = True
            return ""
        @app.route("/methods")
        async def methods():
            session.update(a=1)
            session.setdefault("b", 2)
            del session["a"]
            return jsonify(sorted(session.items()), len(session), "b" in session, list(session), bool(session), isinstance(session._get_current_object(), dict))
    """,
        "GET /",
        "GET /methods",
        code("""
        found = []
        for path in ("/start", "/mutate", "/mutate", "/modified", "/mutate"):
            found.append(await (await client.get(path)).get_data(as_text=True))
        return found
    """),
    ),
    case(
        "bad-cookie",
        """
        @app.route("/")
        async def view():
            return jsonify(dict(session))
    """,
        http("GET", "/", {"cookie": "session=rubbish"}),
        http("GET", "/", {"cookie": "session=eyJ4IjoxfQ.Zxxxxx.aaaa"}),
        http("GET", "/", {"cookie": "session="}),
    ),
    case(
        "no-secret-key",
        """
        app.secret_key = None
        @app.route("/get")
        async def get():
            return str(session.get("x"))
        @app.route("/set")
        async def set_():
            try:
                session["x"] = 1
            except RuntimeError:
                return "RuntimeError"
        @app.route("/unhandled")
        async def unhandled():
            session["x"] = 1
        @app.route("/none")
        async def none():
            return type(session._get_current_object()).__name__
    """,
        "GET /get",
        "GET /set",
        "GET /unhandled",
        "GET /none",
    ),
    case(
        "secret-key-fallbacks",
        """
        @app.route("/set")
        async def set_():
            session["x"] = 1
            return ""
        @app.route("/get")
        async def get():
            return jsonify(dict(session))
    """,
        code("""
        await client.get("/set")
        app.secret_key = "another secret of theirs"
        one = await (await client.get("/get")).get_json()
        app.config["SECRET_KEY_FALLBACKS"] = ["a secret of the tests"]
        two = await (await client.get("/get")).get_json()
        return [one, two]
    """),
    ),
    case(
        "signing-serializer",
        "",
        code("""
        serializer = app.session_interface.get_signing_serializer(app)
        text = serializer.dumps({"x": (1, 2)})
        return [text, serializer.loads(text), app.session_interface.salt, app.session_interface.key_derivation, app.session_interface.digest_method().name]
    """),
        code("""
        i = app.session_interface
        return [i.get_cookie_name(app), i.get_cookie_domain(app), i.get_cookie_path(app), i.get_cookie_httponly(app), i.get_cookie_secure(app), i.get_cookie_samesite(app), i.get_cookie_partitioned(app), i.pickle_based,
                i.null_session_class.__name__, i.session_class.__name__, type(i.serializer).__name__]
    """),
        code("""
        i = app.session_interface
        s = i.session_class()
        found = [i.should_set_cookie(app, s), i.is_null_session(s), i.get_expiration_time(app, s)]
        s.permanent = True
        return found + [i.should_set_cookie(app, s), i.get_expiration_time(app, s) is not None]
    """),
    ),
    case(
        "too-big",
        """
        @app.route("/")
        async def view():
            session["x"] = "".join(chr(65 + n * n % 57) for n in range(9000))
            return "x"
    """,
        code("""
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            response = await client.get("/")
        return [response.status_code, [w.category.__name__ for w in caught if "ookie" in str(w.message)]]
    """),
    ),
    case(
        "own-interface",
        """
        from quart.sessions import SessionInterface, SessionMixin
        class Mine(dict, SessionMixin):
            pass
        STORE = {}
        class Interface(SessionInterface):
            async def open_session(self, app, request):
                note("open", request.path)
                return Mine(STORE)
            async def save_session(self, app, session, response):
                note("save", dict(session), response.status_code if response else None)
                STORE.update(session)
        app.session_interface = Interface()
        @app.before_request
        async def before():
            note("before")
        @app.after_request
        async def after(response):
            note("after")
            return response
        @app.route("/")
        async def view():
            session["n"] = session.get("n", 0) + 1
            return str(session["n"])
    """,
        "GET /",
        "GET /",
        "GET /no",
    ),
    case(
        "own-interface-none",
        """
        from quart.sessions import SessionInterface
        class Interface(SessionInterface):
            async def open_session(self, app, request):
                return None
            async def save_session(self, app, session, response):
                note("save")
        app.session_interface = Interface()
        @app.route("/")
        async def view():
            return str(session.get("x"))
        @app.route("/set")
        async def set_():
            session["x"] = 1
            return ""
    """,
        "GET /",
        "GET /set",
    ),
    case(
        "sync-interface",
        """
        from quart.sessions import SessionInterface, SecureCookieSession
        class Interface(SessionInterface):
            def open_session(self, app, request):
                return SecureCookieSession()
            def save_session(self, app, session, response):
                note("save", dict(session))
        app.session_interface = Interface()
        @app.route("/")
        async def view():
            session["x"] = 1
            return "x"
    """,
        "GET /",
    ),
    case(
        "in-websockets",
        """
        @app.websocket("/ws")
        async def ws_():
            await websocket.accept()
            session["x"] = session.get("x", 0) + 1
            await websocket.send_json(dict(session))
        @app.route("/")
        async def view():
            session["x"] = 5
            return ""
    """,
        ws("/ws"),
        code("""
        await client.get("/")
        async with client.websocket("/ws") as peer:
            return await peer.receive_json()
    """),
        differs=Differs("The log says in other words", {"0.logged.0": LOST, "1.logged.0": LOST}),
    ),
    case(
        "in-websockets-before-accept",
        """
        @app.websocket("/ws")
        async def ws_():
            session["x"] = 1
            await websocket.send_json(dict(session))
        @app.route("/")
        async def view():
            return dict(session)
    """,
        code("""
        async with client.websocket("/ws") as peer:
            await peer.receive_json()
        return await (await client.get("/")).get_json()
    """),
        differs=Differs(
            "A session that is changed before `accept()`", {"0.value.x": 1, "0.logged": ABSENT}
        ),
    ),
    case(
        "session-transaction",
        """
        @app.route("/")
        async def view():
            return jsonify(dict(session))
    """,
        code("""
        async with client.session_transaction() as s:
            s["x"] = 1
        one = await (await client.get("/")).get_json()
        async with client.session_transaction() as s:
            note(dict(s))
            s["y"] = 2
            del s["x"]
        return [one, await (await client.get("/")).get_json()]
    """),
        code("""
        async with client.session_transaction("/", headers={"X-A": "1"}) as s:
            return dict(s)
    """),
    ),
    case(
        "flash",
        """
        @app.route("/flash")
        async def flash_():
            await flash("one")
            await flash("two", "error")
            await flash("three", category="info")
            return "flashed"
        @app.route("/plain")
        async def plain_():
            return jsonify(get_flashed_messages())
        @app.route("/categories")
        async def categories():
            return jsonify(get_flashed_messages(with_categories=True))
        @app.route("/filter")
        async def filter_():
            return jsonify(get_flashed_messages(category_filter=["error"]), get_flashed_messages(with_categories=True, category_filter=("info", "message")), get_flashed_messages())
        @app.route("/template")
        async def template():
            return await render_template_string("{% for c, m in get_flashed_messages(with_categories=true) %}{{ c }}={{ m }};{% endfor %}")
        @app.route("/both")
        async def both():
            await flash("here")
            return jsonify(get_flashed_messages(), get_flashed_messages())
    """,
        "GET /flash",
        "GET /both",
        code("""
        found = []
        for path in ("/plain", "/categories", "/filter", "/template"):
            await client.get("/flash")
            found.append(await (await client.get(path)).get_data(as_text=True))
            found.append(await (await client.get("/plain")).get_data(as_text=True))
        return found
    """),
    ),
    case(
        "session-in-hooks",
        """
        @app.before_request
        async def before():
            session["before"] = 1
        @app.after_request
        async def after(response):
            session["after"] = 1
            return response
        @app.teardown_request
        async def teardown(error):
            note(sorted(session))
        @app.route("/")
        async def view():
            return jsonify(sorted(session))
    """,
        "GET /",
        code("await client.get('/'); return await (await client.get('/')).get_json()"),
    ),
    case(
        "session-on-errors",
        """
        @app.route("/")
        async def view():
            session["x"] = 1
            abort(403)
        @app.route("/unhandled")
        async def unhandled():
            session["x"] = 1
            raise ValueError
    """,
        "GET /",
        "GET /unhandled",
    ),
]
