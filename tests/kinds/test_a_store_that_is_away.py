"""What cannot be reached harms those alone who need it, is told of once, and is waited for briefly.

Kind: a service behind the application that is away. The store is a real Redis that is stopped and
started again, and a port where somebody accepts and never answers.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from peer import call, websocket_scope
from pottle import Pottle, flash, render_template_string, session, websocket
from pottle.sessions import (
    MemoryStore,
    RedisStore,
    ServerSideSessionInterface,
    SessionStoreUnavailable,
)
from pottle.testing import WebsocketResponseError
from redis_server import serve_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ID = "0123456789abcdef"
COOKIE = {"Cookie": f"session={ID}"}
AWAY, BACK = "sessions is away", "sessions is back"


class Flaky(MemoryStore):
    """A store that is away when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.away: Exception | None = None
        self.asked = 0

    def _look(self) -> None:
        self.asked += 1
        if self.away is not None:
            raise self.away

    async def get(self, id):
        self._look()
        return await super().get(id)

    async def set(self, id, record, ttl):
        self._look()
        await super().set(id, record, ttl)

    async def delete(self, id):
        self._look()
        await super().delete(id)

    async def touch(self, id, ttl):
        self._look()
        return await super().touch(id, ttl)

    async def swap(self, id, old, new, ttl):
        self._look()
        return await super().swap(id, old, new, ttl)


def make_app(store: Any, tmp_path: Any = None, **options: Any) -> Pottle:
    app = Pottle(__name__, static_folder=tmp_path, static_url_path="/static")
    ServerSideSessionInterface(store, **options).init_app(app)

    @app.get("/")
    async def index():
        return await render_template_string("Welcome")

    @app.get("/read")
    async def read():
        return {"user": session.get("user")}

    @app.get("/write")
    async def write():
        session["user"] = "ann"
        return "written"

    return app


def told(caplog: pytest.LogCaptureFixture, text: str) -> int:
    return sum(text in message for message in caplog.messages)


@pytest.fixture
def flaky() -> Flaky:
    return Flaky()


@pytest.fixture
async def away(flaky: Flaky) -> Flaky:
    """A store that knows one session and is away."""
    await flaky.set(ID, b'{"user":"ann"}', 60)
    flaky.away = ConnectionError("nobody there")
    return flaky


class TestRequests:
    async def test_one_that_uses_no_session_is_answered_as_ever(self, away, tmp_path):
        (tmp_path / "style.css").write_text("a {}")
        client = make_app(away, tmp_path).test_client(use_cookies=False)
        for path, status in {"/": 200, "/static/style.css": 200, "/missing": 404}.items():
            response = await client.get(path, headers=COOKIE)
            assert response.status_code == status
            assert "Vary" not in response.headers
            assert "Set-Cookie" not in response.headers

    @pytest.mark.parametrize(
        "use",
        [
            lambda: session["user"],
            lambda: session.get("user"),
            lambda: "user" in session,
            lambda: bool(session),
            lambda: len(session),
            lambda: list(session),
            lambda: dict(session),
            lambda: {**session},
            lambda: session == {},
            lambda: session.permanent,
            lambda: list(session.items()),
            lambda: session.update(user="bob"),
            lambda: session.clear(),
            lambda: session.pop("user", None),
            lambda: session.regenerate(),
            lambda: session.__setitem__("user", "bob"),
            lambda: setattr(session, "permanent", True),
            lambda: flash("hello"),
        ],
    )
    async def test_one_that_uses_it_in_any_way_gets_503(self, away, use):
        app = make_app(away)

        @app.get("/use")
        async def view():
            use()
            return "used"

        response = await app.test_client(use_cookies=False).get("/use", headers=COOKIE)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == str(SessionStoreUnavailable.RETRY_AFTER)
        assert response.headers["Vary"] == "Cookie"
        assert "Set-Cookie" not in response.headers

    async def test_a_template_that_uses_it_gets_503(self, away):
        app = make_app(away)

        @app.get("/page")
        async def page():
            return await render_template_string("Hello {{ session.user }}")

        response = await app.test_client(use_cookies=False).get("/page", headers=COOKIE)
        assert response.status_code == 503

    @pytest.mark.parametrize("testing", [False, True])
    async def test_what_cannot_be_saved_is_503_and_no_error_of_the_application(
        self, away, caplog, testing
    ):
        app = make_app(away)
        app.testing = testing
        torn_down: list[BaseException | None] = []
        app.teardown_request(torn_down.append)
        response = await app.test_client().get("/write")  # without a cookie there is none to load
        assert response.status_code == 503
        assert response.headers["Retry-After"]
        assert "Set-Cookie" not in response.headers
        assert torn_down == [None]
        assert told(caplog, AWAY) == len(caplog.messages) == 1

    async def test_error_pages_and_hooks_that_use_it_change_nothing(self, away, caplog):
        app = make_app(away)

        @app.errorhandler(503)
        async def sorry(error):
            return await render_template_string("Sorry {{ session.user }}"), 503

        @app.after_request
        async def remember(response):
            session["path"] = "somewhere"
            return response

        client = app.test_client(use_cookies=False)
        for path in "/read", "/", "/write":
            response = await client.get(path, headers=COOKIE)
            assert response.status_code == 503
            assert response.headers["Retry-After"]
        assert told(caplog, AWAY) == len(caplog.messages) == 1

    async def test_the_application_may_answer_in_its_own_words(self, away):
        app = make_app(away)

        @app.errorhandler(SessionStoreUnavailable)
        async def sorry(error):
            return "Back soon.", 503

        client = app.test_client(use_cookies=False)
        for path, headers in ("/read", COOKIE), ("/write", {}):
            response = await client.get(path, headers=headers)
            assert await response.get_data(as_text=True) == "Back soon."

    async def test_a_lost_touch_does_not_spoil_an_answer_that_is_right(self, flaky):
        await flaky.set(ID, b'{"user":"ann"}', 60)
        app = make_app(flaky)

        @app.get("/last")
        async def last():
            flaky.away = ConnectionError()
            return dict(session)

        response = await app.test_client(use_cookies=False).get("/last", headers=COOKIE)
        assert await response.get_json() == {"user": "ann"}

    async def test_an_error_of_another_kind_is_a_fault_that_is_shown(self, away):
        away.away = ZeroDivisionError()
        app = make_app(away)
        response = await app.test_client(use_cookies=False).get("/", headers=COOKIE)
        assert response.status_code == 500


class TestWebsockets:
    async def test_one_that_uses_no_session_is_served(self, away):
        app = make_app(away)

        @app.websocket("/ws")
        async def ws():
            await websocket.send("hello")

        client = app.test_client(use_cookies=False)
        async with client.websocket("/ws", headers=COOKIE) as connection:
            assert await connection.receive() == "hello"

    async def test_one_that_uses_it_is_refused_with_503(self, away):
        app = make_app(away)

        @app.websocket("/ws")
        async def ws():
            await websocket.send(session["user"])

        client = app.test_client(use_cookies=False)
        with pytest.raises(WebsocketResponseError) as refused:
            async with client.websocket("/ws", headers=COOKIE) as connection:
                await connection.receive()
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"]

    @pytest.mark.parametrize("begins", [True, False])
    async def test_what_cannot_be_saved_ends_it(self, flaky, begins, caplog):
        app = make_app(flaky)
        await flaky.set(ID, b"{}", 60)

        @app.websocket("/ws")
        async def ws():
            if begins:
                flaky.away = ConnectionError()
                session["user"] = "ann"
            await websocket.accept()
            flaky.away = ConnectionError()
            session["user"] = "ann"

        cookie = [(b"cookie", f"session={ID}".encode())]
        scope = websocket_scope("/ws", headers=cookie, extensions={"websocket.http.response": {}})
        peer = await call(app, scope, {"type": "websocket.connect"})
        last = peer.sent[-1]
        if begins:
            assert peer.status == 503
        else:
            assert (last["type"], last["code"]) == ("websocket.close", 1011)
        assert told(caplog, AWAY) == len(caplog.messages) == 1


class TestOutages:
    async def test_beginning_and_end_are_told_once_each(self, caplog):
        servers = _Servers()
        store = RedisStore(servers.url)
        client = make_app(store).test_client()
        with servers.running():
            assert (await client.get("/write")).status_code == 200
        for _ in range(3):
            assert (await client.get("/read")).status_code == 503
            assert (await client.get("/")).status_code == 200
        assert (told(caplog, AWAY), told(caplog, BACK)) == (1, 0)
        with servers.running():
            for _ in range(3):
                assert (await client.get("/write")).status_code == 200
            assert (told(caplog, AWAY), told(caplog, BACK)) == (1, 1)
            await store.close()
        assert len(caplog.messages) == 2

    async def test_one_that_never_answers_is_waited_for_by_one_request_at_a_time(self, caplog):
        async with _silent() as (url, connections):
            store = RedisStore(url)
            client = make_app(store, timeout=0.3).test_client(use_cookies=False)
            assert (await client.get("/read", headers=COOKIE)).status_code == 503
            began = time.monotonic()
            answers = await asyncio.gather(
                *(client.get(path, headers=COOKIE) for path in ["/", "/read"] * 10)
            )
            assert time.monotonic() - began < 0.3 * 3
            assert sorted({answer.status_code for answer in answers}) == [200, 503]
            assert connections() == 2
            await store.close()
        assert told(caplog, AWAY) == len(caplog.messages) == 1
        assert "does not answer" in caplog.messages[0]

    async def test_a_client_that_was_handed_in_is_not_waited_for_any_longer(self):
        from redis.asyncio import Redis

        async with _silent() as (url, _), Redis.from_url(url, socket_timeout=None) as client:
            app = make_app(RedisStore(client), timeout=0.05)
            response = await app.test_client(use_cookies=False).get("/read", headers=COOKIE)
            assert response.status_code == 503

    async def test_whoever_leaves_while_trying_lets_the_next_one_try(self, away, caplog):
        app = make_app(away)
        client = app.test_client(use_cookies=False)
        assert (await client.get("/read", headers=COOKIE)).status_code == 503
        held = asyncio.Event()

        async def hang(id):
            held.set()
            await asyncio.Event().wait()

        get, away.get = away.get, hang
        trying = asyncio.create_task(client.get("/read", headers=COOKIE))
        await held.wait()
        assert (await client.get("/read", headers=COOKIE)).status_code == 503
        trying.cancel()
        await asyncio.wait({trying})
        away.get, away.away = get, None
        assert (await client.get("/read", headers=COOKIE)).status_code == 200
        assert told(caplog, BACK) == 1

    async def test_what_began_before_it_does_not_end_it(self, flaky, caplog):
        await flaky.set(ID, b"{}", 60)
        client = make_app(flaky).test_client(use_cookies=False)
        begun, go_on = asyncio.Event(), asyncio.Event()
        get = flaky.get

        async def slow(id):
            begun.set()
            await go_on.wait()
            return b"{}"

        flaky.get = slow
        early = asyncio.create_task(client.get("/", headers=COOKIE))
        await begun.wait()
        flaky.get, flaky.away = get, ConnectionError()
        assert (await client.get("/read", headers=COOKIE)).status_code == 503
        go_on.set()
        assert (await early).status_code == 200
        assert (told(caplog, AWAY), told(caplog, BACK)) == (1, 0)


class TestRedisStore:
    async def test_at_most_so_many_connections_are_open(self, redis_url):
        from redis.asyncio import Redis

        store = RedisStore(redis_url, prefix="bounded:", max_connections=3)
        await asyncio.gather(*(store.set(str(number), b"x", 60) for number in range(50)))
        async with Redis.from_url(redis_url) as redis:
            assert len(await redis.client_list()) <= 3 + 1
        await store.close()

    def test_needs_a_connection(self):
        with pytest.raises(ValueError, match="at least one connection, not 0"):
            RedisStore("redis://127.0.0.1", max_connections=0)

    async def test_says_in_one_way_that_redis_is_away(self):
        class Client:
            async def get(self, name):
                raise RedisConnectionError("refused")

        with pytest.raises(ConnectionError, match="refused"):
            await RedisStore(Client()).get("a")

    async def test_leaves_other_errors_as_they_are(self):
        class Client:
            async def get(self, name):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await RedisStore(Client()).get("a")


class _Servers:
    """A Redis that can be stopped and started again at the same address."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    @contextmanager
    def running(self) -> Iterator[None]:
        with serve_redis(self.port):
            yield


@asynccontextmanager
async def _silent() -> AsyncIterator[tuple[str, Callable[[], int]]]:
    """A server that accepts connections and says nothing: its URL, and how many there were."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"redis://127.0.0.1:{port}/0", lambda: len(writers)
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()
