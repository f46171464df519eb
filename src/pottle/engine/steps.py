"""The steps of an exchange, looked up once: the engine's own function, or what takes its place.

Each step is a method of the application that may be overridden. Where one is, it is called; where
none is, which is nearly always, the function behind the method is called without it. What takes its
place may be a plain function, with the context for its first argument or, as in Flask, without it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from ..sync import overriding
from . import lifecycle
from .kinds import Kind

Step = Callable[..., Coroutine[Any, Any, Any]]


class Steps:
    """For one kind of exchange what to call, with the context for the first argument."""

    __slots__ = (
        "asynchronous",
        "dispatch",
        "finalize",
        "full_dispatch",
        "handle",
        "handle_exception",
        "handle_http_exception",
        "handle_user_exception",
        "preprocess",
        "process",
    )

    #: What `Kind` has the names of the methods for; the others are called alike for both kinds.
    names = tuple(name for name in __slots__ if name not in {"asynchronous", "handle"})

    def __init__(
        self,
        app: Any,
        kind: Kind,
        overridden: Callable[[str], bool],
        asynchronous: Callable[[Callable[..., Any]], Step],
    ) -> None:
        #: Makes a coroutine function of any function of the application.
        self.asynchronous = asynchronous
        #: Takes the request or websocket, and makes a context for it if need be; None where the
        #: context that is there will do.
        self.handle: Step | None = None
        if overridden(kind.handle) or overridden(kind.make_context):
            self.handle = overriding(getattr(app, kind.handle), asynchronous)
        self.full_dispatch: Step
        self.preprocess: Step
        self.dispatch: Step
        self.finalize: Step
        self.process: Step
        self.handle_exception: Step
        self.handle_http_exception: Step
        self.handle_user_exception: Step
        for name in self.names:
            method: str = getattr(kind, name, name)
            if overridden(method):
                step = overriding(getattr(app, method), asynchronous)
            else:
                step = getattr(lifecycle, name)
            setattr(self, name, step)
