"""The signals, on blinker. Connecting a receiver makes every plan look again.

A plan knows which signals have receivers, so that a signal without any costs a request nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from blinker import ANY, NamedSignal, Namespace

from .active import changed

F = TypeVar("F", bound=Callable[..., Any])


class WatchedSignal(NamedSignal):
    """A blinker signal that tells the plans when a receiver comes or goes."""

    def connect(self, receiver: F, sender: Any = ANY, weak: bool = True) -> F:
        result = super().connect(receiver, sender, weak)
        changed()
        return result

    def disconnect(self, receiver: Callable[..., Any], sender: Any = ANY) -> None:
        super().disconnect(receiver, sender)
        changed()


class WatchedNamespace(Namespace):
    """A blinker namespace whose signals are watched."""

    def signal(self, name: str, doc: str | None = None) -> NamedSignal:
        return self.setdefault(name, WatchedSignal(name, doc))


signals_available = True

_signals = WatchedNamespace()

appcontext_popped = _signals.signal("appcontext-popped")
appcontext_pushed = _signals.signal("appcontext-pushed")
appcontext_tearing_down = _signals.signal("appcontext-tearing-down")
before_render_template = _signals.signal("before-render-template")
got_background_exception = _signals.signal("got-background-exception")
got_request_exception = _signals.signal("got-request-exception")
got_serving_exception = _signals.signal("got-serving-exception")
got_websocket_exception = _signals.signal("got-websocket-exception")
message_flashed = _signals.signal("message-flashed")
request_finished = _signals.signal("request-finished")
request_started = _signals.signal("request-started")
request_tearing_down = _signals.signal("request-tearing-down")
template_rendered = _signals.signal("template-rendered")
websocket_finished = _signals.signal("websocket-finished")
websocket_received = _signals.signal("websocket-received")
websocket_sent = _signals.signal("websocket-sent")
websocket_started = _signals.signal("websocket-started")
websocket_tearing_down = _signals.signal("websocket-tearing-down")
