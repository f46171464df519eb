"""Sessions in a signed cookie: what a view sees, what the browser gets, what Flask can read."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from uuid import UUID

import pytest
from markupsafe import Markup

from pottle import Pottle, Response, request, session
from pottle.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
    SessionUnavailableError,
    session_json_serializer,
)

# Made by Flask 3.1.3 (`SecureCookieSessionInterface().get_signing_serializer(app).dumps(...)`) with
# the clock at 1700000000, with SECRET and with OLD_SECRET.
SECRET = "a secret for the record"
OLD_SECRET = "an older secret"
FLASK_ITEMS = {
    "user": 7,
    "name": "Zoë",
    "when": datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
    "id": UUID(int=5),
    "pair": (1, (2, "b")),
    "html": Markup("<b>"),
    "raw": b"\x00\xff",
    "list": [1, None, True],
    "odd": {" t": 1},
    "_permanent": True,
}
FLASK_COOKIE = (
    ".eJx9jrEKwjAQhl8l3JwhjYoaVHDRSXDopJaSkEADSVrShg4l726SOnvT8fH9_90CYVQe2B6D41YBg1f_CYQoARjmTjlgCyC"
    "ZeN0FjOgR3ZRAlNAtqijbEEYIuj9qiBi0LG5ILvk_u6wPXPsSmIC9K_xbKAYBTWyS0E3WFMGmxpO45JDnc0EioevzcM7M6H"
    "GtcMEYPPmgGgy9XL-Rer3RtsCqmOx2UN5yp1zKZDd-ARHERsY.ZVPxAA.p6uMK44xZOOCc48o7MIQ0XpjVrI"
)
OLD_SECRET_COOKIE = "eyJ1c2VyIjoxfQ.ZVPxAA.Un9HcuZ02kddJ6n7ZTbw78CyWfo"  # {"user": 1}
COMPRESSED_COOKIE = ".eJyrVipJrShRslLKyc9LVxgGhFItAHh2TAA.ZVPxAA.QMIesX0eiQH9MIV6xwT8OBBUhgU"
CENTURIES = timedelta(days=365 * 500)


def make_app(**config: object) -> Pottle:
    """An app that shows its session at /, sets an item at /set and so on."""
    app = Pottle(__name__)
    app.config.update(SECRET_KEY=SECRET, **config)

    @app.get("/")
    async def show():
        return dict(session)

    @app.get("/set/<name>/<value>")
    async def set_item(name, value):
        session[name] = value
        return "set"

    @app.get("/permanent")
    async def permanent():
        session.permanent = True
        return "permanent"

    @app.get("/clear")
    async def clear():
        session.clear()
        return "cleared"

    @app.get("/untouched")
    async def untouched():
        return "untouched"

    return app


def cookie_of(response, name="session"):
    """The cookie of that name that *response* sets, or None."""
    for line in response.headers.getlist("Set-Cookie"):
        jar = SimpleCookie(line)
        if name in jar:
            return jar[name]
    return None


async def get_with(app, cookie, path="/"):
    """GET with exactly this session cookie."""
    return await app.test_client(use_cookies=False).get(
        path, headers={"Cookie": f"session={cookie}"}
    )


class TestSession:
    def test_is_a_mapping_that_notices_changes(self):
        made = SecureCookieSession({"a": 1})
        assert (made.new, made.modified, made.accessed, made.permanent) == (False,) * 4
        assert isinstance(made, SessionMixin)
        assert made["a"] == 1
        assert made.get("b") is None
        assert not made.modified

    @pytest.mark.parametrize(
        "change",
        [
            lambda s: s.__setitem__("b", 2),
            lambda s: s.__delitem__("a"),
            lambda s: s.pop("a"),
            lambda s: s.popitem(),
            lambda s: s.clear(),
            lambda s: s.update(b=2),
            lambda s: s.setdefault("b", 2),
            lambda s: s.__ior__({"b": 2}),
            lambda s: setattr(s, "permanent", True),
        ],
    )
    def test_every_way_to_change_it_is_noticed_or_refused(self, change):
        made = SecureCookieSession({"a": 1})
        change(made)
        assert made.modified
        null = NullSession({"a": 1})
        with pytest.raises(SessionUnavailableError, match=r"Set app\.secret_key"):
            change(null)
        assert dict(null) == {"a": 1}

    def test_mixin_serves_any_mapping(self):
        class Plain(dict, SessionMixin):
            pass

        plain = Plain()
        plain.permanent = 1
        assert plain == {"_permanent": True}
        assert plain.permanent is True
        assert plain.modified

    async def test_null_session_reads_as_empty_and_can_be_awaited(self):
        null = SessionInterface().make_null_session(None)
        assert await null is null
        assert null.get("a") is None
        assert "a" not in null
        assert SessionInterface().is_null_session(null)
        assert not SessionInterface().is_null_session(SecureCookieSession())

    async def test_an_interface_must_say_how_it_opens_and_saves(self):
        with pytest.raises(NotImplementedError):
            await SessionInterface().open_session(None, None)
        with pytest.raises(NotImplementedError):
            await SessionInterface().save_session(None, NullSession(), None)


class TestRoundTrip:
    async def test_items_come_back(self):
        client = make_app().test_client()
        await client.get("/set/user/alma")
        assert await (await client.get("/")).get_json() == {"user": "alma"}

    async def test_untouched_session_costs_no_header(self):
        client = make_app().test_client()
        await client.get("/set/user/alma")
        response = await client.get("/untouched")
        assert "Set-Cookie" not in response.headers
        assert "Vary" not in response.headers

    async def test_reading_varies_by_cookie_and_sets_none(self):
        client = make_app().test_client()
        response = await client.get("/")
        assert response.headers["Vary"] == "Cookie"
        assert "Set-Cookie" not in response.headers
        await client.get("/set/user/alma")
        response = await client.get("/")
        assert response.headers["Vary"] == "Cookie"
        assert "Set-Cookie" not in response.headers

    async def test_writing_varies_by_cookie(self):
        response = await make_app().test_client().get("/set/user/alma")
        assert response.headers["Vary"] == "Cookie"
        cookie = cookie_of(response)
        assert cookie["httponly"] is True
        assert cookie["path"] == "/"
        assert (cookie["expires"], cookie["domain"], cookie["secure"]) == ("", "", "")

    async def test_clearing_deletes_the_cookie(self):
        client = make_app().test_client()
        await client.get("/set/user/alma")
        response = await client.get("/clear")
        cookie = cookie_of(response)
        assert (cookie.value, cookie["max-age"]) == ("", "0")
        assert response.headers["Vary"] == "Cookie"
        assert await (await client.get("/")).get_json() == {}

    async def test_session_transaction(self):
        client = make_app().test_client()
        async with client.session_transaction() as local:
            local["user"] = "alma"
        assert await (await client.get("/")).get_json() == {"user": "alma"}

    @pytest.mark.parametrize("cookie", ["", "x", "eyJ1c2VyIjoxfQ.ZVPxAA.wrong", FLASK_COOKIE[:-1]])
    async def test_what_was_not_signed_here_counts_as_nothing(self, cookie):
        response = await get_with(make_app(PERMANENT_SESSION_LIFETIME=CENTURIES), cookie)
        assert await response.get_json() == {}

    async def test_without_secret_key_reading_works_and_writing_says_what_to_do(self):
        app = make_app(TESTING=True)
        app.secret_key = None
        client = app.test_client()
        response = await client.get("/")
        assert await response.get_json() == {}
        assert "Set-Cookie" not in response.headers
        with pytest.raises(SessionUnavailableError, match="SECRET_KEY"):
            await client.get("/set/user/alma")

    async def test_change_inside_a_value_is_saved_when_said(self):
        app = make_app()

        @app.get("/append")
        async def append():
            session.setdefault("list", [])
            session["list"].append(request.args["item"])
            session.modified = True
            return "appended"

        client = app.test_client()
        await client.get("/append?item=a")
        await client.get("/append?item=b")
        assert await (await client.get("/")).get_json() == {"list": ["a", "b"]}


class TestCookieSettings:
    async def test_each_attribute_is_configured(self):
        app = make_app(
            SESSION_COOKIE_NAME="ours",
            SESSION_COOKIE_DOMAIN="example.org",
            SESSION_COOKIE_PATH="/here",
            SESSION_COOKIE_HTTPONLY=False,
            SESSION_COOKIE_SECURE=True,
            SESSION_COOKIE_SAMESITE="Lax",
            SESSION_COOKIE_PARTITIONED=True,
        )
        line = (await app.test_client().get("/set/a/1")).headers["Set-Cookie"]
        attributes = set(line.split("; ")[1:])
        assert line.startswith("ours=")
        expected = "Domain=example.org; Path=/here; Secure; SameSite=Lax; Partitioned"
        assert attributes == set(expected.split("; "))
        line = (await app.test_client().get("/clear")).headers["Set-Cookie"]
        assert attributes < set(line.split("; "))

    async def test_path_falls_back_to_the_application_root(self):
        app = make_app(APPLICATION_ROOT="/root")
        interface = app.session_interface
        assert interface.get_cookie_path(app) == "/root"

    async def test_permanent_session_expires_with_its_lifetime_and_is_refreshed(self):
        client = make_app(PERMANENT_SESSION_LIFETIME=timedelta(hours=1)).test_client()
        for path in ("/permanent", "/"):
            cookie = cookie_of(await client.get(path))
            expires = datetime.strptime(cookie["expires"], "%a, %d %b %Y %H:%M:%S GMT")
            left = expires.replace(tzinfo=UTC) - datetime.now(UTC)
            assert timedelta(minutes=59) < left <= timedelta(hours=1)

    async def test_refreshing_can_be_switched_off(self):
        client = make_app(SESSION_REFRESH_EACH_REQUEST=False).test_client()
        assert cookie_of(await client.get("/permanent")) is not None
        assert cookie_of(await client.get("/")) is None


class TestFormat:
    async def test_cookie_of_flask_is_read(self):
        app = make_app(PERMANENT_SESSION_LIFETIME=CENTURIES)
        seen = {}

        @app.get("/keep")
        async def keep():
            seen.update(session)
            return ""

        await get_with(app, FLASK_COOKIE, "/keep")
        assert seen == FLASK_ITEMS
        assert isinstance(seen["html"], Markup)
        assert isinstance(seen["pair"], tuple)
        response = await get_with(app, COMPRESSED_COOKIE)
        assert await response.get_json() == {"text": "long " * 40}

    async def test_the_same_items_make_the_cookie_of_flask(self, monkeypatch):
        app = make_app()
        monkeypatch.setattr("time.time", lambda: 1700000000.5)
        signing = app.session_interface.get_signing_serializer(app)
        assert signing.dumps(FLASK_ITEMS) == FLASK_COOKIE
        assert signing.dumps({"text": "long " * 40}) == COMPRESSED_COOKIE

    async def test_expired_cookie_counts_as_nothing(self):
        app = make_app(PERMANENT_SESSION_LIFETIME=timedelta(days=31))
        assert await (await get_with(app, FLASK_COOKIE)).get_json() == {}

    async def test_former_keys_are_read_and_the_new_one_signs(self):
        app = make_app(PERMANENT_SESSION_LIFETIME=CENTURIES)
        assert await (await get_with(app, OLD_SECRET_COOKIE)).get_json() == {}
        app.config["SECRET_KEY_FALLBACKS"] = [OLD_SECRET, b"an even older one"]
        assert await (await get_with(app, OLD_SECRET_COOKIE)).get_json() == {"user": 1}
        cookie = cookie_of(await get_with(app, OLD_SECRET_COOKIE, "/set/a/b"))
        app.config["SECRET_KEY_FALLBACKS"] = None
        assert await (await get_with(app, cookie.value)).get_json() == {"user": 1, "a": "b"}

    async def test_signing_serializer_is_made_once_per_set_of_keys(self):
        app = make_app()
        interface = SecureCookieSessionInterface()
        first = interface.get_signing_serializer(app)
        assert interface.get_signing_serializer(app) is first
        app.secret_key = "another"
        assert interface.get_signing_serializer(app) is not first

    async def test_flask_reads_and_writes_the_same_cookies(self):
        flask = pytest.importorskip("flask", reason="Flask is not installed here")
        theirs = flask.Flask(__name__)
        theirs.config.update(SECRET_KEY=SECRET)

        @theirs.get("/")
        def show():
            return dict(flask.session)

        @theirs.get("/set")
        def set_items():
            flask.session.update({"of": "flask", "n": (1,)})
            return "set"

        ours = make_app()
        cookie = cookie_of(await ours.test_client().get("/set/user/alma"))
        client = theirs.test_client(use_cookies=False)
        answer = client.get("/", headers={"Cookie": f"session={cookie.value}"})
        assert answer.json == {"user": "alma"}
        cookie = cookie_of(client.get("/set"))
        assert await (await get_with(ours, cookie.value)).get_json() == {"of": "flask", "n": [1]}

    def test_serializer_is_the_one_flask_names(self):
        assert session_json_serializer.dumps({"a": (1,)}) == '{"a":{" t":[1]}}'
        assert SecureCookieSessionInterface.serializer is session_json_serializer


class TestInterfaces:
    async def test_plain_functions_serve_too(self):
        class Session(dict, SessionMixin):
            pass

        class Interface(SessionInterface):
            saved: list[tuple[dict, bool]] = []

            def open_session(self, app, request):
                return Session(opened=request.path)

            def save_session(self, app, session, response):
                self.saved.append((dict(session), response is None))

        app = make_app()
        app.session_interface = interface = Interface()
        response = await app.test_client().get("/set/a/b")
        assert response.status_code == 200
        assert interface.saved == [({"opened": "/set/a/b", "a": "b"}, False)]

    async def test_none_gives_a_null_session_that_is_not_saved(self):
        class Interface(SessionInterface):
            async def open_session(self, app, request):
                return None

        app = make_app()
        app.session_interface = Interface()
        assert await (await app.test_client().get("/")).get_json() == {}

    async def test_subclass_with_its_own_opening_is_eager_and_varies_only_where_accessed(self):
        class Interface(SecureCookieSessionInterface):
            opened = 0

            async def open_session(self, app, request):
                self.opened += 1
                return await super().open_session(app, request)

        app = make_app()
        app.session_interface = interface = Interface()
        client = app.test_client()
        assert "Vary" not in (await client.get("/untouched")).headers
        assert (await client.get("/")).headers["Vary"] == "Cookie"
        assert interface.opened == 2

    async def test_opening_merely_loads(self):
        app = make_app(PERMANENT_SESSION_LIFETIME=CENTURIES)
        interface = SecureCookieSessionInterface()
        async with app.test_request_context(
            "/", headers={"Cookie": f"session={FLASK_COOKIE}"}
        ) as context:
            opened = await interface.open_session(app, context.request)
            assert opened == interface.load(app, context.request) == FLASK_ITEMS


class TestWebsockets:
    async def test_session_is_read_in_a_websocket(self):
        app = make_app()

        @app.websocket("/ws")
        async def ws():
            from pottle import websocket

            await websocket.send(session["user"])

        client = app.test_client()
        await client.get("/set/user/alma")
        async with client.websocket("/ws") as connection:
            assert await connection.receive() == "alma"

    async def test_after_accept_a_change_is_lost_and_said_so(self, caplog):
        app = make_app()
        interface = SecureCookieSessionInterface()
        changed = SecureCookieSession()
        with caplog.at_level(logging.WARNING):
            await interface.save_session(app, changed, None)
            assert caplog.messages == []
            changed["a"] = 1
            await interface.save_session(app, changed, None)
        (message,) = caplog.messages
        assert "Modify it before accept()" in message

    async def test_a_null_session_saved_all_the_same_sets_no_cookie(self):
        app = make_app()
        app.secret_key = None
        response = Response("")
        await SecureCookieSessionInterface().save_session(
            app, SecureCookieSession({"a": 1, "_permanent": True}), response
        )
        assert "Set-Cookie" not in response.headers
