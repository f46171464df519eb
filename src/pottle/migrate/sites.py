"""Where something has to be awaited, or would have to be if a function became a coroutine function."""

# ruff: noqa: N802 - LibCST finds the methods of a visitor by the names of its nodes
from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import libcst as cst

from .facts import CLIENT_ARGUMENTS_LACKING, ENTERED, MEMBERS, Fact
from .infer import Inference
from .model import Function, Module, Thing
from .report import Report
from .syntax import is_awaited
from .wrappers import Wrapper, Wrappers

How = Literal["await", "with", "unwrap", "for", "ensure", "stream"]
Cause = Function | Wrapper | Literal["always", "in async"]
Mention = tuple[Module, cst.BaseExpression, Function]
UnknownCall = tuple[Module, cst.Call, str]

_LAMBDA = "a lambda cannot wait: make it a function"
_GENERATOR = "a generator expression that waits is an asynchronous one: make it a list, or a loop"
_EAGER = frozenset("all any dict frozenset join list max min set sorted sum tuple".split())


#: What a name is bound by.
_BINDING = (cst.AnnAssign, cst.AsName, cst.AssignTarget, cst.ImportAlias, cst.NamedExpr, cst.Param)


@dataclass(eq=False)
class Site:
    """A place that changes if its *cause* says so.

    *how* says what happens to *node*: it is awaited, a with item or a loop becomes asynchronous, a
    ``with`` around a response goes, a function is called through `ensure_async`, or nothing (``stream``: an asynchronous generator is
    handed on). *obstacle* says why it cannot be; *generator* is the generator expression around it.
    """

    module: Module
    node: cst.CSTNode
    host: Function | None
    cause: Cause
    how: How = "await"
    obstacle: str | None = None
    generator: cst.GeneratorExp | None = None
    fact: Fact | None = None


@dataclass
class Found:
    """All that was found in the modules."""

    sites: list[Site] = field(default_factory=list[Site])
    #: Calls by the function that they stand in.
    calls: dict[Function, list[cst.Call]] = field(default_factory=dict[Function, list[cst.Call]])
    #: Functions that are named without being called: where, which, and in which function.
    mentions: list[Mention] = field(default_factory=list[Mention])
    #: Calls of methods of unknown objects, with the method's name.
    unknown_calls: list[UnknownCall] = field(default_factory=list[UnknownCall])


def find_sites(infer: Inference, wrappers: Wrappers, report: Report) -> Found:
    """Look through all modules; what can never become right is reported."""
    found = Found()
    for module in infer.project.modules:
        module.tree.visit(_Finder(module, infer, wrappers, found, report))
    return found


@dataclass
class _Place:
    """What the code that is being visited stands in."""

    function: Function | None = None
    obstacle: str | None = "no function is around it that could become a coroutine function"
    generator: cst.GeneratorExp | None = None


class _Finder(cst.CSTVisitor):
    def __init__(
        self, module: Module, infer: Inference, wrappers: Wrappers, found: Found, report: Report
    ) -> None:
        self.module = module
        self.infer = infer
        self.wrappers = wrappers
        self.found = found
        self.report = report
        self.place = _Place()

    @contextmanager
    def _in(self, place: _Place) -> Generator[None]:
        outer, self.place = self.place, place
        yield
        self.place = outer

    def _add(
        self, node: cst.CSTNode, cause: Cause, how: How = "await", fact: Fact | None = None
    ) -> None:
        place = self.place
        self.found.sites.append(
            Site(
                self.module, node, place.function, cause, how, place.obstacle, place.generator, fact
            )
        )

    def _note(self, node: cst.CSTNode, reason: str) -> None:
        self.report.note(self.module.path, self.module.line(node), reason)

    # What stands in what.

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        for decorator in node.decorators:
            decorator.visit(self)
        node.params.visit(self)
        if node.returns is not None:
            node.returns.visit(self)
        with self._in(_Place(self.module.functions[node], None)):
            node.body.visit(self)
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        obstacle = "it stands in the body of a class, where nothing can be awaited"
        with self._in(_Place(self.place.function, obstacle)):
            node.body.visit(self)
        for part in (*node.decorators, *node.bases, *node.keywords):
            part.visit(self)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        node.params.visit(self)
        with self._in(_Place(self.place.function, _LAMBDA)):
            node.body.visit(self)
        return False

    def visit_GeneratorExp(self, node: cst.GeneratorExp) -> bool:
        node.for_in.iter.visit(self)  # the only part that is evaluated where the expression stands
        place = _Place(self.place.function, self.place.obstacle or _GENERATOR)
        if self._is_consumed(node) and self.place.obstacle is None:
            place = _Place(self.place.function, None, node)
        with self._in(place):
            if place.generator is not None:
                self._loop(node.for_in)
            for part in (node.elt, *node.for_in.ifs, node.for_in.inner_for_in):
                if part is not None:
                    part.visit(self)
        return False

    def _is_consumed(self, node: cst.GeneratorExp) -> bool:
        """Whether it is the only argument of a call that uses it up at once."""
        argument = self.module.parents[node]
        call = self.module.parents[argument]
        match call:
            case cst.Call(
                args=[_], func=cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name))
            ):
                return name in _EAGER
            case _:
                return False

    # What may have to change.

    def visit_With(self, node: cst.With) -> None:
        if node.asynchronous is not None:
            return
        for item in node.items:
            kind = self.infer.kind(self.module, item.item)
            if kind in ENTERED:
                self._add(item, "always", "with")
            elif kind == "response":
                self._response(node, item)

    def _response(self, node: cst.With, item: cst.WithItem) -> None:
        """A response that is closed at the end of a block: the client has read it already."""
        named = item.asname is None or isinstance(item.asname.name, cst.Name)
        if len(node.items) == 1 and named and isinstance(node.body, cst.IndentedBlock):
            self._add(node, "always", "unwrap")
        else:
            self._note(
                item, "a response is nothing to be entered in Pottle: take it out of the 'with'"
            )

    def visit_For(self, node: cst.For) -> None:
        if node.asynchronous is None:
            self._loop(node)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        if node.asynchronous is None:
            self._loop(node)

    def _loop(self, node: cst.For | cst.CompFor) -> None:
        generator = self._generator(node.iter)
        if generator is not None:
            self._add(node, generator, "for")
        elif self.infer.kind(self.module, node.iter) in {"open file", "body"}:
            self._add(node, "always", "for")

    def _generator(self, node: cst.BaseExpression) -> Function | None:
        called = self.infer.called(self.module, node) if isinstance(node, cst.Call) else None
        return called if called is not None and called.is_generator else None

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self._mention(node)
        parent = self.module.parents.get(node)
        if isinstance(parent, (cst.AssignTarget, cst.AugAssign, cst.Del)):
            return
        fact = self.infer.fact(self.module, node)
        if fact is not None:
            self._fact(node, fact)

    def visit_Name(self, node: cst.Name) -> None:
        if self.module.scopes.get(node) is not None:
            self._mention(node)

    def visit_Call(self, node: cst.Call) -> None:
        if self.place.function is not None:
            self.found.calls.setdefault(self.place.function, []).append(node)
        self._arguments(node)
        if self._wrapped_call(node):
            return
        fact = self.infer.fact(self.module, node)
        if fact is not None:
            self._fact(node, fact)
            return
        called = self.infer.called(self.module, node)
        if called is None:
            self._unknown_call(node)
        elif called.is_generator:
            if not isinstance(self.module.parents[node], (cst.For, cst.CompFor)):
                self._add(node, called, "stream")
        elif not is_awaited(self.module, node) and called.node.name.value != "__init__":
            self._add(node, called)

    def _fact(self, node: cst.Attribute | cst.Call, fact: Fact) -> None:
        if fact.problem is not None:
            self._note(node, fact.problem)
        entered = fact.gives in ENTERED and isinstance(self.module.parents[node], cst.WithItem)
        if fact.awaited and not entered and not is_awaited(self.module, node):
            self._add(node, "always", fact=fact)

    # Decorators, and what is called through `ensure_sync`.

    def _wrapped_call(self, node: cst.Call) -> bool:
        """Whether a wrapper calls what it wraps here."""
        ensured = node.func if isinstance(node.func, cst.Call) else None
        if ensured is not None:
            if not self._is_ensure_sync(ensured):
                return False
            target = ensured.args[0].value
        else:
            target = node.func
        wrapper = (
            self.wrappers.by_function.get(self.place.function) if self.place.function else None
        )
        ours = wrapper if isinstance(target, cst.Name) and self._is_param(target, wrapper) else None
        if is_awaited(self.module, node):
            return ours is not None
        if ours is not None:
            self._add(node, ours, "ensure")
        elif ensured is not None:
            self._add(node, "in async", "ensure")
        return ours is not None or ensured is not None

    def _is_ensure_sync(self, call: cst.Call) -> bool:
        match call:
            case cst.Call(
                func=cst.Attribute(value=app, attr=cst.Name(value="ensure_sync")), args=[_]
            ):
                return self.infer.kind(self.module, app) == "app"
            case _:
                return False

    def _is_param(self, node: cst.Name, wrapper: Wrapper | None) -> bool:
        return wrapper is not None and node.value == wrapper.param

    # What is only told.

    def _arguments(self, call: cst.Call) -> None:
        match self.infer.thing(self.module, call.func):
            case Thing("member", ("client", _)):
                for argument in call.args:
                    name = argument.keyword.value if argument.keyword else ""
                    if name in CLIENT_ARGUMENTS_LACKING:
                        self._note(call, f"Pottle's test client has no argument '{name}'")
            case Thing("member", ("config", "from_prefixed_env()")) if not call.args:
                self._note(
                    call,
                    "Pottle reads variables that begin with POTTLE_ here: rename yours, or pass 'FLASK'",
                )
            case _:
                pass
        for argument in call.args:
            kind = self.infer.kind(self.module, argument.value)
            if kind in {"open file", "body", "context"} or self._is_transaction(argument.value):
                self._note(
                    argument,
                    f"'{self.module.code(argument.value)}' is asynchronous in Pottle, and is handed"
                    " to code that may not know how to wait for it",
                )

    def _is_transaction(self, node: cst.BaseExpression) -> bool:
        return isinstance(node, cst.Call) and self.infer.kind(self.module, node) == "session"

    def _unknown_call(self, node: cst.Call) -> None:
        match node.func:
            case cst.Attribute(value=value, attr=cst.Name(value=name)):
                if self.infer.thing(self.module, value) is None:
                    self.found.unknown_calls.append((self.module, node, name))
            case cst.Call(func=cst.Name(value="getattr"), args=[cst.Arg(value=holder), *_]):
                if self.infer.kind(self.module, holder) in {"client", "request", "response"}:
                    self._note(node, f"'{self.module.code(node)}' may have to be awaited")
            case _:
                pass

    def _mention(self, node: cst.Name | cst.Attribute) -> None:
        parent = self.module.parents.get(node)
        if isinstance(parent, (cst.Decorator, cst.Call, *_BINDING)):
            return  # called here, or decorating, or made
        thing = self.infer.thing(self.module, node)
        if thing is None:
            return
        if isinstance(thing.of, Function) and thing.kind == "function":
            self.found.mentions.append((self.module, node, thing.of))
        elif thing.kind == "member" and self._needs_call(thing):
            self._note(
                node, f"'{self.module.code(node)}' is handed on: whoever calls it has to await it"
            )

    def _needs_call(self, thing: Thing) -> bool:
        kind, name = thing.of
        return MEMBERS[kind][name].awaited
