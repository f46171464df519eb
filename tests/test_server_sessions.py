"""Sessions on the server: in memory and in a real Redis (see `redis_server`)."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from redis.asyncio import Redis

from pottle import Pottle, session
from pottle.errors import SetupError
from pottle.sessions import MemoryStore, RedisStore, ServerSideSession, ServerSideSessionInterface


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Recording(MemoryStore):
    """A store that remembers what was asked of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.calls: list[str] = []
        super().__init__(clock=self.clock)

    async def get(self, id):
        self.calls.append("get")
        return await super().get(id)

    async def set(self, id, record, ttl):
        self.calls.append("set")
        await super().set(id, record, ttl)

    async def delete(self, id):
        self.calls.append("delete")
        await super().delete(id)

    async def touch(self, id, ttl):
        self.calls.append("touch")
        record = await super().get(id)
        if record is not None:
            await super().set(id, record, ttl)


def make_app(store, **config) -> Pottle:
    app = Pottle(__name__)
    app.config.update(config)
    ServerSideSessionInterface(store).init_app(app)

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

    @app.get("/login/<user>")
    async def login(user):
        session.regenerate()
        session["user"] = user
        return "welcome"

    @app.get("/clear")
    async def clear():
        session.clear()
        return "cleared"

    @app.get("/untouched")
    async def untouched():
        return "untouched"

    return app


def id_of(response):
    """The session id that *response* sets, "" where it deletes the cookie, None without one."""
    for line in response.headers.getlist("Set-Cookie"):
        jar = SimpleCookie(line)
        if "session" in jar:
            return jar["session"].value
    return None


async def get_with(app, id, path="/"):
    client = app.test_client(use_cookies=False)
    return await client.get(path, headers={"Cookie": f"session={id}"})


@pytest.fixture(params=["memory", "redis"])
async def store(request):
    """Each store in turn; Redis under a prefix of its own for each test."""
    if request.param == "memory":
        yield MemoryStore()
    else:
        url = request.getfixturevalue("redis_url")
        store = RedisStore(url, prefix=f"{request.node.nodeid}:")
        yield store
        await store.close()


class TestStores:
    async def test_keeps_bytes_by_id(self, store):
        assert await store.get("a") is None
        await store.set("a", b"\x00one", 60)
        await store.set("b", b"two", 60)
        await store.set("a", b"three", 60)
        assert (await store.get("a"), await store.get("b")) == (b"three", b"two")
        await store.delete("a")
        await store.delete("a")
        assert (await store.get("a"), await store.get("b")) == (None, b"two")

    async def test_touching_makes_no_record(self, store):
        await store.touch("a", 60)
        assert await store.get("a") is None

    async def test_may_be_used_after_closing(self, store):
        await store.close()
        await store.set("a", b"one", 60)
        await store.close()
        assert await store.get("a") == b"one"


class TestMemoryStore:
    async def test_record_expires(self):
        clock = Clock()
        store = MemoryStore(clock=clock)
        await store.set("a", b"one", 10)
        clock.now += 9.9
        assert await store.get("a") == b"one"
        clock.now += 0.1
        assert await store.get("a") is None
        assert len(store) == 0

    async def test_touching_keeps_it_longer(self):
        clock = Clock()
        store = MemoryStore(clock=clock)
        await store.set("a", b"one", 10)
        clock.now += 9
        await store.touch("a", 10)
        clock.now += 9
        assert await store.get("a") == b"one"

    async def test_expired_records_make_room_without_being_asked_for(self):
        clock = Clock()
        store = MemoryStore(clock=clock)
        for number in range(5):
            await store.set(str(number), b"", 10)
        clock.now += 10
        await store.set("new", b"", 10)
        assert len(store) == 1

    async def test_is_bounded_and_lets_go_of_the_longest_unused(self):
        store = MemoryStore(2)
        await store.set("a", b"a", 60)
        await store.set("b", b"b", 60)
        await store.touch("a", 60)
        await store.set("c", b"c", 60)
        assert [await store.get(id) for id in "abc"] == [b"a", None, b"c"]

    async def test_record_without_time_is_not_kept(self):
        store = MemoryStore()
        await store.set("a", b"a", 0)
        assert len(store) == 0

    def test_must_hold_something(self):
        with pytest.raises(ValueError, match="at least one record, not 0"):
            MemoryStore(0)


class TestRedisStore:
    async def test_redis_expires_the_record(self, redis_url):
        store = RedisStore(redis_url, prefix="expiry:")
        async with Redis.from_url(redis_url) as redis:
            await store.set("a", b"one", 60)
            assert 59_000 < await redis.pttl("expiry:a") <= 60_000
            await store.touch("a", 600)
            assert 599_000 < await redis.pttl("expiry:a") <= 600_000
        await store.close()

    async def test_client_that_was_handed_in_is_used_and_left_open(self, redis_url):
        async with Redis.from_url(redis_url, decode_responses=True) as redis:
            store = RedisStore(redis)
            await store.set("a", "ö".encode(), 60)
            assert await redis.get("session:a") == "ö"
            assert await store.get("a") == "ö".encode()
            await store.close()
            assert await redis.ping()

    def test_each_event_loop_has_its_connections(self, redis_url):
        store = RedisStore(redis_url, prefix="loops:")

        async def count():
            seen = int(await store.get("n") or b"0") + 1
            await store.set("n", str(seen).encode(), 60)
            await store.close()
            return seen

        assert [asyncio.run(count()) for _ in range(3)] == [1, 2, 3]

    def test_what_an_ended_loop_left_open_is_let_go(self, redis_url):
        store = RedisStore(redis_url, prefix="left:")
        left = asyncio.new_event_loop()
        left.run_until_complete(store.set("a", b"one", 60))
        client, _ = store._clients[left]
        left.run_until_complete(client.aclose())  # or the interpreter would rightly complain
        left.close()

        async def read():
            value = await store.get("a")
            assert list(store._clients) == [asyncio.get_running_loop()]
            await store.close()
            return value

        assert asyncio.run(read()) == b"one"

    def test_without_the_package_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "redis.asyncio", None)
        with pytest.raises(SetupError, match=re.escape("pip install 'pottle[redis]'")):
            RedisStore("redis://127.0.0.1")


class TestSession:
    async def test_items_stay_here_and_the_client_gets_an_id(self, store):
        app = make_app(store)
        client = app.test_client()
        response = await client.get("/set/user/alma")
        id = id_of(response)
        assert len(id) == 43
        assert "alma" not in response.headers["Set-Cookie"]
        assert await store.get(id) == b'{"user":"alma"}'
        assert await (await client.get("/")).get_json() == {"user": "alma"}
        other = await app.test_client().get("/set/user/alma")
        assert id_of(other) != id

    async def test_login_renews_the_id_and_keeps_the_items(self, store):
        app = make_app(store)
        client = app.test_client()
        before = id_of(await client.get("/set/cart/full"))
        after = id_of(await client.get("/login/alma"))
        assert after not in {None, before}
        assert await store.get(before) is None
        assert await (await client.get("/")).get_json() == {"cart": "full", "user": "alma"}
        assert await (await get_with(app, before)).get_json() == {}

    async def test_clearing_deletes_record_and_cookie(self, store):
        app = make_app(store)
        client = app.test_client()
        id = id_of(await client.get("/set/user/alma"))
        response = await client.get("/clear")
        assert id_of(response) == ""
        assert response.headers["Vary"] == "Cookie"
        assert await store.get(id) is None
        assert await (await client.get("/")).get_json() == {}

    @pytest.mark.parametrize(
        "id", ["chosen-by-an-attacker-0123456789", "short", "x" * 300, "a:b/c*"]
    )
    async def test_an_unknown_id_is_never_adopted(self, store, id):
        app = make_app(store)
        response = await get_with(app, id, "/set/user/alma")
        assert id_of(response) not in {None, id}
        assert await store.get(id) is None

    async def test_of_two_that_change_a_key_the_last_to_write_wins(self, store):
        app = make_app(store)
        client = app.test_client()
        id = id_of(await client.get("/set/a/0"))
        first, second = asyncio.Event(), asyncio.Event()

        @app.get("/slow")
        async def slow():
            session["a"] = "slow"
            first.set()
            await second.wait()
            return ""

        waiting = asyncio.create_task(get_with(app, id, "/slow"))
        await first.wait()
        await get_with(app, id, "/set/b/quick")
        second.set()
        await waiting
        assert await (await get_with(app, id)).get_json() == {"a": "slow", "b": "quick"}

    async def test_session_transaction(self, store):
        client = make_app(store).test_client()
        async with client.session_transaction() as local:
            local["user"] = "alma"
        assert await (await client.get("/")).get_json() == {"user": "alma"}
        async with client.session_transaction() as local:
            assert isinstance(local, ServerSideSession)
            assert not local.new


class TestInterface:
    async def test_nothing_is_read_without_a_cookie_and_nothing_stored_untouched(self):
        store = Recording()
        response = await make_app(store).test_client().get("/")
        assert store.calls == []
        assert id_of(response) is None
        assert response.headers["Vary"] == "Cookie"

    async def test_session_begun_and_emptied_again_is_not_stored(self):
        store = Recording()
        app = make_app(store)

        @app.get("/again")
        async def again():
            session["a"] = 1
            session.clear()
            return ""

        assert id_of(await app.test_client().get("/again")) == ""
        assert store.calls == []

    async def test_a_malformed_id_is_not_looked_up(self):
        store = Recording()
        await get_with(make_app(store), "../etc", "/")
        assert store.calls == []

    async def test_only_access_makes_the_answer_vary(self):
        client = make_app(MemoryStore()).test_client()
        await client.get("/set/user/alma")
        response = await client.get("/untouched")
        assert "Vary" not in response.headers
        assert id_of(response) is None
        assert (await client.get("/")).headers["Vary"] == "Cookie"

    async def test_unmodified_session_is_touched_not_rewritten(self):
        store = Recording()
        client = make_app(store, PERMANENT_SESSION_LIFETIME=timedelta(hours=1)).test_client()
        await client.get("/set/user/alma")
        store.calls.clear()
        store.clock.now += 3000
        await client.get("/untouched")
        assert store.calls == ["get", "touch"]
        store.clock.now += 3000
        assert await (await client.get("/")).get_json() == {"user": "alma"}
        store.clock.now += 3600
        assert await (await client.get("/")).get_json() == {}

    async def test_refreshing_can_be_switched_off(self):
        store = Recording()
        client = make_app(store, SESSION_REFRESH_EACH_REQUEST=False).test_client()
        await client.get("/permanent")
        store.calls.clear()
        assert id_of(await client.get("/")) is None
        assert store.calls == ["get"]

    async def test_permanent_session_renews_its_cookie(self):
        client = make_app(MemoryStore()).test_client()
        response = await client.get("/permanent")
        assert "Expires=" in response.headers["Set-Cookie"]
        again = await client.get("/")
        assert id_of(again) == id_of(response)
        assert "Expires=" in again.headers["Set-Cookie"]

    @pytest.mark.parametrize("record", [b"\xff", b"no json", b"[1]"])
    async def test_unreadable_record_counts_as_none(self, record, caplog):
        store = MemoryStore()
        app = make_app(store)
        id = "0123456789abcdef"
        await store.set(id, record, 60)
        response = await get_with(app, id, "/set/a/b")
        assert id_of(response) not in {None, id}
        assert any("counts as none" in message for message in caplog.messages)

    async def test_tagged_types_survive(self):
        app = make_app(MemoryStore())

        @app.get("/tuple")
        async def keep():
            session["pair"] = (1, b"\x00")
            return ""

        @app.get("/same")
        async def same():
            return str(session["pair"] == (1, b"\x00"))

        client = app.test_client()
        await client.get("/tuple")
        assert await (await client.get("/same")).get_data(as_text=True) == "True"

    def test_guessable_ids_are_refused(self):
        with pytest.raises(ValueError, match="give it 16 or more"):
            ServerSideSessionInterface(MemoryStore(), key_bytes=8)

    async def test_shutdown_closes_the_store(self):
        class Closing(MemoryStore):
            closed = 0

            async def close(self):
                self.closed += 1

        store = Closing()
        app = make_app(store)
        await app.startup()
        assert store.closed == 0
        await app.shutdown()
        assert store.closed == 1


class TestWithoutResponse:
    """What `save_session` does for a websocket that is accepted already."""

    async def test_known_session_is_stored(self):
        store = MemoryStore()
        app = make_app(store)
        await store.set("an-id", b"{}", 60)
        changed = ServerSideSession({}, "an-id")
        changed["user"] = "alma"
        await app.session_interface.save_session(app, changed, None)
        assert await store.get("an-id") == b'{"user":"alma"}'
        changed.clear()
        await app.session_interface.save_session(app, changed, None)
        assert len(store) == 0
        assert changed.id is None

    async def test_new_session_cannot_be_named_and_is_not_stored(self, caplog):
        store = MemoryStore()
        app = make_app(store)
        begun = ServerSideSession()
        begun["user"] = "alma"
        await app.session_interface.save_session(app, begun, None)
        assert len(store) == 0
        (message,) = caplog.messages
        assert "a session was begun, which is lost" in message

    async def test_id_cannot_be_renewed_but_the_items_are_stored(self, caplog):
        store = MemoryStore()
        app = make_app(store)
        await store.set("an-id", b"{}", 60)
        changed = ServerSideSession({}, "an-id")
        changed.regenerate()
        changed["user"] = "alma"
        await app.session_interface.save_session(app, changed, None)
        assert await store.get("an-id") == b'{"user":"alma"}'
        (message,) = caplog.messages
        assert "a session was to get a new id" in message

    async def test_session_of_a_websocket_is_kept(self, store):
        from pottle import websocket

        app = make_app(store)

        @app.websocket("/ws")
        async def ws():
            await websocket.accept()
            session["seen"] = await websocket.receive()
            await websocket.send("noted")

        client = app.test_client()
        await client.get("/set/user/alma")
        async with client.websocket("/ws") as connection:
            await connection.send("hello")
            assert await connection.receive() == "noted"
        assert await (await client.get("/")).get_json() == {"user": "alma", "seen": "hello"}
