"""Devices that are not there: clients that connect as real ones would, over the network."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from typing import NamedTuple

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

PAUSE_BEFORE_RETRY = 0.5  # seconds
MEMORY = 60.0  # seconds that a device remembers its readings for, if it cannot send them


class Device(NamedTuple):
    """What a simulated device measures: a temperature that swings around a mean."""

    name: str
    mean: float
    swing: float
    period: float  # seconds


DEVICES = [
    Device("attic", 27.0, 2.5, 90),
    Device("cellar", 12.5, 0.6, 150),
    Device("greenhouse", 22.0, 3.0, 60),
    Device("workshop", 17.5, 1.5, 110),
]


async def run_devices(url: str, interval: float) -> None:
    """Connect all devices to the dashboard at *url* (``ws://host:port``), until cancelled.

    Each of them sends a reading every *interval* seconds.
    """
    async with asyncio.TaskGroup() as tasks:
        for device in DEVICES:
            tasks.create_task(_run(device, f"{url}/devices/{device.name}", interval))


async def _run(device: Device, url: str, interval: float) -> None:
    noise = 0.0
    count = 0  # readings between 1970 and the one that is to be sent next
    while True:
        count = max(count, math.ceil((time.time() - MEMORY) / interval))
        try:
            async with connect(url, proxy=None) as connection:
                while True:
                    moment = count * interval
                    await asyncio.sleep(max(0.0, moment - time.time()))
                    noise = 0.85 * noise + random.gauss(0, device.swing / 15)
                    swing = device.swing * math.sin(2 * math.pi * moment / device.period)
                    value = round(device.mean + swing + noise, 2)
                    await connection.send(json.dumps({"at": round(moment * 1000), "value": value}))
                    count += 1
        except (OSError, WebSocketException):  # it is not up yet, or is starting anew
            await asyncio.sleep(PAUSE_BEFORE_RETRY)
