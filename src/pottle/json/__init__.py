"""JSON as the active application writes and reads it; plain JSON where no application is active.

Nothing but the choice of the provider happens here.
"""

from __future__ import annotations

import json as plain
from typing import IO, Any

from ..active import current
from ..errors import ContextError
from .provider import JSONProvider, default


def _provider() -> JSONProvider | None:
    context = current.get(None)
    return None if context is None else context.app.json


def dumps(obj: Any, **kwargs: Any) -> str:
    """*obj* as JSON text: by the application's provider, or by `json.dumps` where none is active."""
    if (provider := _provider()) is not None:
        return provider.dumps(obj, **kwargs)
    kwargs.setdefault("default", default)
    return plain.dumps(obj, **kwargs)


def dump(obj: Any, fp: IO[str], **kwargs: Any) -> None:
    """Write *obj* as JSON to the text file *fp*, as `dumps` would put it."""
    if (provider := _provider()) is not None:
        provider.dump(obj, fp, **kwargs)
    else:
        kwargs.setdefault("default", default)
        plain.dump(obj, fp, **kwargs)


def loads(s: str | bytes, **kwargs: Any) -> Any:
    """The value that the JSON *s* (text, or bytes in UTF-8) stands for."""
    context = current.get(None)
    if context is None:
        return plain.loads(s, **kwargs)
    return context.app.json.loads(s, **kwargs)


def load(fp: IO[Any], **kwargs: Any) -> Any:
    """The value that the JSON in the file *fp* stands for."""
    if (provider := _provider()) is not None:
        return provider.load(fp, **kwargs)
    return plain.load(fp, **kwargs)


def jsonify(*args: Any, **kwargs: Any) -> Any:
    """A response with the arguments as JSON, made by the active application's provider.

    One positional argument stands for itself, several for a list, keyword arguments for a
    dictionary and none for null. Raises `ContextError` where no application is active. (The result
    is the application's `response_class`, which this layer does not know, hence `Any`.)
    """
    provider = _provider()
    if provider is None:
        raise ContextError(
            "jsonify() makes a response of the active application, and none is active here. Call it"
            " while a request is handled, or within `async with app.app_context()`."
        )
    return provider.response(*args, **kwargs)
