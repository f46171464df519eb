"""Where something of a project is found: methods, bases, fixtures, what a function is registered for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import libcst as cst

from .facts import INSTANCES, REGISTERING, VERBS
from .model import Class, Function, Module, Thing
from .project import Project
from .syntax import decorators, dotted_name

WhatIs = Callable[[Module, cst.BaseExpression], Thing | None]

_FIXTURES = frozenset({"pytest.fixture", "pytest_asyncio.fixture", "pytest.yield_fixture"})


class Lookup:
    """Finds things of *project*; *what_is* says what an expression stands for."""

    def __init__(self, project: Project, what_is: WhatIs) -> None:
        self.project = project
        self.what_is = what_is

    # Classes.

    def bases(self, cls: Class) -> Iterator[Thing]:
        """What the class derives from, as far as it is known."""
        for base in cls.node.bases:
            thing = self.what_is(cls.module, base.value)
            if thing is not None and thing.of is not cls:
                yield thing

    def ancestors(self, cls: Class) -> Iterator[Class]:
        """The class and its bases in the project."""
        seen: set[Class] = set()
        waiting = [cls]
        while waiting:
            one = waiting.pop(0)
            if one not in seen:
                seen.add(one)
                yield one
                waiting.extend(it.of for it in self.bases(one) if isinstance(it.of, Class))

    def method(self, cls: Class, name: str, above: bool = False) -> Function | None:
        """The method of a class or its bases; with *above* only of the bases."""
        for one in self.ancestors(cls):
            if name in one.methods and not (above and one is cls):
                return one.methods[name]
        return None

    def attribute_values(self, cls: Class, name: str) -> list[tuple[Module, cst.BaseExpression]]:
        """What the attribute is set to in the class and its bases."""
        return [
            (one.module, value)
            for one in self.ancestors(cls)
            for value in one.attributes.get(name, ())
        ]

    def base_kind(self, cls: Class) -> str | None:
        """The kind that instances have by a base of Flask's, or of `unittest`."""
        for one in self.ancestors(cls):
            for base in self.bases(one):
                if base.kind in {"name", "external"} and base.of in INSTANCES:
                    return INSTANCES[base.of]
        return None

    def made_base(self, cls: Class) -> Thing | None:
        """What an attribute is that comes from a base of another package."""
        for one in self.ancestors(cls):
            for base in self.bases(one):
                if base.kind in {"made", "external"}:
                    return Thing("made", base.of)
        return None

    def kind_of(self, thing: Thing | None) -> str | None:
        """The kind of a thing; for an instance or `super()`, that of its class's base."""
        if thing is None:
            return None
        if thing.kind in {"instance", "super"} and isinstance(thing.of, Class):
            return self.base_kind(thing.of) or thing.kind
        return thing.kind

    # Fixtures and tests.

    def decorator_source(self, function: Function, decorator: cst.Decorator) -> str:
        """The dotted name that a decorator was imported as; as it stands, if it was not imported."""
        node = decorator.decorator
        thing = self.what_is(function.module, node.func if isinstance(node, cst.Call) else node)
        if thing is not None and isinstance(thing.of, str):
            return thing.of
        return dotted_name(node)

    def is_fixture(self, function: Function) -> bool:
        """Whether pytest takes *function* for a fixture."""
        return any(self._makes_fixture(function, it) for it in function.node.decorators)

    def _makes_fixture(self, function: Function, decorator: cst.Decorator) -> bool:
        # What the decorator was imported as is only looked up where it may be the one: the answer may
        # need the fixtures of other functions.
        named = dotted_name(decorator.decorator).endswith("fixture")
        return named and self.decorator_source(function, decorator) in _FIXTURES

    def is_test(self, function: Function) -> bool:
        """Whether pytest takes *function* for a test."""
        if not (function.module.is_test and function.node.name.value.startswith("test")):
            return False
        return function.parent is None and (
            function.owner is None or self.base_kind(function.owner) != "test case"
        )

    def takes_fixtures(self, function: Function) -> bool:
        """Whether pytest gives the parameters of *function*."""
        if self.is_test(function) or self.is_fixture(function):
            return True
        of_class = function.owner is not None and function.owner.name.startswith("Test")
        return of_class and function.node.name.value in {"setup_method", "setup"}

    def fixture(self, module: Module, name: str, but: Function) -> Function | None:
        """The fixture called *name* for tests of *module*: its own, or that of a conftest.py."""
        homes = [module]
        for folder in module.path.parents:
            homes.extend(
                one
                for one in self.project.modules
                if one.path.name == "conftest.py"
                and one.path.parent == folder
                and one is not module
            )
        for home in homes:
            for function in home.functions.values():
                if function is not but and self._fixture_name(function) == name:
                    return function
        return None

    def _fixture_name(self, function: Function) -> str | None:
        for decorator in function.node.decorators:
            if not self._makes_fixture(function, decorator):
                continue
            if isinstance(decorator.decorator, cst.Call):
                for argument in decorator.decorator.args:
                    match argument:
                        case cst.Arg(
                            keyword=cst.Name(value="name"), value=cst.SimpleString() as text
                        ):
                            return str(text.evaluated_value)
                        case _:
                            pass
            return function.node.name.value
        return None

    def has_wide_scope(self, function: Function) -> bool:
        """Whether *function* is a fixture that is made less often than for each test."""
        return self.is_fixture(function) and any(
            argument.keyword is not None and argument.keyword.value == "scope"
            for decorator in function.node.decorators
            if isinstance(decorator.decorator, cst.Call)
            for argument in decorator.decorator.args
        )

    # Registration.

    def registrations(self, function: Function) -> set[str]:
        """For what the decorators register it: ``route``, ``before_request`` and so on."""
        found: set[str] = set()
        for decorator in function.node.decorators:
            name = self.registration(function.module, decorator.decorator)
            if name is not None:
                found.add(name)
        return found

    def registration(self, module: Module, node: cst.BaseExpression) -> str | None:
        """For what a decorator or a call registers a function with an application or a blueprint."""
        func = node.func if isinstance(node, cst.Call) else node
        match func:
            case cst.Attribute(value=value, attr=cst.Name(value=name)):
                thing = self.what_is(module, value)
            case cst.Name():
                thing = self.what_is(module, func)
                return "after_this_request" if thing == _AFTER_THIS else None
            case _:
                return None
        kind = self.kind_of(thing)
        if name in REGISTERING:
            return name if thing is None or kind in {"app", "blueprint", "name"} else None
        return "route" if name in VERBS and kind in {"app", "blueprint"} else None

    def is_view_method(self, function: Function) -> bool:
        """Whether *function* answers requests as a method of a class-based view."""
        if function.owner is None or self.base_kind(function.owner) != "view":
            return False
        return function.node.name.value in _VIEW_METHODS

    def is_view(self, function: Function) -> bool:
        """Whether Pottle calls *function*, so that it may be a coroutine function."""
        return bool(self.registrations(function)) or self.is_view_method(function)

    def decorated_by(self, function: Function, name: str) -> bool:
        """Whether a decorator called *name*, with or without what stands before it, is there."""
        return any(it.rpartition(".")[2] == name for it in decorators(function))


_AFTER_THIS = Thing("name", "flask.after_this_request")
_VIEW_METHODS = VERBS | {"dispatch_request", "head", "options", "trace"}
