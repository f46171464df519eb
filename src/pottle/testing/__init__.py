"""Testing an application in process: clients, lifespan, and a live server for `pytest`.

Nothing is imported before it is asked for, so that the `pytest` plugin costs nothing at start-up.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import LifespanError, TestApp
    from .cli import PottleCliRunner
    from .client import PottleClient
    from .connections import (
        IncompleteResponseError,
        TestHTTPConnection,
        TestWebsocketConnection,
        WebsocketClosed,
        WebsocketResponseError,
    )
    from .cookies import Cookie, CookieJar
    from .events import EventStreamError, ReceivedEvent, TestEventStream
    from .live import LiveServer
    from .utils import (
        make_test_body_with_headers,
        make_test_headers_path_and_query_string,
        make_test_request,
        make_test_scope,
        no_op_push,
        sentinel,
    )

_HOMES = {
    "app": ("LifespanError", "TestApp"),
    "cli": ("PottleCliRunner",),
    "client": ("PottleClient",),
    "connections": (
        "IncompleteResponseError",
        "TestHTTPConnection",
        "TestWebsocketConnection",
        "WebsocketClosed",
        "WebsocketResponseError",
    ),
    "cookies": ("Cookie", "CookieJar"),
    "events": ("EventStreamError", "ReceivedEvent", "TestEventStream"),
    "live": ("LiveServer",),
    "utils": (
        "make_test_body_with_headers",
        "make_test_headers_path_and_query_string",
        "make_test_request",
        "make_test_scope",
        "no_op_push",
        "sentinel",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Cookie",
    "CookieJar",
    "EventStreamError",
    "IncompleteResponseError",
    "LifespanError",
    "LiveServer",
    "PottleCliRunner",
    "PottleClient",
    "ReceivedEvent",
    "TestApp",
    "TestEventStream",
    "TestHTTPConnection",
    "TestWebsocketConnection",
    "WebsocketClosed",
    "WebsocketResponseError",
    "make_test_body_with_headers",
    "make_test_headers_path_and_query_string",
    "make_test_request",
    "make_test_scope",
    "no_op_push",
    "sentinel",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
