"""Pottle: an asynchronous web microframework with Flask's API.

HTTP, WebSockets and server-sent events in one application, on any ASGI server. This module holds
the public names and nothing else; templates, servers and the command line load when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from markupsafe import Markup, escape

from .app import Pottle
from .blueprints import Blueprint
from .config import Config
from .ctx import (
    after_this_request,
    after_this_websocket,
    copy_current_app_context,
    copy_current_request_context,
    copy_current_websocket_context,
    has_app_context,
    has_request_context,
    has_websocket_context,
)
from .errors import ClientDisconnected, PeerDisconnected, PottleError, WebsocketDisconnect
from .globals import app_ctx, g, request, session, websocket
from .globals import current_app as _current_app
from .helpers import (
    abort,
    flash,
    get_flashed_messages,
    get_template_attribute,
    make_push_promise,
    make_response,
    redirect,
    send_file,
    send_from_directory,
    stream_with_context,
    url_for,
)
from .json import jsonify
from .realtime import EventStream, ServerSentEvent
from .signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    got_background_exception,
    got_request_exception,
    got_serving_exception,
    got_websocket_exception,
    message_flashed,
    request_finished,
    request_started,
    request_tearing_down,
    signals_available,
    template_rendered,
    websocket_finished,
    websocket_received,
    websocket_sent,
    websocket_started,
    websocket_tearing_down,
)
from .sync import await_sync, run_sync
from .typing import ResponseReturnValue
from .wrappers import Request, Response, Websocket

if TYPE_CHECKING:
    from .templating import (
        render_template,
        render_template_string,
        stream_template,
        stream_template_string,
    )

__version__ = "0.1.0"

current_app = cast(Pottle, _current_app)

__all__ = [
    "Blueprint",
    "ClientDisconnected",
    "Config",
    "EventStream",
    "Markup",
    "PeerDisconnected",
    "Pottle",
    "PottleError",
    "Request",
    "Response",
    "ResponseReturnValue",
    "ServerSentEvent",
    "Websocket",
    "WebsocketDisconnect",
    "abort",
    "after_this_request",
    "after_this_websocket",
    "app_ctx",
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "await_sync",
    "before_render_template",
    "copy_current_app_context",
    "copy_current_request_context",
    "copy_current_websocket_context",
    "current_app",
    "escape",
    "flash",
    "g",
    "get_flashed_messages",
    "get_template_attribute",
    "got_background_exception",
    "got_request_exception",
    "got_serving_exception",
    "got_websocket_exception",
    "has_app_context",
    "has_request_context",
    "has_websocket_context",
    "jsonify",
    "make_push_promise",
    "make_response",
    "message_flashed",
    "redirect",
    "render_template",
    "render_template_string",
    "request",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "run_sync",
    "send_file",
    "send_from_directory",
    "session",
    "signals_available",
    "stream_template",
    "stream_template_string",
    "stream_with_context",
    "template_rendered",
    "url_for",
    "websocket",
    "websocket_finished",
    "websocket_received",
    "websocket_sent",
    "websocket_started",
    "websocket_tearing_down",
]

_TEMPLATING = frozenset(
    name for name in __all__ if "_template" in name and name[:3] in {"ren", "str"}
)


def __getattr__(name: str) -> Any:
    if name in _TEMPLATING:
        from . import templating

        return getattr(templating, name)
    raise AttributeError(f"module 'pottle' has no attribute {name!r}")
