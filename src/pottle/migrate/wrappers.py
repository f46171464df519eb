"""The project's own decorators: a function in a function, which is returned and calls what it wraps.

Only that pattern is recognised, best with `functools.wraps`. Whether the wrapper becomes a coroutine function is decided in `spread`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import libcst as cst

from .infer import Inference
from .model import Function, Thing
from .syntax import dotted_name, nodes_of

#: What a call of a function gives: a coroutine, a value, or who knows which.
State = Literal["async", "plain", "unknown"]


@dataclass(eq=False)
class Wrapper:
    """``def decorate(view)``, with ``def wrapped(...)`` in it, which calls it and is returned."""

    decorator: Function
    function: Function
    #: The parameter that holds what is wrapped.
    param: str
    #: What is decorated: a function, and how many of its decorators stand below this one.
    targets: list[tuple[Function, int]] = field(default_factory=list[tuple[Function, int]])
    #: Whether it also decorates class-based views, whose view functions are always async.
    of_classes: bool = False
    #: Whether something is decorated that is not known.
    of_unknown: bool = False


class Wrappers:
    """The wrappers of a project, and what they make of what they decorate."""

    def __init__(self, infer: Inference) -> None:
        self.infer = infer
        self.by_decorator = {it.decorator: it for it in self._find()}
        self.by_function = {it.function: it for it in self.by_decorator.values()}
        self._find_targets()

    def _find(self) -> Iterator[Wrapper]:
        for function in self.infer.project.functions():
            outer = function.parent
            if outer is None or not any(
                isinstance(value, cst.Name) and value.value == function.node.name.value
                for value in outer.returns
            ):
                continue
            wrapped = self._wrapped(function, outer)
            if wrapped in {param.name.value for param in outer.params}:
                yield Wrapper(outer, function, wrapped)

    def _wrapped(self, function: Function, outer: Function) -> str:
        """The name in ``@functools.wraps(name)``, or else the one parameter that is called."""
        for decorator in function.node.decorators:
            match decorator.decorator:
                case cst.Call(args=[cst.Arg(value=cst.Name(value=name)), *_]):
                    if self.infer.lookup.decorator_source(function, decorator) == "functools.wraps":
                        return name
                case _:
                    pass
        called = {dotted_name(call.func) for call in nodes_of(function.node.body, cst.Call)}
        called &= {param.name.value for param in outer.params}
        return called.pop() if len(called) == 1 else ""

    def _find_targets(self) -> None:
        for function in self.infer.project.functions():
            below = len(function.node.decorators)
            for decorator in function.node.decorators:
                below -= 1
                wrapper = self.of(function, decorator)
                if wrapper is not None:
                    wrapper.targets.append((function, below))
        for wrapper in self.by_decorator.values():
            for module, call in self.infer.calls.get(wrapper.decorator, ()):
                if isinstance(module.parents.get(call), cst.Decorator) or not call.args:
                    continue
                match self.infer.thing(module, call.args[0].value):
                    case Thing("function", Function() as function):
                        wrapper.targets.append((function, len(function.node.decorators)))
                    case _:
                        wrapper.of_unknown = True
        self._find_classes()

    def _find_classes(self) -> None:
        """Find wrappers in the list ``decorators`` of class-based views."""
        for module in self.infer.project.modules:
            for cls in module.classes.values():
                if self.infer.lookup.base_kind(cls) != "view":
                    continue
                for value in cls.attributes.get("decorators", ()):
                    if isinstance(value, (cst.List, cst.Tuple)):
                        for element in value.elements:
                            thing = self.infer.thing(module, element.value)
                            if thing is not None and thing.of in self.by_decorator:
                                self.by_decorator[thing.of].of_classes = True

    def of(self, function: Function, decorator: cst.Decorator) -> Wrapper | None:
        """The wrapper that *decorator* puts around *function*, if it is one of the project's."""
        thing = self.infer.thing(function.module, decorator.decorator)
        if thing is None or not isinstance(thing.of, Function):
            return None
        return self.by_decorator.get(thing.of)

    def state(self, function: Function, below: int | None = None) -> State:
        """What calling *function* gives, with all decorators or only the *below* innermost ones."""
        state: State = "async" if function.is_async and not function.is_generator else "plain"
        inside_out = list(reversed(function.node.decorators))
        for decorator in inside_out[:below]:
            wrapper = self.of(function, decorator)
            if wrapper is not None:
                state = "async" if wrapper.function.is_async else state
            elif state == "async" and not self._transparent(function, decorator):
                state = "unknown"
        return state

    def _transparent(self, function: Function, decorator: cst.Decorator) -> bool:
        """Whether the decorator gives the function back as it is."""
        if self.infer.lookup.registration(function.module, decorator.decorator) is not None:
            return True
        source = self.infer.lookup.decorator_source(function, decorator)
        return source in {"staticmethod", "classmethod", "functools.wraps"} or source.startswith(
            ("pytest.", "pytest_asyncio.", "typing.", "abc.")
        )

    def target_states(self, wrapper: Wrapper) -> set[State]:
        """What the calls of all that *wrapper* decorates give."""
        states: set[State] = {self.state(one, below) for one, below in wrapper.targets}
        if wrapper.of_classes:
            states.add("async")
        return states

    def unrecognised(self, function: Function) -> Iterator[Function]:
        """Decorators of *function* that are the project's, but follow another pattern."""
        for decorator in function.node.decorators:
            thing = self.infer.thing(function.module, decorator.decorator)
            if thing is None and isinstance(decorator.decorator, cst.Call):
                thing = self.infer.thing(function.module, decorator.decorator.func)
            if (
                thing is not None
                and isinstance(thing.of, Function)
                and thing.of not in self.by_decorator
            ):
                yield thing.of
