"""The containers that registrations stand in: plain lists and dictionaries that tell of each change.

Extensions edit `view_functions` and the hook tables in place, long after the first request. Since a
plan was compiled from them, each edit must be noticed; `on_change` is called after it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Self, TypeVar

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

_LIST_EDITS = (
    "append clear extend insert pop remove reverse sort __setitem__ __delitem__ __iadd__ __imul__"
)
_DICT_EDITS = "clear pop popitem setdefault update __setitem__ __delitem__ __ior__"


def _telling(base: type, edits: str) -> dict[str, Any]:
    """The editing methods of *base*, each calling ``on_change`` of its object afterwards."""

    def telling(name: str) -> Callable[..., Any]:
        edit = getattr(base, name)

        @wraps(edit)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = edit(self, *args, **kwargs)
            self.on_change()
            return result

        return method

    return {name: telling(name) for name in edits.split()}


class WatchedList(list[T]):
    """A list that calls ``on_change`` after each edit."""

    def __init__(self, on_change: Callable[[], None], items: Any = ()) -> None:
        super().__init__(items)
        self.on_change = on_change

    def __reduce__(self) -> Any:
        """A copy is a plain list: nobody is to hear of its edits."""
        return list, (), None, iter(self)


class WatchedDict(dict[K, V]):
    """A dictionary that calls ``on_change`` after each edit."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__()
        self.on_change = on_change

    def __reduce__(self) -> Any:
        """A copy is a plain dictionary: nobody is to hear of its edits."""
        return dict, (), None, None, iter(self.items())


class HookTable(WatchedDict[K, list[V]]):
    """Lists of functions by blueprint name (None: the application), made when first asked for."""

    def __missing__(self, key: K) -> list[V]:
        hooks: list[V] = WatchedList(self.on_change)
        dict[K, list[V]].__setitem__(self, key, hooks)
        return hooks

    def __setitem__(self, key: K, value: list[V]) -> None:
        dict[K, list[V]].__setitem__(self, key, WatchedList(self.on_change, value))
        self.on_change()

    def update(self, *args: Any, **kwargs: Any) -> None:
        tables: dict[Any, Any] = dict(*args, **kwargs)
        for key, hooks in tables.items():
            self[key] = hooks

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc, override]  # `|` gives a plain dict
        self.update(other)
        return self

    def setdefault(self, key: K, default: Any = ()) -> list[V]:
        hooks = self[key]
        if default and not hooks:
            hooks.extend(default)
        return hooks


for _name, _method in _telling(list, _LIST_EDITS).items():
    setattr(WatchedList, _name, _method)
for _name, _method in _telling(dict, _DICT_EDITS).items():
    setattr(WatchedDict, _name, _method)
