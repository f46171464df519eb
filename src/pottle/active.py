"""The one context variable, and the one way to say "something was registered".

Lives at the bottom so that every layer can ask for the context without importing the layer that
makes it. Nothing here knows what a context or an application is.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Protocol
from weakref import WeakSet

#: The active context (`pottle.ctx.AppContext`), or unset outside of one.
current: ContextVar[Any] = ContextVar("pottle.context")


class Plans(Protocol):
    """Whoever compiles a plan from registrations, and must hear that it is out of date."""

    def forget_plan(self) -> None: ...


_planners: WeakSet[Any] = WeakSet()


def watch_changes(planner: Plans) -> None:
    """Tell *planner* of every later change that is not made through the planner itself."""
    _planners.add(planner)


def changed() -> None:
    """Say that a class was patched or a signal connected: every plan is compiled anew."""
    for planner in list(_planners):
        planner.forget_plan()
