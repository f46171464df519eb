"""The proxies: names that stand for a part of whatever context is current.

They are werkzeug's `LocalProxy` in every respect (`_get_current_object`, operators, isinstance of
what they stand for); only the reading of an attribute, which is what views do all day, is direct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from werkzeug.local import LocalProxy

from .active import current
from .errors import ContextError

if TYPE_CHECKING:
    from .ctx import AppContext, AppGlobals
    from .sessions import SessionMixin
    from .wrappers import Request, Websocket

_cv_app = current

_OUTSIDE = "{name} was used outside of {a} context: nothing is being handled here. {hint}"
_APP_HINT = "In scripts and tests, work inside `async with app.app_context():`."
_REQUEST_HINT = (
    "It works in views, hooks and what they call; in a task of your own, wrap the function in "
    "copy_current_request_context; in tests use `async with app.test_request_context('/'):`."
)
_WEBSOCKET_HINT = (
    "It works in websocket handlers and what they call; in a task of your own, wrap the function "
    "in copy_current_websocket_context."
)


def _outside(name: str, kind: str, hint: str) -> ContextError:
    a = f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
    return ContextError(_OUTSIDE.format(name=name, a=a, hint=hint))


def _current_app_context() -> Any:
    try:
        return current.get()
    except LookupError:
        raise _outside("app_ctx", "app", _APP_HINT) from None


def _current_app() -> Any:
    try:
        return current.get().app
    except LookupError:
        raise _outside("current_app", "app", _APP_HINT) from None


def _current_g() -> Any:
    try:
        return current.get().g
    except LookupError:
        raise _outside("g", "app", _APP_HINT) from None


def _current_request() -> Any:
    try:
        return current.get().request
    except LookupError:
        raise _outside("request", "request", _REQUEST_HINT) from None


def _current_websocket() -> Any:
    try:
        return current.get().websocket
    except LookupError:
        raise _outside("websocket", "websocket", _WEBSOCKET_HINT) from None


def _current_session() -> Any:
    try:
        return current.get().session
    except LookupError:
        raise _outside("session", "request", _REQUEST_HINT) from None


# PERF: one class per proxy, because `LocalProxy.__getattr__` takes four calls where one does.


class _RequestProxy(LocalProxy[Any]):
    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        context = current.get(None)
        return getattr((context and context.made_request) or _current_request(), name)


class _WebsocketProxy(LocalProxy[Any]):
    __slots__ = ()

    # What is called for every message.

    def send(self, data: str | bytes) -> Any:
        context = current.get(None)
        return ((context and context.made_websocket) or _current_websocket()).send(data)

    def receive(self) -> Any:
        context = current.get(None)
        return ((context and context.made_websocket) or _current_websocket()).receive()

    def __getattr__(self, name: str) -> Any:
        context = current.get(None)
        return getattr((context and context.made_websocket) or _current_websocket(), name)


class _AppProxy(LocalProxy[Any]):
    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        context = current.get(None)
        return getattr(_current_app() if context is None else context.app, name)


class _NamespaceProxy(LocalProxy[Any]):
    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(_current_g(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_current_g(), name, value)


class _SessionProxy(LocalProxy[Any]):
    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(_current_session(), name)

    def __getitem__(self, key: str) -> Any:
        return _current_session()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        _current_session()[key] = value

    def __contains__(self, key: object) -> bool:
        return key in _current_session()


for _class in (_AppProxy, _NamespaceProxy, _RequestProxy, _SessionProxy, _WebsocketProxy):
    _class.__name__ = LocalProxy.__name__  # what `repr` says where nothing is current

app_ctx = cast("AppContext", LocalProxy(_current_app_context))
#: `pottle.current_app` is this proxy, typed as the application class, which lives above.
current_app: Any = _AppProxy(_current_app)
g = cast("AppGlobals", _NamespaceProxy(_current_g))
request = cast("Request", _RequestProxy(_current_request))
websocket = cast("Websocket", _WebsocketProxy(_current_websocket))
session = cast("SessionMixin", _SessionProxy(_current_session))
