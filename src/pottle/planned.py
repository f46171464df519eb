"""What keeps a compiled plan true: every way in which a registry can change is noticed here.

A registration, an edit in place, an attribute that is assigned, a class that is patched, a signal
that gets a receiver: each makes the plan old, and the next exchange compiles another.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable
from typing import Any, ClassVar

from .active import changed, watch_changes
from .engine.plan import Plan
from .registry import HookTable, WatchedDict, WatchedList
from .routing import PottleMap, Tree
from .scaffold import Scaffold

_LIST: Any = WatchedList
_TABLES: dict[str, Any] = {
    **dict.fromkeys(
        [
            f"{when}_{what}_funcs"
            for when in ("before", "after", "teardown")
            for what in ("request", "websocket")
        ],
        HookTable,
    ),
    "template_context_processors": HookTable,
    "url_default_functions": HookTable,
    "url_value_preprocessors": HookTable,
    "teardown_appcontext_funcs": WatchedList,
    "view_functions": WatchedDict,
}


class PottleType(ABCMeta):
    """The class of application classes: a method that is patched later is noticed."""

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        changed()

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        changed()


class Planned(Scaffold, metaclass=PottleType):
    """A scaffold with a plan. `seal` says, once, what the methods are that may be overridden."""

    #: False takes every exchange through the full lane; behaviour is the same, only slower.
    bare_lane: bool = True
    #: The override points as they are defined, by name; see `engine.plan`.
    original_methods: ClassVar[dict[str, Any]] = {}
    #: Attributes that a plan is compiled from.
    planned_names: ClassVar[frozenset[str]] = frozenset()

    url_map: PottleMap
    _plan: Plan | None = None
    _tree: tuple[PottleMap, int, Tree] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        watch_changes(self)

    @property
    def plan(self) -> Plan:
        """The compiled registry; compiled now if something was registered since the last time."""
        plan = self._plan
        if plan is None:
            tree = self._tree
            if tree is None or tree[0] is not self.url_map or tree[1] != self.url_map.version:
                tree = self._tree = (self.url_map, self.url_map.version, Tree(self.url_map))
            plan = self._plan = Plan(self, tree[2])
        return plan

    def forget_plan(self) -> None:
        """Have the plan compiled anew for the next exchange."""
        self._plan = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _TABLES and getattr(value, "on_change", None) != self.forget_plan:
            value = _watched(value, self.forget_plan, _TABLES[name])
        elif name == "config":
            value.on_change = self.forget_plan
        object.__setattr__(self, name, value)
        if name in self.planned_names:
            object.__setattr__(self, "_plan", None)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self.forget_plan()

    @classmethod
    def seal(cls) -> None:
        """Take the methods as they are now for the original ones."""
        cls.original_methods = {
            name: getattr(cls, name) for name in dir(cls) if callable(getattr(cls, name, None))
        }
        cls.planned_names = frozenset(
            {
                *_TABLES,
                *cls.original_methods,
                "bare_lane",
                "config",
                "json",
                "request_class",
                "response_class",
                "session_interface",
                "subdomain_matching",
                "url_map",
                "websocket_class",
            }
        )


def _watched(value: Any, on_change: Callable[[], None], kind: Any) -> Any:
    """A container of registrations that was assigned as a whole, as one that is watched."""
    container = kind(on_change)
    if kind is _LIST:
        container.extend(value)
        return container
    for key, registered in value.items():
        container[key] = registered
    return container
