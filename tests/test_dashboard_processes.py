"""The example dashboard over the network: simulated devices, and how its process ends."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from dashboard.app import create_app
from dashboard.simulate import DEVICES, run_devices
from pottle.testing.live import LiveServer
from processes import POTTLE, served

ROOT = Path(__file__).parents[1]
PATIENCE = 10


@pytest.fixture
def database(tmp_path):
    return str(tmp_path / "folder" / "readings.sqlite3")


@contextmanager
def events_of(url, **params):
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        with client.stream("GET", url, params=params) as response:
            yield (
                json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: ")
            )


def test_simulated_devices_come_in_by_the_network(database, unused_tcp_port):
    app = create_app(
        {"DATABASE": database, "SIMULATE": f"ws://127.0.0.1:{unused_tcp_port}", "INTERVAL": 0.01}
    )
    with LiveServer(app, port=unused_tcp_port) as server:
        with events_of(server.url("/events"), after=0) as events:
            seen = set()
            for message in events:
                seen.update(device for device, *_ in message["readings"])
                if len(seen) == len(DEVICES):
                    break
    assert seen == {device.name for device in DEVICES}


async def test_simulated_devices_come_back(database, unused_tcp_port, monkeypatch):
    monkeypatch.setattr("dashboard.simulate.PAUSE_BEFORE_RETRY", 0.01)
    app = create_app({"DATABASE": database})
    url = f"http://127.0.0.1:{unused_tcp_port}/api/devices"
    running = asyncio.create_task(run_devices(f"ws://127.0.0.1:{unused_tcp_port}", 0.01))
    try:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                httpx.AsyncClient(trust_env=False, timeout=PATIENCE)
            )
            before = -1
            for _ in range(2):
                server = LiveServer(app, port=unused_tcp_port)
                await asyncio.to_thread(server.start)
                try:
                    async with asyncio.timeout(PATIENCE):
                        while True:
                            devices = (await client.get(url)).json()["devices"]
                            count = sum(device["count"] for device in devices)
                            if count > before and len(devices) == len(DEVICES):
                                break
                    before = count + 10
                finally:
                    await asyncio.to_thread(server.stop)
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_it_ends_at_once_while_devices_and_browsers_are_connected(database, unused_tcp_port):
    port = str(unused_tcp_port)
    command = (*POTTLE, "--app", "examples/dashboard/app.py", "serve", "--port", port)
    env = {
        "DASHBOARD_DATABASE": database,
        "DASHBOARD_SIMULATE": f"ws://127.0.0.1:{port}",
        "DASHBOARD_INTERVAL": "0.05",
    }
    with served(*command, cwd=ROOT, env=env) as process:
        url = process.ready().url
        async with (
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client,
            client.stream("GET", f"{url}/events") as events,
            connect(f"ws://127.0.0.1:{port}/live", proxy=None) as browser,
        ):
            lines = events.aiter_lines()
            while not (await anext(lines)).startswith("data: "):
                pass
            await browser.recv()
            process.send(signal.SIGTERM)
            async for _ in lines:
                pass  # the stream is ended properly, or this would raise
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await browser.recv()
            assert closed.value.rcvd.code == 1012
        assert process.end() == 0
    assert "Traceback" not in process.text
