"""JSON by msgspec, several times as fast as the standard library: the extra ``pottle[msgspec]``.

    app.json = MsgspecProvider(app)

Values that both know are written alike, but for what `docs/responses.md` lists. Nothing else imports this
module, so that msgspec is needed by those who choose it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from msgspec import json
except ImportError as error:
    raise ImportError(
        "pottle.json.msgspec needs msgspec, which is not installed: pip install 'pottle[msgspec]'."
    ) from error

from .provider import App, JSONProvider, default

_decode = json.Decoder().decode
_PLAIN = (str, int, float)


class MsgspecProvider(JSONProvider):
    """A JSON provider that writes and reads with msgspec.

    What msgspec knows by itself (dates and times, `decimal.Decimal`, `uuid.UUID`, enumerations,
    dataclasses, sets, bytes, its own `Struct`) is written its way; the rest goes to `default`.
    """

    #: Called for each value that msgspec does not know: gives one that it does, or raises `TypeError`.
    default: Callable[[Any], Any] = staticmethod(default)

    #: Sort the keys of dictionaries, all of which must be strings then.
    sort_keys: bool = False

    #: Whether responses go without indentation. None means: unless in debug mode.
    compact: bool | None = None

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self._encoders = {
            sort: json.Encoder(enc_hook=self._known, order="sorted" if sort else None)
            for sort in (False, True)
        }

    def dumps(
        self, obj: Any, *, indent: int | None = None, sort_keys: bool | None = None, **kwargs: Any
    ) -> str:
        """*obj* as JSON text, with *indent* spaces for each level if given.

        Raises `TypeError` for a value that has no JSON form, and for arguments other than these two.
        """
        if kwargs:
            raise TypeError(
                f"MsgspecProvider.dumps() takes 'indent' and 'sort_keys', not {', '.join(kwargs)}:"
                " msgspec has nothing like it."
            )
        sort = self.sort_keys if sort_keys is None else sort_keys
        data = self._encoders[sort].encode(obj)
        return (data if indent is None else json.format(data, indent=indent)).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value that the JSON *s* stands for. Raises `ValueError` where it is none."""
        if kwargs:
            raise TypeError(
                f"MsgspecProvider.loads() does not take {', '.join(kwargs)}: msgspec has nothing"
                " like it."
            )
        return _decode(s)

    def encode(self, value: Any) -> bytes:
        """*value* as the body of a response, with a newline at the end."""
        data = self._encoders[self.sort_keys].encode(value)
        compact = not self._app.debug if self.compact is None else self.compact
        return (data if compact else json.format(data, indent=2)) + b"\n"

    def body_encoder(self) -> Callable[[Any], bytes] | None:
        """As the base class; where `encode` is the one above, for the settings of this moment."""
        compact = not self._app.debug if self.compact is None else self.compact
        whole = super().body_encoder()
        if not compact or getattr(whole, "__func__", None) is not _ENCODE:
            return whole
        encode = self._encoders[self.sort_keys].encode

        def line(value: Any) -> bytes:
            return encode(value) + b"\n"

        return line

    def _known(self, value: Any) -> Any:
        for plain in _PLAIN:
            if isinstance(value, plain):  # of a subclass, which msgspec does not take for it
                return plain(value)
        return self.default(value)


# As it is here, to tell what a subclass, an instance or a patch has replaced.
_ENCODE = MsgspecProvider.encode
