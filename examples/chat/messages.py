"""What is said: messages, their ids, and the rules for names, rooms and texts. No network here."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, cast

LONGEST_TEXT = 2000  # characters
LONGEST_NAME = 24
ROOM = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
KEY = re.compile(r"[A-Za-z0-9-]{1,40}")


class Id(NamedTuple):
    """Counts up over all rooms: milliseconds since 1970, then a number within the millisecond.

    Time is in it so that ids go on counting up after a restart. Redis makes ids of the same kind.
    """

    at: int
    number: int

    def __str__(self) -> str:
        return f"{self.at}-{self.number}"


START = Id(0, 0)


class Draft(NamedTuple):
    """A message that has no id yet. The *key* was made up by its sender: who is not sure whether
    a message arrived sends it again, with the same key, and it is shown once all the same."""

    room: str
    name: str
    text: str
    key: str


class RefusedError(ValueError):
    """A message that cannot be taken; *key* is its own, where it has a proper one."""

    def __init__(self, problem: str, key: str | None = None) -> None:
        super().__init__(problem)
        self.key = key


class Message(NamedTuple):
    """A message as all see it."""

    id: Id
    draft: Draft

    def as_json(self) -> dict[str, Any]:
        return {
            "type": "message",
            "id": str(self.id),
            "at": self.id.at,
            "name": self.draft.name,
            "text": self.draft.text,
            "key": self.draft.key,
        }


def parse_id(text: str) -> Id:
    """The id that *text* stands for. Raises `ValueError`."""
    at, _, number = text.partition("-")
    if not (at.isdecimal() and number.isdecimal() and len(text) < 40):
        raise ValueError(f"{text[:40]!r} is no id of a message.")
    return Id(int(at), int(number))


def parse_room(text: str) -> str:
    """The name of a room. Raises `ValueError` with a message for whoever sent it."""
    if not ROOM.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no room: use 1 to 30 small letters, digits and dashes.")
    return text


def parse_name(text: str) -> str:
    """The name of a person. Raises `ValueError` with a message for whoever sent it."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise ValueError(f"{name[:40]!r} is no name: use 1 to {LONGEST_NAME} characters.")
    return name


def parse_draft(data: str | bytes, room: str, name: str) -> Draft:
    """What the client sent: ``{"text": ..., "key": ...}``. Raises `RefusedError`."""
    try:
        content: Any = json.loads(data)
    except ValueError as error:
        raise RefusedError(f"This is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise RefusedError('A message is an object such as {"text": "hello", "key": "1"}.')
    said = cast(dict[str, Any], content)
    text, key = said.get("text"), said.get("key")
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise RefusedError("The key of a message has 1 to 40 letters, digits and dashes.")
    if not isinstance(text, str) or not text.strip():
        raise RefusedError("The message is empty.", key)
    if len(text) > LONGEST_TEXT:
        raise RefusedError(
            f"A message has at most {LONGEST_TEXT} characters, not {len(text)}.", key
        )
    return Draft(room, name, text.strip(), key)
