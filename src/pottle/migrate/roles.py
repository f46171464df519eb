"""Which functions must stay plain, and why: whoever calls them would not await them."""

from __future__ import annotations

import libcst as cst

from .facts import PLAIN_ONLY
from .infer import Inference
from .model import Function, Thing
from .syntax import decorators, dotted_name
from .wrappers import Wrappers

_PROPERTIES = frozenset(
    {"property", "cached_property", "setter", "getter", "deleter", "hybrid_property"}
)
_MANAGERS = frozenset({"contextmanager", "asynccontextmanager"})
_HARMLESS = frozenset(
    "abc.abstractmethod abstractmethod classmethod functools.wraps override staticmethod typing.overload"
    " typing.override flask.cli.with_appcontext flask.copy_current_request_context"
    " flask.stream_with_context".split()
)
_HARMLESS_PACKAGES = ("click.", "pytest.", "pytest_asyncio.", "unittest.mock.")

_PLAIN_SETUP = frozenset({"setUp", "tearDown", "setUpClass", "tearDownClass"})

TEST_CASE = (
    "unittest.TestCase runs plain methods only: derive the class from"
    " unittest.IsolatedAsyncioTestCase, or make it a test of pytest's, and migrate again"
)


def find_obstacles(infer: Inference, wrappers: Wrappers) -> None:
    """Set `Function.obstacle` of all functions that must not become coroutine functions."""
    for function in infer.project.functions():
        if not function.was_async:
            function.obstacle = (
                _by_kind(function)
                or _by_class(infer, function)
                or _by_decorator(infer, wrappers, function)
            )


def _by_kind(function: Function) -> str | None:
    name = function.node.name.value
    if name.startswith("__") and name.endswith("__"):
        return "Python calls it by itself and does not await it"
    if function.module.is_test and name.startswith("pytest_"):
        return "pytest calls it and does not await it"
    if function.delegates:
        return "it has 'yield from', which no coroutine function may have"
    if function.yields and function.returns:
        return "it is a generator that returns a value, which no asynchronous one may do"
    return None


def _by_class(infer: Inference, function: Function) -> str | None:
    cls = function.owner
    if cls is None:
        return None
    kind = infer.lookup.base_kind(cls)
    if kind == "test case":
        return TEST_CASE
    if kind == "async test case" and function.node.name.value in _PLAIN_SETUP:
        return "unittest calls it and does not await it: move what waits to asyncSetUp or asyncTearDown"
    base = infer.lookup.made_base(cls)
    if base is not None and kind is None:
        return f"its class derives from {base.of}, which may call it and does not await it"
    return None


def _by_decorator(infer: Inference, wrappers: Wrappers, function: Function) -> str | None:
    names = {name.rpartition(".")[2] for name in decorators(function)}
    if names & _PROPERTIES:
        return "it is a property, and reading one that waits has to be written 'await x.name'"
    if names & _MANAGERS:
        return "it is a context manager: make it one with contextlib.asynccontextmanager"
    plain = names & PLAIN_ONLY
    if plain:
        return f"what '{plain.pop()}' registers has to be a plain function"
    if infer.lookup.is_view(function) or infer.lookup.is_test(function):
        return None
    for decorator in function.node.decorators:
        if wrappers.of(function, decorator) is None and not _is_harmless(
            infer, function, decorator
        ):
            name = dotted_name(decorator.decorator)
            return f"it is decorated with '{name}', which may call it and does not await it"
    return None


def _is_harmless(infer: Inference, function: Function, decorator: cst.Decorator) -> bool:
    source = infer.lookup.decorator_source(function, decorator)
    if source in _HARMLESS or source.startswith(_HARMLESS_PACKAGES):
        return True
    return is_app_command(infer, function, decorator)


def is_app_command(infer: Inference, function: Function, decorator: cst.Decorator) -> bool:
    """Whether the decorator is ``@app.cli.command``, or that of a group of Flask's."""
    match decorator.decorator:
        case cst.Call(func=cst.Attribute(value=value, attr=cst.Name(value="command"))):
            return infer.kind(function.module, value) in {"commands", "name", None}
        case _:
            return False


def is_command(function: Function) -> bool:
    """Whether click calls the function as a command."""
    return any(name.rpartition(".")[2] in {"command", "group"} for name in decorators(function))


def replacements(infer: Inference) -> list[tuple[Function, Function]]:
    """What tests put in the place of a function by ``monkeypatch.setattr``: original and stand-in."""
    found: list[tuple[Function, Function]] = []
    for module in infer.project.modules:
        for call in module.calls:
            if not dotted_name(call.func).endswith("monkeypatch.setattr"):
                continue
            values = [argument.value for argument in call.args]
            original: Thing | None = None
            match values:
                case [cst.SimpleString() as path, _]:
                    original = infer.imported(str(path.evaluated_value))
                case [holder, cst.SimpleString() as name, _]:
                    original = infer.attribute(module, holder, str(name.evaluated_value))
                case _:
                    continue
            stand_in = infer.thing(module, values[-1])
            match original, stand_in:
                case Thing(of=Function() as real), Thing(of=Function() as fake):
                    found.append((real, fake))
                case _:
                    pass
    return found
