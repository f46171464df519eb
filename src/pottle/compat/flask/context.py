"""Flask's face of our context: what `flask.request`, `flask.g` and Flask's own functions look at.

It *is* one of Flask's contexts, by class, and holds nothing itself: every part is that of the context
behind it. Flask up to 3.1 has two kinds of contexts and two variables; here one object is both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import flask
import flask.ctx
import flask.globals

from ...active import current
from ...ctx import AppContext
from ...engine.exchange import Exchange
from ...sync import run_step
from .request import ENVIRON, SHARES, FlaskRequest, request_face

if TYPE_CHECKING:
    from werkzeug.routing import MapAdapter

    _Base = Any
else:
    # `RequestContext` is another name for the same class from Flask 3.2 on, and one that warns.
    _Base = flask.ctx.AppContext
    if "RequestContext" in vars(flask.ctx):

        class _Base(flask.ctx.AppContext, flask.ctx.RequestContext):
            pass


_MISSING: Any = object()
#: Where a context keeps what shows it again.
_AGAIN = "flask_again"
app_variable: ContextVar[Any] = vars(flask.globals)["_cv_app"]
request_variable: ContextVar[Any] | None = vars(flask.globals).get("_cv_request")


class FlaskContext(_Base):  # type: ignore[misc]  # one or two classes, by Flask's version
    """The face of *context* for Flask.

    ``with`` pushes and pops it, from synchronous code, any number of times; with each last pop the
    teardown functions run, as Flask has it.
    """

    def __init__(self, context: AppContext) -> None:
        self.behind = context
        #: What `push` has begun, and `pop` is to end.
        self._pushed: list[Any] = []

    # The parts.

    @property
    def app(self) -> Any:
        return self.behind.app

    @property
    def g(self) -> Any:
        return self.behind.g

    @g.setter
    def g(self, value: Any) -> None:
        self.behind.g = value

    @property
    def has_request(self) -> bool:
        return self.behind.has_request or self.behind.has_websocket

    @property
    def request(self) -> FlaskRequest:
        return request_face(self.behind)

    @property
    def session(self) -> Any:
        return self.behind.session

    @session.setter
    def session(self, value: Any) -> None:
        self.behind.session = value

    @property
    def _session(self) -> Any:
        return self.behind.made_session

    @_session.setter
    def _session(self, value: Any) -> None:
        self.behind.session = value

    @property
    def url_adapter(self) -> MapAdapter | None:
        return self.behind.url_adapter

    @url_adapter.setter
    def url_adapter(self, value: MapAdapter | None) -> None:
        self.behind.url_adapter = value

    @property
    def flashes(self) -> list[tuple[str, str]] | None:
        return self.behind.flashes

    @flashes.setter
    def flashes(self, value: list[tuple[str, str]] | None) -> None:
        self.behind.flashes = value

    _flashes = flashes

    @property
    def _after_request_functions(self) -> list[Callable[..., Any]]:
        context = self.behind
        if context.after_functions is None:
            context.after_functions = []
        context.touched = True
        return context.after_functions

    # Pushing.

    def copy(self) -> FlaskContext:
        return FlaskContext(self.behind.copy())

    def match_request(self) -> None:
        self.behind.match_request()

    def push(self) -> None:
        context = self.behind
        if context.token is None and not isinstance(context, Exchange):
            run_step(context.push())
            self._pushed.append(None)
        else:
            self._pushed.append(Again(context))

    def pop(self, exc: BaseException | None = _MISSING) -> None:
        shown = self._pushed.pop()
        if shown is not None:
            shown.end()
            return
        if exc is _MISSING:
            exc = sys.exc_info()[1]
        end_all_above(self.behind)
        run_step(self.behind.pop(exc))

    def __enter__(self) -> Self:
        self.push()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.pop(exc_value)

    async def __aenter__(self) -> Self:
        await self.behind.push()
        self._pushed.append(None)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pushed.pop()
        await self.behind.pop(exc_value or self.behind.error)

    def __repr__(self) -> str:
        return repr(self.behind)


class Again:
    """A context that is shown once more, until `end`: while it is in use, or after its exchange.

    In the latter case, as when Flask's test client keeps it in a ``with`` statement, what was opened
    since then is torn down again.
    """

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._in_use = current.get(None) is context
        self._token = current.set(context)
        self._shown_again = context.show()
        self._ended = False
        context.__dict__[_AGAIN] = self

    def end(self) -> None:
        """Show what was shown before; the second time nothing happens."""
        if self._ended:
            return
        self._ended = True
        self._context.__dict__.pop(_AGAIN, None)
        try:
            if not self._in_use:
                run_step(self._context.teardown(None))
        finally:
            self._shown_again.end()
            reset(current, self._token)


def end_all_above(context: AppContext) -> None:
    """End what was shown again within *context* and still is, as by a client that is left later."""
    while (top := current.get(None)) is not context and top is not None:
        again: Again | None = top.__dict__.get(_AGAIN)
        if again is None:
            return
        again.end()


def outer_context(context: AppContext) -> AppContext | None:
    """The application context whose `g` the request of *context* uses, and at whose end it is torn down.

    Up to Flask 3.1 a request within an application context takes that one over, so a whole application
    of Flask's may count on it: for what its test client asks and for contexts that are pushed by hand.
    Never for a request that a server has received, whose task may carry the context of another.
    """
    token = context.token
    connected = context.has_request or context.has_websocket
    if request_variable is None or token is None or not connected:
        return None
    if not isinstance(context.app, flask.Flask):
        return None
    if isinstance(context, Exchange) and SHARES not in context.scope.get(ENVIRON, {}):
        return None
    outer = token.old_value
    if isinstance(outer, AppContext) and outer.app is context.app:
        return outer
    return None


def reset(variable: ContextVar[Any], token: Token[Any]) -> None:
    """Reset *variable*; where it was set in another context, to what had stood there before."""
    try:
        variable.reset(token)
    except ValueError:
        if token.old_value is not Token.MISSING:
            variable.set(token.old_value)


def face_of(context: AppContext) -> FlaskContext:
    """The one face of *context*, made at first use. (Flask-SQLAlchemy has a session for each.)"""
    face: FlaskContext | None = context.__dict__.get("flask_face")
    if face is None:
        face = context.__dict__["flask_face"] = FlaskContext(context)
    return face
