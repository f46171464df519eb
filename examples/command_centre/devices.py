"""The devices that are connected, and what is known of each. A device that is idle costs little:
no task, queue or timer of its own, beside the handler that waits for its next message."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pottle import Websocket

SLOWEST_SEND = 5.0  # seconds that a device may take to make room for one message
REPLACED, SILENT, TOO_MUCH = 4000, 4001, 1008  # close codes


class Device:
    """One connection of a device."""

    __slots__ = (
        "_handler",
        "_outbox",
        "_sending",
        "_socket",
        "group",
        "id",
        "messages",
        "seen",
        "state",
    )

    def __init__(self, id: str, group: str, socket: Websocket, handler: asyncio.Task[Any]) -> None:
        self.id = id
        self.group = group
        self.state: dict[str, Any] = {}
        self.seen = time.monotonic()
        self.messages = 0  # since the sweep was here last
        self._socket = socket
        self._handler = handler
        self._outbox: deque[str] | None = None
        self._sending: asyncio.Task[None] | None = None

    def send(self, text: str, limit: int) -> bool:
        """Send *text* without waiting for it. False: too much is waiting for this device already."""
        if self._outbox is None:
            self._outbox = deque()
        if len(self._outbox) >= limit:
            return False
        self._outbox.append(text)
        if self._sending is None:  # a task only while there is something to send
            self._sending = asyncio.create_task(self._empty_outbox(self._outbox))
        return True

    async def _empty_outbox(self, outbox: deque[str]) -> None:
        try:
            while outbox:
                async with asyncio.timeout(SLOWEST_SEND):
                    await self._socket.send(outbox[0])
                outbox.popleft()
            self._outbox = None
        except TimeoutError:
            await self.close(SILENT, "This device does not read.")
        finally:
            if self._sending is asyncio.current_task():
                self._sending = None

    def drop(self, code: int, reason: str) -> None:
        """Close without waiting for it; what was not sent yet is lost."""
        self.stop_sending()
        self._sending = asyncio.create_task(self.close(code, reason))

    async def close(self, code: int, reason: str) -> None:
        """Close. A device that reads nothing does not read this either: its handler is ended."""
        try:
            async with asyncio.timeout(1):
                await self._socket.close(code, reason)
        except TimeoutError:
            self._handler.cancel()

    def stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()

    def row(self) -> dict[str, Any]:
        """What the page and programs are told of it."""
        return {"id": self.id, "group": self.group, "state": self.state}


class Devices:
    """The devices by id. *changed* is called with the id of one that came, changed or went, and
    *lost* with that of one that went."""

    def __init__(self, changed: Callable[[str], None], lost: Callable[[str], None]) -> None:
        self.connected: dict[str, Device] = {}
        self.groups: Counter[str] = Counter()
        self._changed = changed
        self._lost = lost

    def add(self, device: Device) -> None:
        """Take in *device*. An older connection of it is dead, or soon will be: it is closed."""
        if (older := self.connected.get(device.id)) is not None:
            self._forget(older)
            older.drop(REPLACED, "This device has connected again.")
        self.connected[device.id] = device
        self.groups[device.group] += 1
        self._changed(device.id)

    def remove(self, device: Device) -> None:
        """*device* has gone; nothing happens if it was removed before, or has connected again."""
        if self.connected.get(device.id) is device:
            self._forget(device)
            self._changed(device.id)
            self._lost(device.id)

    def _forget(self, device: Device) -> None:
        del self.connected[device.id]
        self.groups[device.group] -= 1
        if not self.groups[device.group]:
            del self.groups[device.group]

    def report(self, device: Device, state: dict[str, Any]) -> None:
        """Note the state that *device* has told."""
        device.state = state
        self._changed(device.id)

    def sweep(self, ping_after: float, silent_after: float, most_messages: int) -> None:
        """Look at all of them once: ping who has been silent, let go who does not answer.

        One loop for all, instead of a timer for each.
        """
        now = time.monotonic()
        for device in list(self.connected.values()):
            silence = now - device.seen
            if silence > silent_after:
                self.remove(device)
                device.drop(SILENT, "No answer to a ping.")
            elif device.messages > most_messages:
                self.remove(device)
                device.drop(TOO_MUCH, "Too many messages.")
            elif silence > ping_after:
                device.send('{"ping":true}', limit=1)
            device.messages = 0
