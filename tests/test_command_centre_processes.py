"""The example command centre with hundreds of devices, which a process of their own connects."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from processes import POTTLE, run_command, served

ROOT = Path(__file__).parents[1]
APP = (*POTTLE, "--app", "examples/command_centre/app.py")
DEVICES = 400
PATIENCE = 20


@pytest.fixture
def env():
    return {"COMMAND_CENTRE_SECRET": "for tests"}


@contextmanager
def command_centre(env):
    with served(*APP, "serve", "--port", "0", cwd=ROOT, env=env) as process:
        yield process.ready()
        assert process.stop() == 0, process.text
        assert "Traceback" not in process.text


@contextmanager
def simulated(process, env):
    """Devices that connect to the process, and are killed as if their power failed."""
    url = f"ws://127.0.0.1:{process.port}"
    options = ("--devices", str(DEVICES), "--url", url, "--interval", "60")
    with served(*APP, "simulate", *options, cwd=ROOT, env=env) as devices:
        yield devices


async def connected(client, count):
    while (answer := (await client.get("/api/devices")).json())["connected"] != count:
        await asyncio.sleep(0.05)
    return answer


async def command(client, to, name):
    """Give a command and wait for its end."""
    given = await client.post("/api/commands", json={"name": name, "to": to})
    assert given.status_code == 202
    return (await client.get(given.headers["Location"] + "?wait=15")).json()


async def test_hundreds_of_devices_do_what_they_are_told(env):
    with command_centre(env) as process, simulated(process, env) as devices:
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(base_url=process.url) as client:
            answer = await connected(client, DEVICES)
            assert answer["groups"] == dict.fromkeys(
                ("lamps", "pumps", "sensors", "valves"), DEVICES / 4
            )
            answer = await command(client, "all", "on")
            assert answer["counts"] == {"done": DEVICES}
            assert all(each["value"]["on"] is True for each in answer["results"].values())
            answer = await command(client, {"group": "pumps"}, "off")
            assert answer["counts"] == {"done": DEVICES / 4}
            answer = await command(client, {"device": "lamp-0007"}, "explode")
            assert answer["results"] == {
                "lamp-0007": {"standing": "failed", "value": "unknown command explode"}
            }
            devices.send(signal.SIGKILL)
            assert (await connected(client, 0))["groups"] == {}


async def test_a_device_of_ones_own_needs_its_token(env):
    token = run_command(
        "--app", "examples/command_centre/app.py", "token", "mine", cwd=ROOT, env=env
    )
    with command_centre(env) as process:
        url = f"ws://127.0.0.1:{process.port}/devices/mine"
        headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
        async with (
            connect(url, additional_headers=headers, proxy=None),
            httpx.AsyncClient(base_url=process.url) as client,
        ):
            assert (await connected(client, 1))["devices"][0]["id"] == "mine"
        for headers, status in ({}, 401), ({"Authorization": "Bearer x"}, 403):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == status
