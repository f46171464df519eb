"""The steps of an exchange, looked up once: the engine's own function, or what takes its place.

Each step is a method of the application that may be overridden. Where one is, it is called; where
none is, which is nearly always, the function behind the method is called without it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from . import lifecycle
from .kinds import Kind

Step = Callable[..., Coroutine[Any, Any, Any]]


class Steps:
    """For one kind of exchange what to call, with the context for the first argument."""

    __slots__ = (
        "dispatch",
        "finalize",
        "full_dispatch",
        "handle",
        "handle_exception",
        "preprocess",
        "process",
    )

    def __init__(self, app: Any, kind: Kind, overridden: Callable[[str], bool]) -> None:
        #: Takes the request or websocket, and makes a context for it if need be; None where the
        #: context that is there will do.
        self.handle: Step | None = None
        if overridden(kind.handle) or overridden(kind.make_context):
            self.handle = getattr(app, kind.handle)
        self.full_dispatch: Step
        self.preprocess: Step
        self.dispatch: Step
        self.finalize: Step
        self.process: Step
        self.handle_exception: Step
        for name in self.__slots__:
            if name != "handle":
                method: str = getattr(kind, name)
                owner, attribute = (app, method) if overridden(method) else (lifecycle, name)
                setattr(self, name, getattr(owner, attribute))
