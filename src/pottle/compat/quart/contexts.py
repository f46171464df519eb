"""Quart's contexts: the two classes of versions before 0.23, and the names on ours that they had.

Pottle has one class of contexts and one context variable. What is here looks at both through the
eyes of a program that expects one for each kind.
"""

from __future__ import annotations

from contextvars import Token
from typing import Any

from werkzeug.local import LocalProxy

from ...active import current
from ...ctx import AppContext
from ...errors import ContextError

_UNSET: Any = object()


class ContextNames:
    """What `AppContext` gets beside its own attributes."""

    #: Whether the context outlives its request; kept because it is looked at.
    preserved = False

    async def auto_pop(self: Any, exc: BaseException | None) -> None:
        """Pop the context, with the error that its block ended with."""
        await self.pop(exc)

    @property
    def _after_request_functions(self: Any) -> list[Any]:
        return _functions(self)

    @_after_request_functions.setter
    def _after_request_functions(self: Any, value: list[Any]) -> None:
        self.after_functions = value
        self.touched = True

    _after_websocket_functions = _after_request_functions

    @property
    def request_websocket(self: Any) -> Any:
        """The request or the websocket."""
        return self.connection

    _request_websocket = request_websocket

    @property
    def _request(self: Any) -> Any:
        return self.request if self.has_request else None

    @property
    def _websocket(self: Any) -> Any:
        return self.websocket if self.has_websocket else None

    @property
    def _session(self: Any) -> Any:
        return self.made_session

    @_session.setter
    def _session(self: Any, value: Any) -> None:
        self.session = value

    @property
    def _flashes(self: Any) -> Any:
        return self.flashes

    @_flashes.setter
    def _flashes(self: Any, value: Any) -> None:
        self.flashes = value


def _functions(context: Any) -> list[Any]:
    """The functions that run after the view. Whoever asks may append one."""
    functions: list[Any] | None = context.after_functions
    if functions is None:
        functions = context.after_functions = []
    context.touched = True
    return functions


class OfKind(type):
    """The class of a context class that has every `AppContext` of its kind for an instance."""

    kind: str | None = None

    def __instancecheck__(cls, instance: Any) -> bool:
        kind = cls.__dict__.get("kind")
        if kind is None:  # a subclass of a program
            return super().__instancecheck__(instance)
        return isinstance(instance, AppContext) and bool(getattr(instance, f"has_{kind}"))


class RequestContext(AppContext, metaclass=OfKind):
    """The context of a request, as made by hand before Quart 0.23."""

    kind = "request"

    def __init__(self, app: Any, request: Any, session: Any = None) -> None:
        super().__init__(app, request=request, session=session)


class WebsocketContext(AppContext, metaclass=OfKind):
    """The context of a websocket, as made by hand before Quart 0.23."""

    kind = "websocket"

    def __init__(self, app: Any, request: Any, session: Any = None) -> None:
        super().__init__(app, websocket=request, session=session)


class KindVariable:
    """The context variable as a program sees it that only knows contexts of one *kind*."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.name = f"quart.{kind}_ctx"

    def get(self, default: Any = _UNSET) -> Any:
        """The current context if it is of the kind, else *default*, else `LookupError`."""
        context = current.get(None)
        if context is not None and getattr(context, f"has_{self.kind}"):
            return context
        if default is _UNSET:
            raise LookupError(self)
        return default

    def set(self, context: AppContext) -> Token[Any]:
        """Make *context* the current one; the result is for `reset`."""
        return current.set(context)

    def reset(self, token: Token[Any]) -> None:
        """Go back to the context before."""
        current.reset(token)

    def proxied(self) -> AppContext:
        """The current context of the kind. Raises `ContextError` if there is none."""
        context: AppContext | None = self.get(None)
        if context is None:
            raise ContextError(f"There is no {self.kind} context here: nothing is being handled.")
        return context


_cv_request = KindVariable("request")
_cv_websocket = KindVariable("websocket")
request_ctx = LocalProxy(_cv_request.proxied)
websocket_ctx = LocalProxy(_cv_websocket.proxied)
