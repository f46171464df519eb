"""The chat in one process, as clients and programs see it."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from chat.app import create_app
from chat.hub import Member, TooSlowError
from chat.log import Log
from chat.messages import (
    START,
    Draft,
    Id,
    Message,
    RefusedError,
    parse_draft,
    parse_id,
    parse_name,
    parse_room,
)
from chat.pace import Pace
from chat.presence import Presence
from pottle.testing import WebsocketClosed, WebsocketResponseError

PATIENCE = 10


@pytest.fixture
def serve():
    """The running chat: ``async with serve() as client``."""

    @asynccontextmanager
    async def running(**config):
        app = create_app({"REDIS": None, **config})
        async with app.test_app() as test_app:
            yield test_app.test_client()

    return running


@asynccontextmanager
async def joined(client, name, room="lobby", after=""):
    """A client in the room, after its hello."""
    path = f"/rooms/{room}"
    async with client.websocket(path, query_string={"name": name, "after": after}) as connection:
        connection.hello = await connection.receive_json()
        assert connection.hello["type"] == "hello"
        yield connection


async def say(connection, text, key=None):
    await connection.send_json({"text": text, "key": key or text})


async def hear(connection, kind="message"):
    """The next event of that kind."""
    while (event := await connection.receive_json())["type"] != kind:
        pass
    return event


def make_message(number, room="lobby", key=None):
    return Message(Id(1, number), Draft(room, "ada", f"text {number}", key or str(number)))


# Rooms


async def test_a_message_reaches_all_in_the_room_and_nobody_else(serve):
    async with serve() as client:
        async with joined(client, "ada") as ada, joined(client, "bo") as bo:
            async with joined(client, "cyd", "attic") as cyd:
                await say(ada, "hello", "k1")
                for connection in ada, bo:
                    message = await hear(connection)
                    assert (message["name"], message["text"]) == ("ada", "hello")
                    assert message["key"] == "k1"
                await say(cyd, "alone")
                assert (await hear(cyd))["text"] == "alone"


async def test_all_hear_the_same_order(serve):
    async with serve() as client:
        async with joined(client, "ada") as ada, joined(client, "bo") as bo:
            for number in range(4):
                await say(ada, f"a{number}")
                await say(bo, f"b{number}")
            heard = [[await hear(connection) for _ in range(8)] for connection in (ada, bo)]
            assert heard[0] == heard[1]
            ids = [parse_id(message["id"]) for message in heard[0]]
            assert ids == sorted(set(ids))


async def test_a_message_sent_again_with_its_key_is_shown_once(serve):
    async with serve() as client, joined(client, "ada") as ada:
        await say(ada, "once", "k1")
        await say(ada, "once", "k1")
        await say(ada, "then", "k2")
        assert [(await hear(ada))["text"] for _ in range(2)] == ["once", "then"]


async def test_what_is_said_right_before_leaving_is_passed_on(serve):
    async with serve() as client, joined(client, "ada") as ada:
        async with joined(client, "bo") as bo:
            await say(bo, "bye")
        assert (await hear(ada))["text"] == "bye"


# History


async def test_who_enters_is_shown_the_last_messages(serve):
    async with serve(SHOWN=2) as client:
        async with joined(client, "ada") as ada:
            for text in "one", "two", "three":
                await say(ada, text)
                await hear(ada)
        async with joined(client, "bo") as bo:
            assert [message["text"] for message in bo.hello["messages"]] == ["two", "three"]


async def test_who_comes_back_gets_what_was_missed(serve):
    async with serve(SHOWN=1) as client, joined(client, "ada") as ada:
        await say(ada, "one")
        last = (await hear(ada))["id"]
        await say(ada, "two")
        await say(ada, "three")
        await hear(ada)
        end = (await hear(ada))["id"]
        async with joined(client, "bo", after=last) as bo:
            assert [message["text"] for message in bo.hello["messages"]] == ["two", "three"]
            assert bo.hello["gap"] is False
            assert bo.hello["last"] == end
        async with joined(client, "bo", after=end) as bo:
            assert bo.hello["messages"] == []


async def test_who_comes_back_to_a_server_that_was_restarted_is_told_of_the_gap(serve):
    async with serve() as client, joined(client, "ada") as ada:
        await say(ada, "one")
        last = (await hear(ada))["id"]
    async with serve() as client:
        async with joined(client, "ada", after=last) as ada:
            assert (ada.hello["messages"], ada.hello["gap"]) == ([], True)
            await say(ada, "two")
            assert parse_id((await hear(ada))["id"]) > parse_id(last)


def test_log_forgets_the_oldest():
    log = Log(START, kept=3)
    assert all(log.add(make_message(number)) for number in range(1, 6))
    assert [message.id.number for message in log.past("lobby", None, 10).messages] == [3, 4, 5]
    assert log.past("lobby", Id(1, 2), 10).gap is False
    assert log.past("lobby", Id(1, 1), 10).gap is True
    assert log.past("attic", None, 10).messages == []


def test_log_knows_what_it_has_seen():
    log = Log(START)
    assert log.add(make_message(1))
    assert not log.add(make_message(1))
    assert not log.add(make_message(2, key="1"))
    assert log.add(make_message(3, room="attic", key="1"))
    assert log.last == Id(1, 3)


# Presence


async def test_who_is_here_and_who_comes_and_goes(serve):
    async with serve() as client, joined(client, "ada") as ada:
        assert ada.hello["names"] == ["ada"]
        async with joined(client, "bo") as bo:
            assert bo.hello["names"] == ["ada", "bo"]
            assert (await hear(ada, "presence"))["joined"] == ["bo"]
            answer = await (await client.get("/api/rooms")).get_json()
            assert answer == {"rooms": [{"room": "lobby", "people": 2}]}
        assert (await hear(ada, "presence"))["left"] == ["bo"]


async def test_two_pages_of_one_person_are_one_person(serve):
    async with serve() as client, joined(client, "ada") as ada, joined(client, "bo"):
        assert (await hear(ada, "presence"))["joined"] == ["bo"]
        async with joined(client, "bo") as again:
            assert again.hello["names"] == ["ada", "bo"]
        await say(ada, "still two", "k1")
        assert (await ada.receive_json())["type"] == "message"  # and no presence before it


def test_people_of_other_processes_are_here_until_these_are_silent():
    presence = Presence()
    presence.enter("lobby", "ada")
    presence.learn("other", {"lobby": ["ada", "bo"], "attic": ["cyd"]}, now=10)
    assert presence.names("lobby") == {"ada", "bo"}
    assert presence.rooms() == {"attic": 1, "lobby": 2}
    assert not presence.forget_silent(before=10)
    assert presence.forget_silent(before=11)
    assert presence.names("lobby") == {"ada"}
    assert presence.rooms() == {"lobby": 1}


def test_silence_while_nobody_can_be_heard_does_not_count():
    presence = Presence()
    presence.learn("other", {"lobby": ["bo"]}, now=10)
    presence.excuse(now=50)
    assert not presence.forget_silent(before=45)


# Limits


@pytest.mark.parametrize("name", ["", "  ", "x" * 25, "a\x00b"])
async def test_names_have_limits(serve, name):
    async with serve() as client:
        with pytest.raises(WebsocketResponseError) as refused:
            async with joined(client, name):
                pass
        assert refused.value.response.status_code == 400
        assert b"is no name" in await refused.value.response.get_data()


@pytest.mark.parametrize("room", ["Lobby", "a b", "-", "x" * 31])
async def test_rooms_have_limits(serve, room):
    async with serve() as client:
        with pytest.raises(WebsocketResponseError) as refused:
            async with joined(client, "ada", room):
                pass
        assert refused.value.response.status_code == 400


async def test_after_is_an_id(serve):
    async with serve() as client:
        with pytest.raises(WebsocketResponseError):
            async with joined(client, "ada", after="yesterday"):
                pass


def test_what_is_taken():
    assert parse_name("  ada \t lovelace ") == "ada lovelace"
    assert parse_room("room-1") == "room-1"
    assert parse_id("12-3") == Id(12, 3)
    assert parse_draft(b'{"text": " hi ", "key": "1"}', "lobby", "ada").text == "hi"


@pytest.mark.parametrize(
    ("data", "part", "key"),
    [
        ("nothing", "no JSON", None),
        ("[1]", "an object", None),
        ('{"text": "hi"}', "key", None),
        ('{"text": " ", "key": "k"}', "empty", "k"),
        ('{"text": 1, "key": "k"}', "empty", "k"),
        (json.dumps({"text": "x" * 2001, "key": "k"}), "at most 2000", "k"),
    ],
)
def test_what_is_not_taken(data, part, key):
    with pytest.raises(RefusedError, match=part) as refused:
        parse_draft(data, "lobby", "ada")
    assert refused.value.key == key


async def test_what_is_refused_is_told_and_the_connection_goes_on(serve):
    async with serve() as client, joined(client, "ada") as ada:
        await say(ada, "x" * 2001, "k1")
        refused = await hear(ada, "refused")
        assert (refused["key"], "at most 2000" in refused["error"]) == ("k1", True)
        await say(ada, "short")
        assert (await hear(ada))["text"] == "short"


async def test_a_huge_message_ends_the_connection(serve):
    async with serve() as client, joined(client, "ada") as ada:
        await ada.send("x" * 20_000)
        with pytest.raises(WebsocketClosed) as closed:
            await ada.receive()
        assert closed.value.code == 1009


def test_pace_slows_down_who_is_too_fast():
    now = 0.0
    pace = Pace(rate=2, burst=3, clock=lambda: now)
    assert [pace.step() for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    now = 10.0
    assert [pace.step() for _ in range(4)] == [0, 0, 0, 0.5]


async def test_a_queue_that_runs_over_ends_a_member():
    member = Member("ada", limit=2)
    member.put("one")
    member.put("two")
    assert await member.next() == ["one", "two"]
    for text in "three", "four", "five", "six":
        member.put(text)
    with pytest.raises(TooSlowError):
        await member.next()


async def test_who_does_not_read_holds_up_nobody(live_server):
    app = create_app({"REDIS": None, "RATE": 1e9, "WAITING": 50})
    server = live_server(app)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", server.port))
    with deaf:
        deaf.sendall(
            b"GET /rooms/lobby?name=deaf HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        url = server.ws_url("/rooms/lobby?name=ada")
        async with asyncio.timeout(PATIENCE * 3), connect(url, proxy=None) as ada:
            number = 0
            while True:  # until the deaf one is sent away
                await ada.send(json.dumps({"text": "x" * 2000, "key": str(number)}))
                number += 1
                event = json.loads(await ada.recv())
                if event["type"] == "presence" and "deaf" in event["left"]:
                    break


# The page, and the end


async def test_the_page_loads_nothing_from_elsewhere(serve):
    async with serve() as client:
        response = await client.get("/")
        assert response.headers["Content-Security-Policy"] == "default-src 'self'"
        page = await response.get_data(as_text=True)
        assert 'maxlength="24"' in page
        assert "://" not in page
        for name in "chat.js", "connection.js", "chat.css", "icon.svg":
            assert (await client.get(f"/static/{name}")).status_code == 200


async def test_a_shutdown_tells_clients_to_come_back(live_server):
    server = live_server(create_app({"REDIS": None}))
    async with connect(server.ws_url("/rooms/lobby?name=ada"), proxy=None) as ada:
        await ada.recv()
        await asyncio.to_thread(server.stop)
        with pytest.raises(ConnectionClosed):
            await ada.recv()
        assert ada.close_code == 1012


async def test_redis_that_is_not_there_is_told_at_the_start(unused_tcp_port):
    app = create_app({"REDIS": f"redis://127.0.0.1:{unused_tcp_port}"})
    with pytest.raises(RuntimeError, match=r"cannot be reached.*unset CHAT_REDIS"):
        await app.startup()
