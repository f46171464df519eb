"""Devices that are not there: clients that connect as real ones would, over the network."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from .tokens import make_token

GROUPS = ["lamps", "pumps", "sensors", "valves"]
AT_ONCE = 50  # handshakes in progress
LONGEST_PAUSE = 10.0  # seconds before a device connects again


async def run_devices(url: str, secret: str, count: int, interval: float = 10.0) -> None:
    """Connect *count* devices to the centre at *url* (``ws://host:port``), until cancelled.

    Each of them reports its state every *interval* seconds, and does what it is told.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            group = GROUPS[number % len(GROUPS)]
            id = f"{group[:-1]}-{number // len(GROUPS) + 1:04}"
            tasks.create_task(_run(f"{url}/devices/{id}?group={group}", id, secret, interval, gate))


async def run_devices_until(stop: asyncio.Event, url: str, secret: str, count: int) -> None:
    """Connect devices as `run_devices` does, until *stop* is set."""
    running = asyncio.create_task(run_devices(url, secret, count))
    await stop.wait()
    running.cancel()
    await asyncio.wait({running})


async def _run(url: str, id: str, secret: str, interval: float, gate: asyncio.Semaphore) -> None:
    headers = {"Authorization": f"Bearer {make_token(secret, id)}"}
    pause = 0.5
    while True:
        try:
            async with gate:
                connection = await connect(
                    url,
                    additional_headers=headers,
                    compression=None,
                    proxy=None,
                    ping_interval=None,
                )
            async with connection:
                pause = 0.5
                await _work(connection, interval)
        except (OSError, WebSocketException):  # the server is not up yet, or is starting anew
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE)


async def _work(connection: ClientConnection, interval: float) -> None:
    state: dict[str, Any] = {"on": False, "temperature": 20.0}
    report_in = random.uniform(0, min(interval, 2.0))  # so that not all report in the same moment
    while True:
        try:
            async with asyncio.timeout(report_in):
                message = json.loads(await connection.recv())
        except TimeoutError:
            state["temperature"] = round(20 + random.gauss(0, 2), 1)
            await connection.send(json.dumps({"state": state}))
            report_in = interval
            continue
        if "ping" in message:
            await connection.send('{"pong":true}')
        elif "command" in message:
            await _obey(connection, message, state)


async def _obey(connection: ClientConnection, order: dict[str, Any], state: dict[str, Any]) -> None:
    """Carry a command out: `on`, `off` and `status` are known; some devices are slow at it."""
    id, name = order["command"], order["name"]
    await connection.send(json.dumps({"confirm": id}))
    await asyncio.sleep(random.uniform(0, 0.5))
    if name in ("on", "off"):
        state["on"] = name == "on"
        await connection.send(json.dumps({"state": state}))
    known = name in ("on", "off", "status")
    value = state if known else f"unknown command {name}"
    await connection.send(json.dumps({"result": id, "ok": known, "value": value}))
