"""The end of what was said in all rooms, in the order of ids. It decides what is new."""

from __future__ import annotations

from collections import deque
from itertools import islice, takewhile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .messages import Id, Message

KEPT = 5000  # messages, over all rooms


class Past(NamedTuple):
    """Messages of one room; *gap* says that there may have been more which are not kept."""

    messages: list[Message]
    gap: bool


class Log:
    """The last messages. *begin* is an id from which on nothing is missing in it."""

    def __init__(self, begin: Id, kept: int = KEPT) -> None:
        self._begin = begin
        self._kept = kept
        self._messages: deque[Message] = deque()
        self._keys: set[tuple[str, str]] = set()
        self.last = begin

    def add(self, message: Message) -> bool:
        """Take *message* in; False if it is known: by its id, or sent again with the same key."""
        key = (message.draft.room, message.draft.key)
        if message.id <= self.last:
            return False
        self.last = message.id
        if key in self._keys:
            return False
        self._messages.append(message)
        self._keys.add(key)
        if len(self._messages) > self._kept:
            oldest = self._messages.popleft()
            self._begin = oldest.id
            self._keys.discard((oldest.draft.room, oldest.draft.key))
        return True

    def past(self, room: str, after: Id | None, limit: int) -> Past:
        """What was said in *room* after the message *after*; the last *limit* messages if None."""
        if after is None:
            newest = list(islice(self._newest_first(room), limit))
        else:
            newest = list(takewhile(lambda message: message.id > after, self._newest_first(room)))
        return Past(newest[::-1], gap=after is not None and after < self._begin)

    def _newest_first(self, room: str) -> Iterator[Message]:
        return (message for message in reversed(self._messages) if message.draft.room == room)
