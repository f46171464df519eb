"""Commands: to whom they went, who has confirmed and carried them out, and who has not in time."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .devices import Device

KEPT = 50  # commands that are remembered when they are finished

#: How a command stands with one device. The first two are not the end of it.
SENT, CONFIRMED = "sent", "confirmed"
DONE, FAILED = "done", "failed"  # as the device says
TIMED_OUT, GONE, BUSY = "timed out", "gone", "busy"  # as we say: busy has not even been sent


class Command:
    """One command to any number of devices, and what has become of it with each of them."""

    def __init__(self, id: int, name: str, to: str, timeout: float) -> None:
        self.id, self.name, self.to = id, name, to
        self.deadline = time.monotonic() + timeout
        self.finished = asyncio.Event()
        self.standing: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()

    def stand(self, device: str, standing: str) -> bool:
        """Note how it stands with *device*; False where it was over with that one, or never sent."""
        before = self.standing.get(device)
        if before not in (SENT, CONFIRMED):
            return False
        self.standing[device] = standing
        self.counts[before] -= 1
        self.counts[standing] += 1
        if not self.open():
            self.finished.set()
        return True

    def open(self) -> int:
        """With how many devices it is not over."""
        return self.counts[SENT] + self.counts[CONFIRMED]

    def summary(self) -> dict[str, Any]:
        counts = {standing: count for standing, count in self.counts.items() if count}
        return {
            "command": self.id,
            "name": self.name,
            "to": self.to,
            "devices": len(self.standing),
            "finished": self.finished.is_set(),
            "counts": counts,
        }

    def details(self) -> dict[str, Any]:
        results = {
            device: {"standing": standing}
            | ({"value": self.values[device]} if device in self.values else {})
            for device, standing in self.standing.items()
        }
        return {**self.summary(), "results": results}


class Commands:
    """The commands by number, the last ones only. *changed* is called with that of one that has."""

    def __init__(self, waiting: int, changed: Callable[[int], None]) -> None:
        self.known: dict[int, Command] = {}
        self._waiting = waiting
        self._changed = changed
        self._last = 0

    def give(
        self, name: str, arguments: Any, to: str, devices: Iterable[Device], timeout: float
    ) -> Command:
        """Send a command to *devices*, which are called *to*. Waits for none of them."""
        self._last += 1
        command = Command(self._last, name, to, timeout)
        text = json.dumps({"command": command.id, "name": name, "arguments": arguments})
        for device in devices:
            standing = SENT if device.send(text, self._waiting) else BUSY
            command.standing[device.id] = standing
            command.counts[standing] += 1
        if not command.open():
            command.finished.set()
        self._forget_old()
        self.known[command.id] = command
        self._changed(command.id)
        return command

    def confirm(self, device: str, id: int) -> None:
        """*device* has received the command *id*, and begins."""
        self._stand(device, id, CONFIRMED)

    def finish(self, device: str, id: int, ok: bool, value: Any) -> None:
        """*device* has carried out the command *id*, or failed to; a result too late is ignored."""
        if self._stand(device, id, DONE if ok else FAILED) and value is not None:
            self.known[id].values[device] = value

    def lose(self, device: str) -> None:
        """*device* has gone, and with it all that it had to do."""
        for command in self._open():
            self._stand(device, command.id, GONE)

    def sweep(self) -> None:
        """End the commands whose time is over."""
        now = time.monotonic()
        for command in self._open():
            if command.deadline <= now:
                for device in command.standing:
                    self._stand(device, command.id, TIMED_OUT)

    def _stand(self, device: str, id: int, standing: str) -> bool:
        command = self.known.get(id)
        if command is None or not command.stand(device, standing):
            return False
        self._changed(id)
        return True

    def _open(self) -> list[Command]:
        return [command for command in self.known.values() if not command.finished.is_set()]

    def _forget_old(self) -> None:
        over = [id for id, command in self.known.items() if command.finished.is_set()]
        for id in over[: max(0, len(over) - KEPT + 1)]:
            del self.known[id]
