"""Jinja's classes, made cheaper for templates that can await and seldom do.

Jinja compiles a template to the source of asynchronous generators, in which each value is awaited in
case it must be, each loop is asynchronous, and each piece of output goes through every generator on
its way. `cheaper` rewrites the few shapes in that source that cost the most. What it does not
recognise stays as jinja wrote it. Line numbers stay, so that errors point into the template; and the
result needs nothing of this package, so that it may lie in a bytecode cache for as long as it likes.

Compiling takes three times as long, once per template (4 ms for a large one), and rendering a third
to a sixth: `tests/test_templating_code.py` holds it to what jinja's code does.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import AsyncIterator, Iterator, KeysView, Mapping, MutableMapping
from contextlib import suppress
from copy import copy
from types import CodeType
from typing import Any

from jinja2 import Environment as BaseEnvironment
from jinja2 import Template as BaseTemplate
from jinja2.environment import TemplateModule
from jinja2.runtime import Context

from .sync import run_step

_METHODS_OF_DICT = frozenset(dir(dict))

#: What a compiled template begins with, for the code below: which values need not be awaited, and how
#: those are escaped that go straight into the output, where nobody asks whether they are marked as
#: safe. `_escape_inner` is markupsafe's own affair, so it is tried out first.
_PRELUDE = """
from itertools import repeat as p_repeat
from types import BuiltinFunctionType, FunctionType, MethodType
from markupsafe import Markup
p_plain = frozenset((
    bool, bytes, dict, float, int, list, set, str, tuple, type(None),
    BuiltinFunctionType, FunctionType, Markup, MethodType,
))
p_escapes = dict.fromkeys((bool, float, int, type(None)), str)
p_escapes[Markup] = lambda markup: markup
try:
    from markupsafe import _escape_inner
    if _escape_inner("a&<>'\\"") == "a&amp;&lt;&gt;&#39;&#34;" and _escape_inner("a") == "a":
        p_escapes[str] = _escape_inner
except ImportError:
    pass
"""

#: PERF: saves a coroutine for each call, attribute, filter and test (bench: template, a quarter). What
#: has to be awaited is let go first: once that is done it may be gone, as it always could.
_AWAIT = (
    "p_value if type(p_value := VALUE) in p_plain"
    " else await auto_await((p_value, p_value := None)[0])"
)

#: PERF: the text alone, without the `Markup` that is made of it only to be joined (half of it).
_ESCAPE = "p_escapes.get(type(p_value := VALUE), escape)(p_value)"

#: PERF: saves a coroutine for each item of what is no asynchronous iterable (a fifth). Loops may be in
#: one another, so each has a number; and nothing is held on to by the traceback of an error.
_LOOP = """
p_items{0} = ITEMS
try:
    p_source{0} = auto_aiter(p_items{0}) if hasattr(p_items{0}, "__aiter__") else None
    for p_item{0} in p_items{0} if p_source{0} is None else p_repeat(None):
        if p_source{0} is not None:
            try:
                p_item{0} = await anext(p_source{0})
            except StopAsyncIteration:
                break
        TARGET = p_item{0}
finally:
    p_items{0} = p_source{0} = p_item{0} = None
"""

#: Goes before a loop over the pieces of another function: of a block, a parent, what is included.
#: PERF: a piece is written once, and not yielded through all of them (half).
_DELEGATION = """
{0} = FUNCTION
if hasattr({0}, "joined"):
    await {0}.joined(CONTEXT, p_write)
else:
    {0} = {0}(CONTEXT)
"""

#: Goes around the second function of a name; it has the name because tracebacks show it. Were there
#: a ``yield`` left in it, it would not be a coroutine function (128) and could not be awaited.
_JOINED = """
p_pieces = {0}
if {0}.__code__.co_flags & 128:
    p_pieces.joined = {0}
{0} = p_pieces
"""


def cheaper(source: str, filename: str) -> ast.Module:
    """The module for the *source* of a compiled template, doing the same for less.

    Each function that generates pieces has another one as its attribute ``joined``, which hands them
    to a function, several at a time: for whoever wants the whole and not the pieces.
    """
    module = ast.parse(source, filename)
    match module.body:
        case [ast.ImportFrom("jinja2.runtime") as names, *statements]:
            module.body = [names, *ast.parse(_PRELUDE).body]
            for statement in statements:
                module.body.append(_Cheaper().visit(statement))
                if isinstance(statement, ast.AsyncFunctionDef):
                    module.body += _joined(statement)
            return module
        case _:
            return module


class _Cheaper(ast.NodeTransformer):
    """Awaits what may have to be awaited, and loops plainly over what is not asynchronous."""

    def __init__(self) -> None:
        self.loops = 0

    def visit_Await(self, node: ast.Await) -> ast.AST:
        match self.generic_visit(node):
            case ast.Await(ast.Call(ast.Name("auto_await"), [value], [])):
                return _expression(_AWAIT, node, VALUE=value)
            case other:
                return other

    def visit_AsyncFor(self, node: ast.AsyncFor) -> Any:
        match self.generic_visit(node):
            case ast.AsyncFor(target, ast.Call(ast.Name("auto_aiter"), [items], []), body, []):
                self.loops += 1
                source = _LOOP.format(self.loops)
                statements = _statements(source, node, ITEMS=items, TARGET=target)
                statements[1].body[1].body += body
                return statements
            case other:
                return other

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """What goes into a buffer, a list called ``t_`` and a number, is joined to one string."""
        match self.generic_visit(node):
            case ast.Call(ast.Attribute(ast.Name(name), "append"), [piece], []):
                if name.startswith("t_"):
                    node.args = [_escaped(piece)]
            case ast.Call(ast.Attribute(ast.Name(name), "extend"), [ast.Tuple(pieces)], []):
                if name.startswith("t_"):
                    pieces[:] = map(_escaped, pieces)
            case _:
                pass
        return node


def _joined(function: ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Statements that give the *function* its ``joined``."""
    twin, arguments = copy(function), copy(function.args)
    twin.body = _written(function.body)
    twin.args = arguments
    writer = ast.copy_location(ast.arg("p_write"), arguments.args[0])
    arguments.args = [arguments.args[0], writer, *arguments.args[1:]]
    before, *after = _statements(_JOINED.format(function.name), function)
    return [before, twin, *after]


def _written(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements *body*, but with pieces handed to ``p_write`` instead of being yielded."""
    result: list[ast.stmt] = []
    pieces: list[ast.expr] = []
    for statement in body:
        match statement:
            case ast.Expr(ast.Yield(ast.expr() as piece)):
                if not pieces:
                    result += (writing := _statements("p_write(())", statement))
                    pieces = writing[0].value.args[0].elts
                pieces.append(_escaped(piece))
                continue
            case ast.AsyncFunctionDef():
                pass  # what an inner function yields is another matter
            case _:
                statement = copy(statement)
                for name in ("body", "orelse", "finalbody"):
                    if inner := getattr(statement, name, None):
                        setattr(statement, name, _written(inner))
        pieces = []
        result.append(statement)
        _delegate(result)
    return result


def _delegate(statements: list[ast.stmt]) -> None:
    """If *statements* end with a loop over the pieces of another function, have that one write."""
    match statements[-2:]:
        case [
            ast.Assign([ast.Name(name)], ast.Call(function, [context], [])),
            ast.Try([ast.AsyncFor(ast.Name("event"), ast.Name(pieces), [_]) as loop], []) as tried,
        ] if name == pieces:
            source = _DELEGATION.format(name)
            delegation = _statements(source, loop, FUNCTION=function, CONTEXT=context)
            delegation[1].orelse.append(tried)
            statements[-2:] = delegation
        case _:
            pass


def _escaped(piece: ast.expr) -> ast.expr:
    """A *piece* of output, escaped if it was, but not marked as safe."""
    match piece:
        case ast.Call(ast.Name("escape"), [value], []):
            return _expression(_ESCAPE, piece, VALUE=value)
        case _:
            return piece


def _expression(source: str, place: ast.AST, **parts: ast.expr) -> ast.expr:
    expression: ast.expr = _statements(source, place, **parts)[0].value
    return expression


def _statements(source: str, place: ast.AST, **parts: ast.expr) -> list[Any]:
    """The statements of *source* for the *place* of a node, with *parts* where their names stand."""
    filler = _Filler(place, parts)
    return [filler.visit(statement) for statement in ast.parse(source).body]


class _Filler(ast.NodeTransformer):
    def __init__(self, place: ast.AST, parts: dict[str, ast.expr]) -> None:
        self.place = place
        self.parts = parts

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name) and node.id in self.parts:
            return self.parts[node.id]
        return ast.copy_location(self.generic_visit(node), self.place)


class Globals(ChainMap[str, Any]):
    """The globals of a template over those of its environment, looked at as a whole."""

    def flat(self) -> dict[str, Any]:
        """All of them as they are now, in a dictionary of its own."""
        names: dict[str, Any] = {}
        for layer in reversed(self.maps):
            names.update(layer)
        return names

    # PERF: each rendering goes through the names, which `ChainMap` asks for one by one: 7 us saved
    # with these two and `Template.new_context` (bench: template).

    def __iter__(self) -> Iterator[str]:
        return iter(self.flat())

    def keys(self) -> KeysView[str]:
        return self.flat().keys()


class Template(BaseTemplate):
    """A template that writes where it can, and generates pieces for who wants those."""

    def new_context(
        self,
        vars: dict[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> Context:
        if not shared and isinstance(self.globals, Globals):
            names = self.globals.flat()
            names.update(vars or ())
            return super().new_context(names, shared=True, locals=locals)
        return super().new_context(vars, shared, locals)

    async def render_async(self, *args: Any, **kwargs: Any) -> str:
        write = getattr(self.root_render_func, "joined", None)
        if write is None:
            return await super().render_async(*args, **kwargs)
        context = self.new_context(dict(*args, **kwargs))
        pieces: list[str] = []
        try:
            await write(context, pieces.extend)
            return self.environment.concat(pieces)
        except StopAsyncIteration as error:
            # It would end a loop of the caller's, therefore no generator lets it out.
            raise RuntimeError("async generator raised StopAsyncIteration") from error
        except Exception:
            self.environment.handle_exception()

    # In synchronous code, as of extensions for Flask: a template that awaits nothing is driven to its end.

    def render(self, *args: Any, **kwargs: Any) -> str:
        if not self.environment.is_async:
            return super().render(*args, **kwargs)
        return run_step(self.render_async(*args, **kwargs))

    def generate(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        if not self.environment.is_async:
            yield from super().generate(*args, **kwargs)
            return
        pieces = self.generate_async(*args, **kwargs)
        try:
            while (piece := run_step(_next(pieces))) is not None:
                yield piece
        finally:
            run_step(pieces.aclose())

    @property
    def module(self) -> TemplateModule:
        """The macros and variables of the template, for plain code."""
        if self.environment.is_async and self.name is not None:
            return self.environment.synchronous.get_template(self.name).module  # type: ignore[attr-defined, no-any-return]  # ours has one
        return super().module


async def _next(pieces: AsyncIterator[str]) -> str | None:
    return await anext(pieces, None)


class AsyncEnvironment(BaseEnvironment):
    """An environment whose asynchronous templates are compiled by way of `cheaper`."""

    template_class = Template

    def make_globals(self, d: MutableMapping[str, Any] | None) -> Globals:
        return Globals({} if d is None else d, self.globals)

    def getattr(self, obj: Any, attribute: str) -> Any:
        # PERF: a dictionary has no attribute but its methods; looking for one, which jinja does
        # before it looks among the items, costs an error: 0.5 us saved (bench: template).
        if type(obj) is dict and attribute in obj and attribute not in _METHODS_OF_DICT:
            return obj[attribute]  # pyright: ignore[reportUnknownVariableType]  # of anything
        return super().getattr(obj, attribute)

    def _compile(self, source: Any, filename: str) -> CodeType:
        if self.is_async:
            # What is too deep for `ast`, as a hundred times `elif`, is compiled as jinja wrote it.
            with suppress(RecursionError):
                source = cheaper(source, filename)
        return super()._compile(source, filename)
