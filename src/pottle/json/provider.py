"""How an application writes and reads JSON: the class to subclass, and the one used by default.

Values in, text and bytes out; the application is known only by its response class and by whether
it is in debug mode. Invariant: `encode(value)` is the body that `response(value)` carries.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import uuid
import weakref
from collections.abc import Callable
from datetime import date
from json import encoder
from typing import IO, Any, Protocol

from werkzeug.http import http_date

from ..active import changed
from ..utils import encode_text

#: What a plan has taken over from a provider, and must take over anew when it is assigned.
_PLANNED = frozenset(
    "mimetype response encode _prepare_response_obj dumps default ensure_ascii sort_keys compact".split()
)
#: Reads a document that text begins with.
_read = json.JSONDecoder().raw_decode


class App(Protocol):
    """What a provider needs of its application."""

    @property
    def debug(self) -> bool: ...

    @property
    def response_class(self) -> Callable[..., Any]: ...


def default(value: Any) -> Any:
    """Give the JSON form of a *value* that the standard library does not know.

    Dates and times become HTTP dates (RFC 9110 section 5.6.7), `decimal.Decimal` and `uuid.UUID`
    strings, dataclasses dictionaries, and what has ``__html__`` that text. Anything else is a
    `TypeError`.
    """
    if isinstance(value, date):
        return http_date(value)
    # PERF: who has a decimal has imported its module; few have (bench: import).
    from decimal import Decimal

    if isinstance(value, (Decimal, uuid.UUID)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if (html := getattr(value, "__html__", None)) is not None:
        return str(html())
    if inspect.iscoroutine(value):
        name = value.__qualname__
        value.close()
        raise TypeError(f"{name}() was not awaited: write `await` in front of the call.")
    raise TypeError(
        f"Object of type {type(value).__name__} is not JSON serializable: convert it first, or"
        " let the `default` of the application's JSON provider know it."
    )


class JSONProvider:
    """The JSON operations of an application; a subclass supplies at least `dumps` and `loads`.

    *app* is held weakly, as `_app`. Choose a provider with `app.json_provider_class` or by setting
    `app.json`.
    """

    mimetype = "application/json"  # of what `response` answers with

    def __init__(self, app: App) -> None:
        self._app: App = weakref.proxy(app)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _PLANNED:
            changed()

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """*obj* as JSON text; *kwargs* are for the library underneath."""
        raise NotImplementedError

    def dump(self, obj: Any, fp: IO[str], **kwargs: Any) -> None:
        """Write *obj* as JSON to the text file *fp* (which should be UTF-8)."""
        fp.write(self.dumps(obj, **kwargs))

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value that the JSON *s* (text, or bytes in UTF-8) stands for."""
        raise NotImplementedError

    def load(self, fp: IO[Any], **kwargs: Any) -> Any:
        """The value that the JSON in the file *fp* (text, or binary in UTF-8) stands for."""
        return self.loads(fp.read(), **kwargs)

    def encode(self, value: Any) -> bytes:
        """*value* as the body of a response."""
        return encode_text(self.dumps(value))

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """A response of the application's class with the arguments as JSON.

        One positional argument stands for itself, several for a list, keyword arguments for a
        dictionary and none for null; positional and keyword arguments together are a `TypeError`.
        """
        value = self._prepare_response_obj(args, kwargs)
        return self._app.response_class(self.encode(value), mimetype=self.mimetype)

    def body_encoder(self) -> Callable[[Any], bytes] | None:
        """`encode`, if it makes the body of `response(value)`; None where that is overridden."""
        stock = (
            getattr(self.response, "__func__", None) is _RESPONSE
            and getattr(self._prepare_response_obj, "__func__", None) is _PREPARE
        )
        return self.encode if stock else None

    def _prepare_response_obj(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and kwargs:
            raise TypeError(
                "A JSON response is made of positional or of keyword arguments, not of both:"
                f" got {len(args)} positional and the keywords {', '.join(kwargs)}."
            )
        if len(args) == 1:
            return args[0]
        return args or kwargs or None


class DefaultJSONProvider(JSONProvider):
    """JSON by the standard library, with dates, decimals, UUIDs, dataclasses and ``__html__``."""

    #: Called for each value that is not JSON already: gives one that is, or raises `TypeError`.
    default: Callable[[Any], Any] = staticmethod(default)

    #: Escape everything that is not ASCII.
    ensure_ascii: bool = True

    #: Sort the keys of dictionaries, which then must be of types that compare.
    sort_keys: bool = True

    #: Whether responses go without indentation and spaces. None means: unless in debug mode.
    compact: bool | None = None

    _settings: Any = None
    _encode: Callable[[Any], bytes]

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """*obj* as JSON text; *kwargs* are those of `json.dumps`."""
        kwargs.setdefault("default", self.default)
        kwargs.setdefault("ensure_ascii", self.ensure_ascii)
        kwargs.setdefault("sort_keys", self.sort_keys)
        return json.dumps(obj, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value that the JSON *s* stands for; *kwargs* are those of `json.loads`."""
        if not kwargs:
            # PERF: `json.loads` looks for the encoding and for white space around the document
            # before it reads any, which costs more than reading a small one (bench: echo). It has
            # the last word on whatever is not a document and nothing else.
            try:
                text = s if isinstance(s, str) else s.decode()
                value, end = _read(text)
                if end == len(text):
                    return value
            except ValueError:
                pass
        return json.loads(s, **kwargs)

    def encode(self, value: Any) -> bytes:
        """*value* as the body of a response: by the settings, and with a newline at the end."""
        compact = self.compact
        if compact is None:
            compact = not self._app.debug
        settings = (self.dumps, self.default, self.ensure_ascii, self.sort_keys, compact)
        if settings != self._settings:
            self._encode = self._make_encode(compact)
            self._settings = settings
        return self._encode(value)

    def body_encoder(self) -> Callable[[Any], bytes] | None:
        """As the base class; where `encode` is the one above, for the settings of this moment."""
        encode = super().body_encoder()
        if encode is None or getattr(encode, "__func__", None) is not _ENCODE:
            return encode
        # PERF: the plan is compiled anew when a setting changes, so none is looked at (bench: json)
        return self._make_encode(not self._app.debug if self.compact is None else self.compact)

    def _make_encode(self, compact: bool) -> Callable[[Any], bytes]:
        layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 2}

        def through_dumps(value: Any) -> bytes:
            return encode_text(f"{self.dumps(value, **layout)}\n")

        c_encoder: Any = getattr(encoder, "c_make_encoder", None)
        overridden = getattr(self.dumps, "__func__", None) is not _DUMPS
        if overridden or not compact or c_encoder is None:
            return through_dumps
        # PERF: `json.JSONEncoder.encode` builds this object anew per call, which costs as much as a
        # small document (bench: json). Without the marks that tell a circle from depth, either
        # ends in a RecursionError: the slow way then says which it was.
        text = encoder.encode_basestring_ascii if self.ensure_ascii else encoder.encode_basestring
        chunks = c_encoder(None, self.default, text, None, ":", ",", self.sort_keys, False, True)

        def directly(value: Any) -> bytes:
            try:
                return f"{''.join(chunks(value, 0))}\n".encode()
            except (RecursionError, UnicodeEncodeError):
                return through_dumps(value)

        return directly


# The methods as they are here, to tell what a subclass, an instance or a patch has replaced.
_DUMPS = DefaultJSONProvider.dumps
_ENCODE = DefaultJSONProvider.encode
_RESPONSE = JSONProvider.response
_PREPARE = JSONProvider._prepare_response_obj  # pyright: ignore[reportPrivateUsage] # same module
