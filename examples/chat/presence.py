"""Who is in which room: in this process, and in others that tell it from time to time."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

#: The names of the people in each room.
Rooms = dict[str, list[str]]


class Report(NamedTuple):
    """What another process said last, and when that was heard."""

    rooms: Rooms
    heard: float


class Presence:
    """Names by room. Somebody with two pages open is there once, until both are closed."""

    def __init__(self) -> None:
        self._local: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._reports: dict[str, Report] = {}

    def enter(self, room: str, name: str) -> None:
        self._local[room][name] += 1

    def leave(self, room: str, name: str) -> None:
        here = self._local[room]
        here[name] -= 1
        if not here[name]:
            del here[name]
        if not here:
            del self._local[room]

    def local(self) -> Rooms:
        """Who is connected to this process; that is what it tells the others."""
        return {room: list(names) for room, names in self._local.items()}

    def learn(self, worker: str, rooms: Rooms, now: float) -> None:
        """Another process has told who is connected to it."""
        self._reports[worker] = Report(rooms, now)

    def excuse(self, now: float) -> None:
        """Nobody could be heard until *now*: silence before that does not count."""
        for worker, report in self._reports.items():
            self._reports[worker] = report._replace(heard=now)

    def forget_silent(self, before: float) -> bool:
        """Drop processes that were not heard since *before*: they died. Says whether there were."""
        silent = [worker for worker, report in self._reports.items() if report.heard < before]
        for worker in silent:
            del self._reports[worker]
        return bool(silent)

    def names(self, room: str) -> set[str]:
        """Everybody who is in *room*, wherever they are connected."""
        found = set(self._local.get(room, ()))
        for report in self._reports.values():
            found.update(report.rooms.get(room, ()))
        return found

    def rooms(self) -> dict[str, int]:
        """How many people are in each room."""
        known = set(self._local).union(*(report.rooms for report in self._reports.values()))
        return {room: len(self.names(room)) for room in sorted(known)}
