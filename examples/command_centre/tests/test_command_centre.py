"""The command centre, as devices, operators and programs see it."""

from __future__ import annotations

import asyncio
import socket
import stat
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from command_centre.app import create_app
from command_centre.commands import KEPT, Commands
from command_centre.devices import Device, Devices
from command_centre.link import LARGEST_MESSAGE
from command_centre.tokens import is_token, make_token, read_secret
from command_centre.watch import Watches
from pottle.testing import WebsocketClosed, WebsocketResponseError

SECRET = "for tests"
PATIENCE = 10
QUIET = {"SECRET": SECRET, "SWEEP": 0.02, "PING_AFTER": 60, "SILENT_AFTER": 60}


@pytest.fixture
def serve():
    """The running command centre: ``async with serve() as client``."""

    @asynccontextmanager
    async def running(**config):
        app = create_app({**QUIET, **config})
        async with app.test_app() as test_app, asyncio.timeout(PATIENCE):
            yield test_app.test_client()

    return running


def bearer(device, secret=SECRET):
    return {"Authorization": f"Bearer {make_token(secret, device)}"}


@asynccontextmanager
async def device(client, id, group="lamps"):
    """A device that is connected, and known to be."""
    path = f"/devices/{id}?group={group}"
    async with client.websocket(path, headers=bearer(id)) as connection:
        await connection.wait_accepted()
        while id not in [row["id"] for row in (await get(client, "/api/devices"))["devices"]]:
            await asyncio.sleep(0)
        yield connection


async def get(client, path):
    response = await client.get(path)
    assert response.status_code == 200, await response.get_data(as_text=True)
    return await response.get_json()


async def order(client, to="all", name="on", **more):
    """Give a command; its number."""
    response = await client.post("/api/commands", json={"name": name, "to": to, **more})
    assert response.status_code == 202, await response.get_data(as_text=True)
    answer = await response.get_json()
    assert response.headers["Location"] == f"/api/commands/{answer['command']}"
    return answer["command"]


async def result(client, number):
    """How each device stands when the command is finished."""
    answer = await get(client, f"/api/commands/{number}?wait=5")
    assert answer["finished"]
    return {device: each["standing"] for device, each in answer["results"].items()}


async def refusal(client, path, headers=None):
    with pytest.raises(WebsocketResponseError) as refused:
        async with client.websocket(path, headers=headers):
            pass
    return refused.value.response


# Who is let in


async def test_without_a_token_nobody_is_let_in(serve):
    async with serve() as client:
        response = await refusal(client, "/devices/lamp-1")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].lower().startswith("bearer")


@pytest.mark.parametrize("headers", [bearer("lamp-2"), bearer("lamp-1", "another secret")])
async def test_with_a_wrong_token_neither(serve, headers):
    async with serve() as client:
        assert (await refusal(client, "/devices/lamp-1", headers)).status_code == 403


@pytest.mark.parametrize(
    "path", ["/devices/a%20b", "/devices/" + "x" * 33, "/devices/a?group=-%C3%A4"]
)
async def test_names_are_simple(serve, path):
    async with serve() as client:
        assert (await refusal(client, path, bearer("a"))).status_code == 400


async def test_more_devices_than_there_is_room_for_are_refused(serve):
    async with serve(MOST_DEVICES=1) as client, device(client, "lamp-1"):
        assert (await refusal(client, "/devices/lamp-2", bearer("lamp-2"))).status_code == 503


async def test_a_device_that_connects_again_replaces_its_old_connection(serve):
    async with serve() as client, device(client, "lamp-1") as old:
        async with device(client, "lamp-1") as new:
            with pytest.raises(WebsocketClosed) as closed:
                await old.receive()
            assert closed.value.code == 4000
            await order(client)
            assert (await new.receive_json())["name"] == "on"
            assert (await get(client, "/api/devices"))["connected"] == 1


def test_tokens():
    assert is_token("s", "lamp-1", make_token("s", "lamp-1"))
    assert not is_token("s", "lamp-1", "ä")


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "instance" / "secret"
    secret = read_secret(path)
    assert len(secret) == 64
    assert read_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_token_of_a_device_can_be_asked_for():
    app = create_app(QUIET)
    result = app.test_cli_runner().invoke(args=["token", "lamp-1"])
    assert result.output == make_token(SECRET, "lamp-1") + "\n"


# What devices say


async def test_devices_are_known_with_their_state_and_counted_by_group(serve):
    async with (
        serve() as client,
        device(client, "lamp-1") as lamp,
        device(client, "pump-1", "pumps"),
    ):
        await lamp.send_json({"state": {"on": True}})
        await lamp.send_json([])  # its answer says that the state was read
        assert "an object" in (await lamp.receive_json())["error"]
        answer = await get(client, "/api/devices")
        assert answer["groups"] == {"lamps": 1, "pumps": 1}
        assert answer["devices"][0] == {"id": "lamp-1", "group": "lamps", "state": {"on": True}}
        answer = await get(client, "/api/devices?group=pumps")
        assert [row["id"] for row in answer["devices"]] == ["pump-1"]
        answer = await get(client, "/api/devices?after=lamp-1")
        assert [row["id"] for row in answer["devices"]] == ["pump-1"]


async def test_a_device_that_has_gone_is_gone(serve):
    async with serve() as client:
        async with device(client, "lamp-1"):
            pass
        answer = await get(client, "/api/devices")
        assert (answer["connected"], answer["groups"]) == (0, {})


@pytest.mark.parametrize("message", ["nothing", "{}", '{"state": 1}', '{"result": "x"}'])
async def test_a_device_is_told_what_is_wrong_and_stays_connected(serve, message):
    async with serve() as client, device(client, "lamp-1") as lamp:
        await lamp.send(message)
        assert "error" in await lamp.receive_json()
        assert (await get(client, "/api/devices"))["connected"] == 1


async def test_a_message_that_is_too_large_ends_the_connection(serve):
    async with serve() as client, device(client, "lamp-1") as lamp:
        await lamp.send("x" * (LARGEST_MESSAGE + 1))
        with pytest.raises(WebsocketClosed) as closed:
            await lamp.receive()
        assert closed.value.code == 1009


async def test_a_device_that_floods_is_closed(serve):
    async with serve(SWEEP=0.2) as client, device(client, "lamp-1") as lamp:
        for _ in range(30):
            await lamp.send_json({"pong": True})
        with pytest.raises(WebsocketClosed) as closed:
            await lamp.receive()
        assert closed.value.code == 1008


async def test_who_is_silent_is_pinged_and_who_answers_stays(serve):
    async with serve(PING_AFTER=0.05, SILENT_AFTER=0.4) as client:
        async with device(client, "lamp-1") as answers, device(client, "lamp-2") as is_dead:
            answering = asyncio.create_task(answer_pings(answers))
            assert await closed_with(is_dead) == 4001
            answer = await get(client, "/api/devices")
            assert [row["id"] for row in answer["devices"]] == ["lamp-1"]
            answering.cancel()


async def answer_pings(connection):
    while True:
        assert await connection.receive_json() == {"ping": True}
        await connection.send_json({"pong": True})


async def closed_with(connection):
    """The code that the connection is closed with, after any number of pings."""
    try:
        while True:
            assert await connection.receive_json() == {"ping": True}
    except WebsocketClosed as closed:
        return closed.code


# Commands


async def test_a_command_is_confirmed_and_carried_out(serve):
    async with serve() as client, device(client, "lamp-1") as lamp:
        number = await order(client, {"device": "lamp-1"}, "dim", arguments={"to": 30})
        assert await lamp.receive_json() == {
            "command": number,
            "name": "dim",
            "arguments": {"to": 30},
        }
        await lamp.send_json({"confirm": number})
        while (await get(client, f"/api/commands/{number}"))["counts"] != {"confirmed": 1}:
            await asyncio.sleep(0)
        await lamp.send_json({"result": number, "ok": True, "value": 30})
        answer = await get(client, f"/api/commands/{number}?wait=5")
        assert answer["results"] == {"lamp-1": {"standing": "done", "value": 30}}
        assert (answer["finished"], answer["counts"]) == (True, {"done": 1})


async def test_commands_go_to_one_to_a_group_and_to_all(serve):
    async with serve() as client, device(client, "a", "one") as a, device(client, "b", "one") as b:
        async with device(client, "c", "two") as c:
            for to, meant in (
                ({"device": "c"}, [c]),
                ({"group": "one"}, [a, b]),
                ("all", [a, b, c]),
            ):
                number = await order(client, to)
                for each in meant:
                    assert (await each.receive_json())["command"] == number
                    await each.send_json({"result": number, "ok": True})
                assert list((await result(client, number)).values()) == ["done"] * len(meant)


async def test_each_device_has_its_own_end(serve):
    async with serve() as client, device(client, "does") as does, device(client, "fails") as fails:
        async with device(client, "sleeps"):
            async with device(client, "leaves") as leaves:
                number = await order(client, timeout=0.3)
                await leaves.receive_json()
            await does.send_json({"result": number, "ok": True})
            await fails.send_json({"result": number, "ok": False, "value": "no power"})
            assert await result(client, number) == {
                "does": "done",
                "fails": "failed",
                "leaves": "gone",
                "sleeps": "timed out",
            }
            await does.send_json({"result": number, "ok": False})  # too late to be otherwise
            await does.send("x")
            while "error" not in await does.receive_json():
                pass
            assert (await result(client, number))["does"] == "done"


@pytest.mark.parametrize(
    ("content", "status", "part"),
    [
        ([], 400, "an object"),
        ({"to": "all"}, 400, "name"),
        ({"to": "all", "name": "x" * 41}, 400, "name"),
        ({"to": "all", "name": "on", "timeout": 0}, 400, "timeout"),
        ({"to": "all", "name": "on", "timeout": "1"}, 400, "timeout"),
        ({"to": {"colour": "red"}, "name": "on"}, 400, "group"),
        ({"to": {"device": "lamp-2"}, "name": "on"}, 404, "connected"),
        ({"to": {"group": "pumps"}, "name": "on"}, 404, "connected"),
    ],
)
async def test_a_command_that_cannot_be_given(serve, content, status, part):
    async with serve() as client, device(client, "lamp-1"):
        response = await client.post("/api/commands", json=content)
        assert response.status_code == status
        assert part in (await response.get_json())["error"]


async def test_a_form_of_another_site_gives_no_commands(serve):
    async with serve() as client, device(client, "lamp-1"):
        text = '{"name": "on", "to": "all"}'
        response = await client.post("/api/commands", data=text, content_type="text/plain")
        assert response.status_code == 415


async def test_a_command_nobody_knows_is_404(serve):
    async with serve() as client:
        assert (await client.get("/api/commands/7")).status_code == 404


class Deaf:
    """A websocket that never gets rid of a message."""

    async def send(self, text):
        await asyncio.sleep(1000)


async def test_a_slow_device_is_busy_and_holds_up_nobody():
    commands = Commands(waiting=2, changed=lambda _: None)
    deaf = Device("deaf", "lamps", Deaf(), asyncio.current_task())
    standings = [commands.give("on", None, "deaf", [deaf], 10).standing["deaf"] for _ in range(4)]
    assert standings == ["sent", "sent", "busy", "busy"]
    assert commands.known[3].finished.is_set()
    deaf.stop_sending()


async def test_a_device_that_does_not_read_is_let_go(live_server):
    server = live_server(create_app(QUIET))
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", server.port))
    with deaf:
        deaf.sendall(
            b"GET /devices/deaf HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Authorization: Bearer " + make_token(SECRET, "deaf").encode() + b"\r\n\r\n"
        )
        big = {"name": "on", "to": "all", "arguments": "x" * 60_000}
        async with asyncio.timeout(25), httpx.AsyncClient(base_url=server.url()) as client:
            while not (await client.get("/api/devices")).json()["connected"]:
                await asyncio.sleep(0.01)
            while (await client.get("/api/devices")).json()["connected"]:
                answer = await client.post("/api/commands", json=big)
                await asyncio.sleep(0.01)
                if answer.status_code == 202:
                    last = answer.headers["Location"]
            answer = await client.get(last)
            assert answer.json()["results"]["deaf"]["standing"] in {"gone", "busy"}


def test_old_commands_are_forgotten():
    commands = Commands(waiting=2, changed=lambda _: None)
    for _ in range(KEPT + 10):
        commands.give("on", None, "all", [], 10)
    assert list(commands.known) == list(range(11, KEPT + 11))


# Operators


async def test_the_page_is_told_what_is_and_then_what_changes(serve):
    async with serve() as client, device(client, "lamp-1"), client.sse("/events") as events:
        first = (await events.receive()).json()
        assert (first["all"], first["connected"]) == (True, 1)
        assert [row["id"] for row in first["devices"]] == ["lamp-1"]
        async with device(client, "pump-1", "pumps") as pump:
            update = (await events.receive()).json()
            assert (update["connected"], update["gone"]) == (2, [])
            assert [row["id"] for row in update["devices"]] == ["pump-1"]
            number = await order(client, {"device": "pump-1"})
            await pump.send_json({"result": number, "ok": True})
            while not (update := (await events.receive()).json())["commands"][0]["finished"]:
                pass
            assert update["commands"][0]["counts"] == {"done": 1}
        update = (await events.receive()).json()
        assert (update["connected"], update["gone"]) == (1, ["pump-1"])


async def test_a_slow_page_is_told_the_last_of_many_changes():
    watches = Watches()
    with watches.open() as watch:
        for _ in range(100):
            watches.device_changed("lamp-1")
            watches.command_changed(1)
        assert await watch.next() == ({"lamp-1"}, {1})
    watches.device_changed("lamp-1")
    assert watch.devices == set()


async def test_the_page_loads_nothing_from_elsewhere(serve):
    async with serve(SIMULATE=0) as client:
        response = await client.get("/")
        assert response.headers["Content-Security-Policy"] == "default-src 'self'"
        page = await response.get_data(as_text=True)
        assert "://" not in page
        assert "Simulate" not in page
        for name in "centre.js", "centre.css", "icon.svg":
            assert (await client.get(f"/static/{name}")).status_code == 200
        assert (await client.post("/api/simulate")).status_code == 409


def test_groups_are_counted():
    devices = Devices(lambda _: None, lambda _: None)
    first, second = (Device(id, "lamps", None, None) for id in ("a", "b"))
    devices.add(first)
    devices.add(second)
    assert devices.groups == {"lamps": 2}
    devices.remove(first)
    devices.remove(first)
    assert devices.groups == {"lamps": 1}


async def test_a_shutdown_ends_devices_and_pages(live_server):
    server = live_server(create_app(QUIET))
    url = server.ws_url("/devices/lamp-1")
    async with connect(url, additional_headers=bearer("lamp-1"), proxy=None) as lamp:
        await asyncio.to_thread(server.stop)
        with pytest.raises(ConnectionClosed):
            await lamp.recv()
        assert lamp.close_code == 1012


async def test_devices_can_be_simulated(live_server):
    server = live_server(create_app({**QUIET, "SIMULATE": 8}))
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(base_url=server.url()) as client:
        assert (await client.post("/api/simulate")).status_code == 202
        assert (await client.post("/api/simulate")).status_code == 409
        while (await client.get("/api/devices")).json()["connected"] < 8:
            await asyncio.sleep(0.01)
        for name, standing in ("on", "done"), ("fly", "failed"):
            answer = await client.post("/api/commands", json={"name": name, "to": "all"})
            answer = await client.get(answer.headers["Location"] + "?wait=5")
            assert answer.json()["counts"] == {standing: 8}
