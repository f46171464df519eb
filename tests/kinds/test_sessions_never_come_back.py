"""A session that has ended stays ended, and of two that change a session neither is lost.

Kind: what was read early and is written late. Each test runs on a store in memory, in Redis, and on
one that has no more than the methods that every store must have.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from pottle import Pottle, flash, get_flashed_messages, request, session, websocket
from pottle.sessions import (
    MemoryStore,
    RedisStore,
    ServerSideSessionInterface,
    SessionConflict,
    SessionStore,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Plain(SessionStore):
    """A store with the four methods that it must have, and no swap of its own."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}

    async def get(self, id):
        return self.records.get(id)

    async def set(self, id, record, ttl):
        self.records[id] = record

    async def delete(self, id):
        self.records.pop(id, None)

    async def touch(self, id, ttl):
        return None


@pytest.fixture(params=["memory", "redis", "plain"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SessionStore]:
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        store: SessionStore = RedisStore(url, prefix=f"{request.node.nodeid}:")
    else:
        store = MemoryStore() if request.param == "memory" else Plain()
    yield store
    await store.close()


class Shop:
    """An application, one client with a session, and requests of this client that can be held."""

    def __init__(self, store: SessionStore, **options: Any) -> None:
        self.app = app = Pottle(__name__)
        self.store = store
        self.id = ""
        ServerSideSessionInterface(store, **options).init_app(app)
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.change: Any = None

        @app.post("/set")
        async def set_items():
            session.update(await request.get_json())
            return dict(session)

        @app.post("/pop/<key>")
        async def pop(key):
            session.pop(key)
            return ""

        @app.post("/logout")
        async def logout():
            session.clear()
            return ""

        @app.post("/login/<user>")
        async def login(user):
            session["user"] = user
            session.regenerate()
            return ""

        @app.get("/")
        async def show():
            return dict(session)

        @app.get("/late")
        async def late():
            assert dict(session) is not None
            self.reached.set()
            await self.go_on.wait()
            self.change()
            return ""

    async def call(
        self, path: str = "/", method: str = "GET", id: str | None = None, **kwargs: Any
    ):
        client = self.app.test_client(use_cookies=False)
        headers = {"Cookie": f"session={id or self.id}"} if id or self.id else {}
        return await client.open(path, method=method, headers=headers, **kwargs)

    async def post(self, path: str, **kwargs: Any):
        return await self.call(path, "POST", **kwargs)

    async def begin(self, **items: Any) -> None:
        self.id = id_of(await self.post("/set", json=items)) or ""

    async def items(self, id: str | None = None) -> Any:
        return await (await self.call(id=id)).get_json()

    @asynccontextmanager
    async def late(self, change: Any) -> AsyncIterator[asyncio.Future[Any]]:
        """Within the block a request has read the session; *change* and the saving come after it."""

        self.change = change
        self.reached.clear()
        self.go_on.clear()
        task = asyncio.ensure_future(self.call("/late"))
        await self.reached.wait()
        yield task
        self.go_on.set()
        assert (await task).status_code == 200


def id_of(response: Any) -> str | None:
    """The session id that *response* sets, "" where it deletes the cookie, None without one."""
    for line in response.headers.getlist("Set-Cookie"):
        jar = SimpleCookie(line)
        if "session" in jar:
            return jar["session"].value
    return None


def note() -> None:
    session["noted"] = True


def note_inside() -> None:
    session["cart"].append("tea")
    session.modified = True


def renew() -> None:
    session.regenerate()


class TestEndedSessions:
    @pytest.mark.parametrize("change", [note, note_inside, renew], ids=lambda f: f.__name__)
    async def test_a_late_save_does_not_undo_a_logout(self, store, change):
        shop = Shop(store)
        await shop.begin(user="ann", cart=["milk"])
        async with shop.late(change) as late:
            await shop.post("/logout")
        assert await store.get(shop.id) is None
        assert await shop.items() == {}
        # Neither does it take the cookie from whatever session has replaced the one that ended.
        assert id_of(late.result()) is None

    @pytest.mark.parametrize("change", [note, renew], ids=lambda f: f.__name__)
    async def test_a_late_save_does_not_revive_the_id_before_login(self, store, change):
        shop = Shop(store)
        await shop.begin(cart=[])
        async with shop.late(change) as late:
            renewed = id_of(await shop.post("/login/ann"))
        assert await store.get(shop.id) is None
        assert await shop.items(renewed) == {"cart": [], "user": "ann"}
        assert id_of(late.result()) is None

    async def test_a_late_touch_revives_nothing_and_sets_no_cookie(self, store):
        shop = Shop(store)
        await shop.begin(user="ann", _permanent=True)
        async with shop.late(lambda: None) as late:
            await shop.post("/login/bob")
        assert await store.get(shop.id) is None
        if not isinstance(store, Plain):  # which does not tell whether there was something to touch
            assert id_of(late.result()) is None

    async def test_a_websocket_does_not_write_to_a_session_that_has_ended(self, store):
        shop = Shop(store)
        await shop.begin(user="ann")

        @shop.app.websocket("/ws")
        async def ws():
            async for message in websocket:
                session[message] = True
                await websocket.send("noted")

        client = shop.app.test_client()
        client.set_cookie("localhost", "session", shop.id)
        async with client.websocket("/ws") as connection:
            await connection.send("a")
            assert await connection.receive() == "noted"
            await shop.post("/logout")
        assert await store.get(shop.id) is None

    async def test_a_session_transaction_does_not_write_to_a_session_that_has_ended(self, store):
        shop = Shop(store)
        await shop.begin(user="ann")
        client = shop.app.test_client()
        client.set_cookie("localhost", "session", shop.id)
        async with client.session_transaction() as local:
            local["noted"] = True
            await shop.post("/logout")
        assert await store.get(shop.id) is None

    async def test_a_logout_that_takes_out_the_user_alone_is_not_undone(self, store):
        shop = Shop(store)
        await shop.begin(user={"name": "ann"}, cart=[])

        def change() -> None:
            session["user"]["seen"] = True
            session["cart"] = ["tea"]

        async with shop.late(change):
            await shop.post("/pop/user")
        assert await shop.items() == {"cart": ["tea"]}

    async def test_what_is_set_after_clearing_begins_a_session_with_another_id(self, store):
        shop = Shop(store)
        await shop.begin(user="ann")

        def change() -> None:
            session.clear()
            session["user"] = "bob"

        async with shop.late(change) as late:
            await shop.post("/set", json={"cart": []})
        begun = id_of(late.result())
        assert begun not in {None, "", shop.id}
        assert await shop.items(begun) == {"user": "bob"}
        assert await store.get(shop.id) is None


class TestConcurrentChanges:
    async def test_five_that_add_different_keys_at_once_are_all_kept(self, store):
        shop = Shop(store)
        await shop.begin(user="ann")
        meeting = asyncio.Barrier(5)

        @shop.app.get("/add/<key>")
        async def add(key):
            session[key] = key
            await meeting.wait()
            return ""

        keys = "abcde"
        if isinstance(store, Plain):  # whose two steps would be mixed with those of the others
            meeting = asyncio.Barrier(1)
            answers = [await shop.call(f"/add/{key}") for key in keys]
        else:
            answers = await asyncio.gather(*(shop.call(f"/add/{key}") for key in keys))
        assert {answer.status_code for answer in answers} == {200}
        assert await shop.items() == {"user": "ann", **{key: key for key in keys}}

    async def test_a_change_is_moved_along_by_a_login(self, store):
        shop = Shop(store)
        await shop.begin(cart=[])

        def change() -> None:
            session["user"] = "ann"
            session.regenerate()

        async with shop.late(change) as late:
            await shop.post("/set", json={"language": "de"})
        renewed = id_of(late.result())
        assert await shop.items(renewed) == {"cart": [], "user": "ann", "language": "de"}
        assert await store.get(shop.id) is None

    async def test_each_key_goes_by_the_rule(self, store):
        shop = Shop(store)
        await shop.begin(same=0, untouched=0, ours=[0], theirs=0, cut=0, cut_and_changed=0)

        def change() -> None:
            session["same"] = "ours"
            session["untouched"] = 0  # as it was: no change
            session["ours"].append(1)
            session["added"] = "ours"
            session["cut_and_changed"] = "ours"
            del session["cut"]
            session.modified = True

        async with shop.late(change):
            theirs = {"same": "theirs", "untouched": 1, "theirs": 1, "cut": "theirs"}
            await shop.post("/set", json={**theirs, "added": "theirs", "more": 1})
            await shop.post("/pop/cut_and_changed")
        assert await shop.items() == {
            "same": "ours",
            "untouched": 1,
            "ours": [0, 1],
            "theirs": 1,
            "added": "ours",
            "more": 1,
        }

    async def test_a_session_emptied_key_by_key_keeps_what_another_request_adds(self, store):
        shop = Shop(store)
        await shop.begin(only=1)
        async with shop.late(note):
            await shop.post("/pop/only")
        assert await shop.items() == {"noted": True}

    async def test_flashed_messages_of_all_requests_are_shown_once(self, store):
        shop = Shop(store)

        @shop.app.post("/flash/<message>")
        async def say(message):
            flash(message)
            return ""

        @shop.app.get("/flashes")
        async def flashes():
            return get_flashed_messages()

        shop.id = id_of(await shop.post("/flash/first")) or ""
        async with shop.late(lambda: flash("second")):
            await shop.post("/flash/third")
        seen = []
        async with shop.late(lambda: seen.extend(get_flashed_messages())):
            await shop.post("/flash/fourth")
        assert sorted(seen) == ["first", "second", "third"]
        assert await (await shop.call("/flashes")).get_json() == ["fourth"]
        assert await (await shop.call("/flashes")).get_json() == []

    async def test_a_merge_of_the_application_counts_both(self, store):
        class Counting(ServerSideSessionInterface):
            def merge(self, base, ours, theirs):
                merged = super().merge(base, ours, theirs)
                merged["n"] = ours["n"] + theirs["n"] - base["n"]
                return merged

        shop = Shop(store)
        shop.app.session_interface = Counting(store)
        await shop.begin(n=1)
        async with shop.late(lambda: session.update(n=session["n"] + 1)):
            await shop.post("/set", json={"n": 3})
        assert await shop.items() == {"n": 4}

    async def test_a_websocket_goes_on_from_what_others_have_written(self, store):
        shop = Shop(store)
        await shop.begin(user="ann")

        @shop.app.websocket("/ws")
        async def ws():
            session["before"] = True
            await shop.post("/set", json={"theirs": 1})
            await websocket.accept()
            await shop.post("/set", json={"later": 1})
            session["after"] = True
            await websocket.send(sorted(session)[-1])

        client = shop.app.test_client()
        client.set_cookie("localhost", "session", shop.id)
        async with client.websocket("/ws") as connection:
            assert await connection.receive() == "user"
        expected = {"user": "ann", "before": True, "theirs": 1, "later": 1, "after": True}
        assert await shop.items() == expected


async def test_saving_takes_one_command_of_redis(redis_url):
    commands: list[str] = []

    class Counting(Redis):
        async def execute_command(self, *args: Any, **options: Any) -> Any:
            commands.append(args[0])
            return await super().execute_command(*args, **options)

    async with Counting.from_url(redis_url) as client:
        shop = Shop(RedisStore(client, prefix="one command:"))
        await shop.begin(user="ann")
        commands.clear()
        await shop.post("/set", json={"more": 1})
    assert commands == ["GET", "EVAL"]


async def test_what_loses_every_race_is_told_so_after_a_bounded_number_of_attempts():
    class Busy(MemoryStore):
        attempts = 0

        async def swap(self, id, old, new, ttl):
            self.attempts += 1
            await self.set(id, b'{"n":%d}' % self.attempts, ttl)
            return await super().swap(id, old, new, ttl)

    store = Busy()
    shop = Shop(store, attempts=3)
    await shop.begin(n=0)
    response = await shop.post("/set", json={"more": 1})
    assert response.status_code == SessionConflict.code == 409
    assert store.attempts == 3
    assert id_of(response) is None
    response = await shop.post("/login/ann")
    assert response.status_code == 409
    assert len(store) == 1  # nothing is left under the id that it was to have


@pytest.mark.parametrize("options", [{"timeout": 0}, {"attempts": 0}])
def test_limits_that_allow_nothing_are_refused(options):
    with pytest.raises(ValueError, match="must be more than 0"):
        ServerSideSessionInterface(MemoryStore(), **options)


async def test_what_memory_let_go_of_is_not_written_again():
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    shop = Shop(store)
    shop.app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=10)
    await shop.begin(user="ann")
    async with shop.late(note):
        now[0] += 11
    assert len(store) == 0
