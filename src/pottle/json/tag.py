"""JSON that keeps the types of what went in, for session cookies.

A value that JSON has no type for becomes an object of one item, ``{tag: form}``. Invariant: the
text is, byte for byte, what Flask's serializer of the same name writes without an application, so
that either framework reads the other's sessions; tags and their order must not change. As in Quart,
the application's provider has no part in it: what a session reads and writes is always the same.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any, ClassVar, TypeGuard
from uuid import UUID

from markupsafe import Markup
from werkzeug.http import http_date, parse_date

from .provider import default


class JSONTag:
    """One type that is to survive: which values (`check`), their JSON form and the way back.

    A subclass names its `key`; one without a key only prepares what is inside of a value.
    """

    __slots__ = ("serializer",)

    key: str = ""

    def __init__(self, serializer: TaggedJSONSerializer) -> None:
        self.serializer = serializer

    def check(self, value: Any) -> bool:
        """Whether this tag is the one for *value*."""
        raise NotImplementedError

    def to_json(self, value: Any) -> Any:
        """The form of *value* that JSON can hold, without the tag."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        """The value that the form *value* was made from."""
        raise NotImplementedError

    def tag(self, value: Any) -> Any:
        """The form of *value* under its tag."""
        return {self.key: self.to_json(value)}


class TagDict(JSONTag):
    """A dictionary of one item that would be mistaken for a tagged value: its key gets a tail."""

    __slots__ = ()
    key = " di"

    def check(self, value: Any) -> bool:
        return _is_dict(value) and len(value) == 1 and _only(value) in self.serializer.tags

    def to_json(self, value: Any) -> Any:
        key = _only(value)
        return {f"{key}__": self.serializer.tag(value[key])}

    def to_python(self, value: Any) -> Any:
        key = _only(value)
        return {key.removesuffix("__"): value[key]}


class PassDict(JSONTag):
    """Any other dictionary: stays one, its values are tagged."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return _is_dict(value)

    def to_json(self, value: Any) -> Any:
        return {key: self.serializer.tag(item) for key, item in value.items()}

    def tag(self, value: Any) -> Any:
        return self.to_json(value)


class TagTuple(JSONTag):
    """A tuple, as a list."""

    __slots__ = ()
    key = " t"

    def check(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    def to_python(self, value: Any) -> Any:
        return tuple(value)


class PassList(JSONTag):
    """A list: stays one, its items are tagged."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return _is_list(value)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    def tag(self, value: Any) -> Any:
        return self.to_json(value)


class TagBytes(JSONTag):
    """Bytes, in base 64."""

    __slots__ = ()
    key = " b"

    def check(self, value: Any) -> bool:
        return isinstance(value, bytes)

    def to_json(self, value: Any) -> Any:
        return b64encode(value).decode("ascii")

    def to_python(self, value: Any) -> Any:
        return b64decode(value)


class TagMarkup(JSONTag):
    """Whatever has ``__html__``, as that text; it comes back as `markupsafe.Markup`."""

    __slots__ = ()
    key = " m"

    def check(self, value: Any) -> bool:
        return callable(getattr(value, "__html__", None))

    def to_json(self, value: Any) -> Any:
        return str(value.__html__())

    def to_python(self, value: Any) -> Any:
        return Markup(value)  # noqa: S704 - it was markup when it was signed


class TagUUID(JSONTag):
    """A UUID, as 32 hexadecimal digits."""

    __slots__ = ()
    key = " u"

    def check(self, value: Any) -> bool:
        return isinstance(value, UUID)

    def to_json(self, value: Any) -> Any:
        return value.hex

    def to_python(self, value: Any) -> Any:
        return UUID(value)


class TagDateTime(JSONTag):
    """A point in time, as an HTTP date: to the second, in UTC."""

    __slots__ = ()
    key = " d"

    def check(self, value: Any) -> bool:
        return isinstance(value, datetime)

    def to_json(self, value: Any) -> Any:
        return http_date(value)

    def to_python(self, value: Any) -> Any:
        return parse_date(value)


class TaggedJSONSerializer:
    """Writes and reads tagged JSON; `register` teaches it further types.

    `tags` finds a tag by its key; `order` is the order in which values are offered to the tags.
    """

    __slots__ = ("order", "tags")

    default_tags: ClassVar[list[type[JSONTag]]] = [
        TagDict,
        PassDict,
        TagTuple,
        PassList,
        TagBytes,
        TagMarkup,
        TagUUID,
        TagDateTime,
    ]

    def __init__(self) -> None:
        self.tags: dict[str, JSONTag] = {}
        self.order: list[JSONTag] = []
        for tag_class in self.default_tags:
            self.register(tag_class)

    def register(
        self, tag_class: type[JSONTag], force: bool = False, index: int | None = None
    ) -> None:
        """Let *tag_class* take part, at place *index* of the order (None: at its end).

        A tag for a special case of a known type has to come before that type's. A key that is taken
        already is a `KeyError`, unless *force*.
        """
        tag = tag_class(self)
        if tag.key:
            if tag.key in self.tags and not force:
                raise KeyError(
                    f"The tag {tag.key!r} is registered for {type(self.tags[tag.key]).__name__}:"
                    " choose another key, or replace it with force=True."
                )
            self.tags[tag.key] = tag
        self.order.insert(len(self.order) if index is None else index, tag)

    def tag(self, value: Any) -> Any:
        """The form of *value* that JSON can hold: tagged where it has to be."""
        for tag in self.order:
            if tag.check(value):
                return tag.tag(value)
        return value

    def untag(self, value: dict[str, Any]) -> Any:
        """What the object *value* stands for; itself, if it is no tagged value."""
        if len(value) != 1:
            return value
        key = _only(value)
        tag = self.tags.get(key)
        return value if tag is None else tag.to_python(value[key])

    def _untag_deep(self, value: Any) -> Any:
        if _is_dict(value):
            return self.untag({key: self._untag_deep(item) for key, item in value.items()})
        if _is_list(value):
            return [self._untag_deep(item) for item in value]
        return value

    def dumps(self, value: Any) -> str:
        """*value* as compact JSON text, tagged."""
        return json.dumps(self.tag(value), separators=(",", ":"), default=default)

    def loads(self, value: str) -> Any:
        """The value that `dumps` made the text *value* from."""
        return self._untag_deep(json.loads(value))


def _only(value: dict[str, Any]) -> str:
    """The key of a dictionary of one item."""
    return next(iter(value))


def _is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
