"""What the engine asks of the bridge: to show Flask a context, and where an endpoint's code runs.

One `Bridge` belongs to one plan. Where Flask is not imported there is none, and nothing here is loaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, Token
from typing import Any

import flask.sessions

from ...ctx import AppContext
from ...errors import SetupError
from ...sync import step_in_thread
from ...utils import environment, is_async
from .context import app_variable, face_of, outer_context, request_variable, reset
from .request import ENVIRON, PRESERVE, request_face

greenlets: Any
try:
    from . import greenlets
except ImportError:  # greenlet is not installed: threads do what they can
    greenlets = None

#: The values of ``FLASK_SYNC_IN``.
RUNNERS = ("auto", "thread", "greenlet")


class Bridge:
    """The bridge of *app*, by its configuration."""

    def __init__(self, app: Any) -> None:
        self.app = app
        runner = app.config["FLASK_SYNC_IN"] or environment("FLASK_SYNC_IN") or "auto"
        if runner not in RUNNERS:
            raise SetupError(
                f"FLASK_SYNC_IN is {runner!r}. It says where synchronous code runs, and is one of"
                f" {', '.join(map(repr, RUNNERS))}."
            )
        if runner == "greenlet" and greenlets is None:
            raise SetupError(
                "FLASK_SYNC_IN is 'greenlet', but greenlet is not installed. Install it with"
                " `pip install pottle[flask]`."
            )
        self.runner = runner
        #: Whether plain code on the event loop can wait.
        self.has_greenlets = greenlets is not None and runner != "thread"

    def show(self, context: AppContext) -> Shown:
        """Make *context* the current one for Flask, until `Shown.end`."""
        return Shown(context)

    def world(self, view: Callable[..., Any] | None) -> Any:
        """What runs the whole of an exchange whose view is *view* in one place; None: nothing does."""
        if view is None or is_async(view) or self._around_async(view):
            return None  # on the loop, with the hooks in threads
        return greenlets.step_in_greenlet if self.runner == "greenlet" else step_in_thread

    def for_the_caller(self, exchange: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
        """*exchange* for an event loop that serves it alone, called by WSGI.

        The thread of the caller waits for the answer and may as well work for it, as it would with
        Flask, whose code may count on that: plain code runs in it, down to the last piece of a stream.
        """
        return greenlets.step_in_greenlet(exchange) if self.has_greenlets else exchange

    def view(self, view: Callable[..., Any], asynchronous: Callable[..., Any]) -> Any:
        """The coroutine function to call for *view*, which is *asynchronous* without the bridge."""
        if self._around_async(view):
            return greenlets.in_greenlet(view)
        if is_async(view) and self.has_greenlets:
            return greenlets.with_greenlet(asynchronous)
        return asynchronous

    def cancels(self, view: Callable[..., Any]) -> bool:
        """Whether the plain *view* can be cancelled while it waits, as no thread can."""
        return self.runner == "greenlet" or self._around_async(view)

    def _around_async(self, view: Callable[..., Any]) -> bool:
        """Whether *view* is to run in a greenlet for what is inside of it."""
        return self.runner == "auto" and self.has_greenlets and wraps_async(view)

    def connection(self, interface: Any, context: AppContext) -> Any:
        """What a session interface is to read a cookie from: Flask's request, for one of Flask's."""
        if isinstance(interface, flask.sessions.SessionInterface):
            return request_face(context)
        return context.connection


def wraps_async(view: Callable[..., Any]) -> bool:
    """Whether the plain function *view* stands around a coroutine function, as far as can be seen."""
    if is_async(view):
        return False
    inner = inspect.unwrap(view)
    if is_async(inner):
        return True
    view_class = getattr(inner, "view_class", None)
    if view_class is None:
        return False
    return any(
        is_async(getattr(view_class, name, _nothing))
        for name in ("dispatch_request", *map(str.lower, view_class.methods or ()))
    )


def _nothing() -> None:
    pass


class Shown:
    """Flask's variables, set to the face of *context* until `end`."""

    __slots__ = ("_context", "_made", "_reset")

    def __init__(self, context: AppContext) -> None:
        self._context = context
        # Whoever makes the face takes it away again: the two hold each other.
        self._made = "flask_face" not in context.__dict__
        face = face_of(context)
        self._reset: list[tuple[ContextVar[Any], Token[Any]]] = []
        connected = context.has_request or context.has_websocket
        outer = outer_context(context)
        if outer is not None:
            context.g = outer.g
        if outer is None or request_variable is None:
            self._reset.append((app_variable, app_variable.set(face)))
        if connected and request_variable is not None:
            self._reset.append((request_variable, request_variable.set(face)))

    def end(self) -> None:
        """Set the variables back."""
        for variable, token in reversed(self._reset):
            reset(variable, token)
        if self._made:
            face = self._context.__dict__.pop("flask_face")
            environ = getattr(self._context, "scope", {}).get(ENVIRON, {})
            preserve = environ.get(PRESERVE)
            if preserve is not None:  # by Flask's test client, used in a `with` statement
                preserve(face)
