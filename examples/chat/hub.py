"""The rooms of this process: who is connected, and what each of them is to be told.

Nothing here waits for a client. Each has a queue with an end; who lets it run over is too slow and
is sent away, which is better than a chat with holes: the page connects again and catches up.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .presence import Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .log import Log
    from .messages import Id, Message
    from .presence import Rooms


class TooSlowError(Exception):
    """A client does not read as fast as its room talks."""


class Member:
    """One connection, and what waits to be sent to it."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self._limit = limit
        self._waiting: list[str] = []
        self._arrived = asyncio.Event()

    def put(self, text: str) -> None:
        """Add a message; never waits. What is beyond the limit shows in `next`."""
        if len(self._waiting) <= self._limit:
            self._waiting.append(text)
            self._arrived.set()

    async def next(self) -> list[str]:
        """Wait until something is there, and take all of it. Raises `TooSlowError`."""
        await self._arrived.wait()
        if len(self._waiting) > self._limit:
            raise TooSlowError(f"More than {self._limit} messages are waiting.")
        self._arrived.clear()
        taken, self._waiting = self._waiting, []
        return taken


class Room:
    """The connections to one room, and the names that they were told of."""

    def __init__(self, names: set[str]) -> None:
        self.members: set[Member] = set()
        self.names = names

    def tell(self, **event: Any) -> None:
        """Send *event* to each member; it is encoded once for all of them."""
        text = json.dumps(event)
        for member in self.members:
            member.put(text)


class Hub:
    """The rooms. *waiting* is how many messages wait for a slow client, *shown* how many of the
    past it gets; *changed* is called when somebody comes or goes."""

    def __init__(self, log: Log, waiting: int, shown: int, changed: Callable[[], None]) -> None:
        self.log = log
        self.presence = Presence()
        self.connected = True
        self._rooms: dict[str, Room] = {}
        self._waiting, self._shown, self._changed = waiting, shown, changed

    @contextmanager
    def join(self, room: str, name: str, after: Id | None) -> Generator[Member]:
        """Be in *room* within the block. What was said there after *after* is told first."""
        here = self._rooms.setdefault(room, Room(self.presence.names(room)))
        member = Member(name, self._waiting)
        self.presence.enter(room, name)
        self._refresh(room)
        member.put(json.dumps(self._hello(room, name, after)))
        here.members.add(member)  # no await since the hello: nothing is missed, nothing comes twice
        self._changed()
        try:
            yield member
        finally:
            here.members.remove(member)
            self.presence.leave(room, name)
            if here.members:
                self._refresh(room)
            else:
                del self._rooms[room]
            self._changed()

    def _hello(self, room: str, name: str, after: Id | None) -> dict[str, Any]:
        messages, gap = self.log.past(room, after, self._shown)
        return {
            "type": "hello",
            "worker": os.getpid(),
            "name": name,
            "names": sorted(self.presence.names(room)),
            "connected": self.connected,
            "last": str(self.log.last),
            "gap": gap,
            "messages": [message.as_json() for message in messages],
        }

    # What a broker calls.

    def deliver(self, message: Message) -> None:
        """Take in what was said somewhere, and tell the room if it is new."""
        if self.log.add(message) and (room := self._rooms.get(message.draft.room)) is not None:
            room.tell(**message.as_json())

    def learn(self, worker: str, rooms: Rooms, now: float) -> None:
        """Take in who is connected to another process."""
        self.presence.learn(worker, rooms, now)
        self._refresh(*self._rooms)

    def forget_silent(self, before: float) -> None:
        """Take it that processes not heard since *before* are dead, and their people gone."""
        if self.presence.forget_silent(before):
            self._refresh(*self._rooms)

    def set_connected(self, connected: bool) -> None:
        """Say whether what is said here reaches the other processes."""
        self.connected = connected
        for room in self._rooms.values():
            room.tell(type="broker", connected=connected)

    def _refresh(self, *rooms: str) -> None:
        """Tell each room who has come and who has gone."""
        for name in rooms:
            room, names = self._rooms[name], self.presence.names(name)
            joined, left = sorted(names - room.names), sorted(room.names - names)
            room.names = names
            if joined or left:
                room.tell(type="presence", joined=joined, left=left)
