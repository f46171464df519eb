"""The dashboard without a browser: what devices, programs and files see of it."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.app import create_app
from dashboard.feed import Feed
from dashboard.hub import Hub
from dashboard.readings import Reading, parse_reading
from dashboard.store import open_store

FOLDER = Path(create_app.__code__.co_filename).parent
PATIENCE = 10


async def push(client, device, *readings):
    """Push readings as a device does, until they are stored; answers what the server had to say."""
    async with client.websocket(f"/devices/{device}") as websocket:
        for reading in readings:
            await websocket.send(reading if isinstance(reading, str) else json.dumps(reading))
        await websocket.send("over")  # no reading: the answer says that the others were read
        answers = []
        while "Expecting value" not in (answer := (await websocket.receive_json())["error"]):
            answers.append(answer)
    await client.app.extensions["feed"].drain()
    return answers


async def upload(client, content, field="file", filename="readings.csv"):
    name = f'name="{field}"' + (f'; filename="{filename}"' if filename else "")
    body = (
        f"--cut\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode()
        + content
        + b"\r\n--cut--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    async with client.request("/import", method="POST", headers=headers) as connection:
        for start in range(0, len(body), 7):  # cut everywhere, within lines and characters
            await connection.send(body[start : start + 7])
        await connection.send_complete()
        return await connection.as_response()


def as_rows(message):
    return [(device, at, value) for device, at, value, _ in message["readings"]]


# Devices


async def test_readings_of_devices_are_kept_over_a_restart(serve):
    async with serve() as (_, client):
        assert (
            await push(client, "attic", {"at": 1000, "value": 20}, {"at": 2000, "value": 21.5})
            == []
        )
        assert await push(client, "cellar", {"at": "1970-01-01T00:00:01.5Z", "value": "12"}) == []
    async with serve() as (_, client):
        answer = await (await client.get("/api/devices")).get_json()
        assert answer["devices"] == [
            {"device": "attic", "count": 2, "at": 2000, "value": 21.5, "connected": False},
            {"device": "cellar", "count": 1, "at": 1500, "value": 12.0, "connected": False},
        ]
        answer = await (await client.get("/api/readings")).get_json()
        times = [(reading["device"], reading["at"]) for reading in answer["readings"]]
        assert times == [("attic", 1000), ("cellar", 1500), ("attic", 2000)]


async def test_device_is_told_what_is_wrong_and_stays_connected(serve):
    wrong = [
        "[1]",
        {"at": 1},
        {"at": "soon", "value": 1},
        {"at": 1, "value": "NaN"},
        {"at": -1, "value": 1},
    ]
    async with serve() as (_, client):
        answers = await push(client, "attic", *map(json.dumps, wrong), {"at": 1, "value": 2})
        for answer, part in zip(
            answers, ["an object", "no number", "no time", "finite", "1970"], strict=True
        ):
            assert part in answer
        answer = await (await client.get("/api/devices")).get_json()
        assert [device["count"] for device in answer["devices"]] == [1]


async def test_connected_devices_are_known(serve):
    async with serve() as (_, client):
        await push(client, "attic", {"at": 1, "value": 2})
        async with client.websocket("/devices/attic"):
            answer = await (await client.get("/api/devices")).get_json()
            assert answer["devices"][0]["connected"] is True


@pytest.mark.parametrize("device", ["", "a b", "x" * 33, "ä"])
def test_names_of_devices_are_simple(device):
    with pytest.raises(ValueError, match="is no device"):
        parse_reading(device, 1, 1)


def test_true_is_no_number():
    with pytest.raises(ValueError, match="no finite number"):
        parse_reading("attic", 1, True)


# History


async def test_history_is_asked_for_by_device_time_and_number(serve):
    async with serve() as (_, client):
        await push(client, "attic", *({"at": at, "value": at} for at in range(1, 11)))
        await push(client, "cellar", {"at": 5, "value": 0})

        async def ask(query):
            answer = await (await client.get(f"/api/readings?{query}")).get_json()
            return [reading["at"] for reading in answer["readings"]]

        assert await ask("device=attic&since=4&limit=3") == [8, 9, 10]
        assert await ask("device=attic&since=9") == [9, 10]
        assert await ask("device=cellar") == [5]
        assert await ask("device=nobody") == []


@pytest.mark.parametrize("limit", [0, 5001])
async def test_history_has_a_limit(serve, limit):
    async with serve() as (_, client):
        response = await client.get(f"/api/readings?limit={limit}")
        assert response.status_code == 400
        assert "between 1 and 5000" in (await response.get_json())["error"]


# Live


async def test_browser_gets_what_it_missed_and_then_what_comes(serve):
    async with serve() as (_, client):
        await push(client, "attic", *({"at": at, "value": at} for at in (1, 2, 3)))
        async with client.websocket("/live?after=1") as browser:
            assert as_rows(await browser.receive_json()) == [("attic", 2, 2), ("attic", 3, 3)]
            await push(client, "attic", {"at": 4, "value": 4})
            assert as_rows(await browser.receive_json()) == [("attic", 4, 4)]


async def test_browser_that_asks_for_nothing_missed_gets_what_comes(serve):
    async with serve() as (_, client):
        await push(client, "attic", {"at": 1, "value": 1})
        async with client.websocket("/live") as browser:
            await browser.wait_accepted()
            await push(client, "attic", {"at": 2, "value": 2})
            assert as_rows(await browser.receive_json()) == [("attic", 2, 2)]


async def test_event_stream_says_the_same_and_resumes(serve):
    async with serve() as (_, client):
        await push(client, "attic", {"at": 1, "value": 1}, {"at": 2, "value": 2})
        async with client.sse("/events?after=1") as events:
            first = await anext(events)
            assert as_rows(first.json()) == [("attic", 2, 2)]
        await push(client, "attic", {"at": 3, "value": 3})
        async with client.sse("/events?after=1", headers={"Last-Event-ID": first.id}) as events:
            assert as_rows((await anext(events)).json()) == [("attic", 3, 3)]


async def test_event_stream_begins_before_there_is_anything_to_tell(serve):
    async with serve() as (_, client), client.sse("/events") as events:
        async with asyncio.timeout(PATIENCE):
            while events.connection.status_code is None:
                await asyncio.sleep(0)
        assert events.connection.status_code == 200


async def test_slow_browser_loses_the_oldest_and_nobody_waits_for_it(serve):
    async with serve(WAITING=3) as (_, client):
        async with client.websocket("/live") as slow:
            await slow.wait_accepted()
            slow.send_ahead = 1  # from now on it takes one message, and then reads no more
            for at in range(1, 21):
                await push(client, "attic", {"at": at, "value": at})
                await asyncio.sleep(0)
            seen = [await slow.receive_json()]
            while as_rows(seen[-1])[-1][1] < 20:
                seen.append(await slow.receive_json())
            received = [row for message in seen for row in as_rows(message)]
            assert len(received) + sum(message["lost"] for message in seen) == 20
            assert received[-3:] == [("attic", at, at) for at in (18, 19, 20)]
            assert seen[-1]["lost"] > 0


async def test_hub_counts_what_a_subscriber_lost():
    hub = Hub(limit=3)
    with hub.subscribe() as subscription, hub.subscribe() as quick:
        hub.publish([Reading("a", at, 0, at) for at in (1, 2)])
        assert [reading.at for reading in (await quick.next()).readings] == [1, 2]
        hub.publish([Reading("a", at, 0, at) for at in (3, 4)])
        assert [reading.at for reading in (await quick.next()).readings] == [3, 4]
        batch = await subscription.next()
        assert ([reading.at for reading in batch.readings], batch.lost) == ([2, 3, 4], 1)
        hub.publish([Reading("a", 5, 0, 5)])
        assert (await subscription.next()).lost == 0
    hub.publish([Reading("a", 6, 0, 6)])  # to nobody


async def test_devices_wait_while_too_many_readings_wait(database, monkeypatch):
    monkeypatch.setattr("dashboard.feed.QUEUE_SIZE", 2)
    async with open_store(database) as store:
        feed = Feed(store, Hub(10))
        for at in (1, 2):
            await feed.put(Reading("attic", at, 0))
        third = asyncio.create_task(feed.put(Reading("attic", 3, 0)))
        await asyncio.sleep(0)
        assert not third.done()
        storing = asyncio.create_task(feed.store_what_waits())
        await third
        await feed.drain()
        storing.cancel()
        assert len(await store.latest(None, 0, 10)) == 3


async def test_a_batch_that_cannot_be_stored_is_logged_and_the_next_one_is(serve, database, caplog):
    async with serve() as (app, client):
        with sqlite3.connect(database) as other:
            schema = other.execute(
                "SELECT sql FROM sqlite_master WHERE name = 'readings'"
            ).fetchone()[0]
            other.execute("DROP TABLE readings")
            other.commit()
            await push(client, "attic", {"at": 1, "value": 1})
            assert "1 readings could not be stored" in caplog.text
            other.execute(schema)
            other.commit()
        other.close()
        await push(client, "attic", {"at": 2, "value": 2})
        assert len(await app.extensions["feed"].store.latest(None, 0, 10)) == 1


async def test_insert_that_is_cancelled_anywhere_leaves_the_store_usable(database):
    async with open_store(database) as store:
        for turns in range(12):
            task = asyncio.create_task(store.insert([Reading("attic", turns, 0)]))
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            task.cancel()
            await asyncio.wait({task})
            [new] = await store.insert([Reading("cellar", turns, 1)])
            assert new.device == "cellar"


# Files

CSV = (
    b"\xef\xbb\xbfDevice,at,value\r\n"
    b'attic,1000,20.5\r\n"attic",2000, 21\n\n'
    b"cellar,2031-05-17T12:00:00+02:00,12\n"
    b"attic,1000,99\n"
    b"attic,3000\n"
    b"k\xc3\xbcche,1,1\n"
    b'attic,"1\n'
    b"attic,4000,warm"
)


async def test_file_is_imported_line_by_line(serve):
    async with serve() as (_, client):
        response = await upload(client, CSV)
        report = await response.get_json()
        assert (report["imported"], report["duplicates"], report["rejected"]) == (3, 1, 4)
        assert [error["line"] for error in report["errors"]] == [7, 8, 9, 10]
        assert "2 fields and not 3" in report["errors"][0]["error"]
        assert "küche" in report["errors"][1]["error"]
        assert "'warm' is no number" in report["errors"][3]["error"]
        answer = await (await client.get("/api/readings?device=cellar")).get_json()
        assert (
            answer["readings"][0]["at"] == datetime(2031, 5, 17, 10, tzinfo=UTC).timestamp() * 1000
        )


async def test_nothing_is_imported_twice(serve):
    async with serve() as (_, client):
        first = await (await upload(client, CSV)).get_json()
        again = await (await upload(client, CSV)).get_json()
        assert (again["imported"], again["duplicates"]) == (
            0,
            first["imported"] + first["duplicates"],
        )


async def test_download_is_a_file_to_import(serve, database, tmp_path):
    lines = b"device,at,value\n" + b"".join(b"attic,%d,%d.5\n" % (at, at) for at in range(1200))
    async with serve() as (_, client):
        report = await (await upload(client, lines)).get_json()
        assert report["imported"] == 1200
        response = await client.get("/export.csv")
        assert response.content_type == "text/csv; charset=utf-8"
        downloaded = await response.get_data()
        assert downloaded == lines
        report = await (await upload(client, downloaded)).get_json()
        assert (report["imported"], report["duplicates"]) == (0, 1200)
    async with serve(DATABASE=str(tmp_path / "other.sqlite3")) as (_, client):
        assert (await (await upload(client, downloaded)).get_json())["imported"] == 1200


async def test_imported_readings_are_live_too(serve):
    async with serve() as (_, client), client.websocket("/live") as browser:
        await browser.wait_accepted()
        await upload(client, b"device,at,value\nattic,1,2\n")
        assert as_rows(await browser.receive_json()) == [("attic", 1, 2)]


async def test_only_so_many_errors_are_told(serve):
    async with serve() as (_, client):
        report = await (await upload(client, b"device,at,value\n" + b"x\n" * 100)).get_json()
        assert (report["rejected"], len(report["errors"])) == (100, 20)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The file is empty."),
        (b"time;temperature\n1;2\n", "The first line must be"),
        (b"device,at,value\n" + b"x" * 2000, "more than 1000 characters"),
    ],
)
async def test_file_that_is_no_such_csv_is_refused(serve, content, problem):
    async with serve() as (_, client):
        response = await upload(client, content)
        assert response.status_code == 400
        assert problem in (await response.get_json())["error"]


async def test_form_without_a_file_is_refused(serve):
    async with serve() as (_, client):
        response = await upload(client, CSV, filename=None)
        assert response.status_code == 400
        assert "no file" in (await response.get_json())["error"]


# The page


async def test_page_needs_nothing_from_elsewhere(serve):
    async with serve() as (_, client):
        response = await client.get("/")
        assert response.headers["Content-Security-Policy"] == "default-src 'self'"
        page = await response.get_data(as_text=True)
        for url in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
            found = await client.get(url)
            assert found.status_code == 200
    for file in [*FOLDER.glob("static/*"), *FOLDER.glob("templates/*")]:
        urls = re.findall(
            r"\w+://[^\s\"'`]+", file.read_text().replace("http://www.w3.org/2000/svg", "")
        )
        assert urls == [], file


async def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("DASHBOARD_WAITING", "7")
    assert create_app().config["WAITING"] == 7
