"""The two kinds of exchange as data: an HTTP request and a websocket live one life.

What differs is named here: which hooks, which override points of the application, which signals.
"""

from __future__ import annotations

from dataclasses import dataclass

from blinker import NamedSignal

from .. import signals


@dataclass(frozen=True, slots=True)
class Kind:
    """Names of attributes of the application, and the signals, for one kind of exchange."""

    name: str
    # hook tables
    before_funcs: str
    after_funcs: str
    teardown_funcs: str
    # override points, in the order in which an exchange passes them
    make_context: str
    handle: str
    full_dispatch: str
    preprocess: str
    dispatch: str
    finalize: str
    process: str
    handle_exception: str
    # signals
    started: NamedSignal
    finished: NamedSignal
    tearing_down: NamedSignal
    exception: NamedSignal


HTTP = Kind(
    name="request",
    before_funcs="before_request_funcs",
    after_funcs="after_request_funcs",
    teardown_funcs="teardown_request_funcs",
    make_context="request_context",
    handle="handle_request",
    full_dispatch="full_dispatch_request",
    preprocess="preprocess_request",
    dispatch="dispatch_request",
    finalize="finalize_request",
    process="process_response",
    handle_exception="handle_exception",
    started=signals.request_started,
    finished=signals.request_finished,
    tearing_down=signals.request_tearing_down,
    exception=signals.got_request_exception,
)

WEBSOCKET = Kind(
    name="websocket",
    before_funcs="before_websocket_funcs",
    after_funcs="after_websocket_funcs",
    teardown_funcs="teardown_websocket_funcs",
    make_context="websocket_context",
    handle="handle_websocket",
    full_dispatch="full_dispatch_websocket",
    preprocess="preprocess_websocket",
    dispatch="dispatch_websocket",
    finalize="finalize_websocket",
    process="postprocess_websocket",
    handle_exception="handle_websocket_exception",
    started=signals.websocket_started,
    finished=signals.websocket_finished,
    tearing_down=signals.websocket_tearing_down,
    exception=signals.got_websocket_exception,
)

KINDS = (HTTP, WEBSOCKET)

#: Signals of any exchange; a receiver for one of them takes every exchange to the full lane.
CONTEXT_SIGNALS = (
    signals.appcontext_pushed,
    signals.appcontext_popped,
    signals.appcontext_tearing_down,
)
