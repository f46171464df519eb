"""Changing the code of functions: `async`, `await`, and what goes with them."""

# ruff: noqa: N802 - LibCST finds the methods of a visitor by the names of its nodes
from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor
from libcst.metadata import ImportAssignment

from .edits import Edits
from .imports import ImportRewriter, Renames
from .model import Module
from .names import canonical
from .syntax import dotted_name, import_source, is_primary

#: What makes a changed node of the original one, and of that node as it is already changed inside.
Change = Callable[[Any, Any], Any]


@dataclass
class _Names:
    """What Pottle's helpers are called in the module."""

    application: str
    with_context: str


def rewrite(module: Module, edits: Edits, renames: Renames) -> str:
    """The code of *module* with *edits* and *renames* made."""
    application = _local_name(module, "flask.current_app")
    with_context = _local_name(module, "flask.cli.with_appcontext")
    names = _Names(application or "current_app", with_context or "with_appcontext")
    changed = module.tree.visit(_Rewriter(module, edits, renames, names))
    if edits.ensured and application is None:
        changed = _with_import(changed, "pottle", names.application)
    if edits.commands and with_context is None:
        changed = _with_import(changed, "pottle.cli", names.with_context)
    return changed.code


def _with_import(tree: cst.Module, home: str, name: str) -> cst.Module:
    """*tree* with ``from home import name``, at the top of its imports from Pottle."""
    body = list(tree.body)
    place = next((place for place, it in enumerate(body) if _is_from_pottle(it)), None)
    if place is None:
        context = CodemodContext()
        AddImportsVisitor.add_needed_import(context, home, name)
        return AddImportsVisitor(context).transform_module(tree)
    first: Any = body[place]
    added: Any = cst.parse_statement(f"from {home} import {name}")
    body[place : place + 1] = [
        added.with_changes(leading_lines=first.leading_lines),
        first.with_changes(leading_lines=()),
    ]
    return tree.with_changes(body=body)


def _is_from_pottle(statement: cst.BaseStatement | cst.BaseSmallStatement) -> bool:
    match statement:
        case cst.SimpleStatementLine(body=[cst.ImportFrom(module=cst.CSTNode() as home), *_]):
            return dotted_name(home).partition(".")[0] == "pottle"
        case _:
            return False


def _local_name(module: Module, dotted: str) -> str | None:
    """What Flask's *dotted* is imported as in the module; None if it is not."""
    if module.globals is not None:
        for assignment in module.globals.assignments:
            if isinstance(assignment, ImportAssignment):
                source = import_source(module, assignment)
                if source is not None and canonical(source) == dotted:
                    return assignment.name
    return None


class _Rewriter(cst.CSTTransformer):
    """Makes the changes of each node, from the inside out."""

    def __init__(self, module: Module, edits: Edits, renames: Renames, names: _Names) -> None:
        self.module = module
        self.edits = edits
        self.imports = ImportRewriter(renames)
        self.names = names
        self.statements = {module.parents[item] for item in edits.entered}
        #: What is done to which nodes, in this order.
        self.changes: list[tuple[Collection[cst.CSTNode], Change]] = [
            (edits.codes, self._code),
            (edits.ensured, self._ensured),
            (edits.connections, _connection),
            (edits.awaits, self._awaited),
            (edits.functions | edits.loops, _asynchronous),
            (edits.lists, _as_list),
            (edits.commands, self._with_context),
            (self.statements, self._with),
            (edits.unwrapped, _unwrapped),
        ]

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        node = self.imports.on_leave(original_node, updated_node)
        for nodes, change in self.changes:
            if original_node in nodes:
                node = change(original_node, node)
        return node

    def _code(self, original: cst.CSTNode, node: Any) -> cst.BaseExpression:
        """The attribute under its other name, with the object and the parentheses it had."""
        template = cst.parse_expression(self.edits.codes[original].replace("{}", "_", 1))
        replaced: Any = template.visit(_Fill(node.value))
        result: cst.BaseExpression = replaced.with_changes(lpar=node.lpar, rpar=node.rpar)
        return result

    def _ensured(self, original: cst.CSTNode, call: Any) -> cst.Call:
        """``view(...)`` or ``app.ensure_sync(view)(...)`` as ``app.ensure_async(view)(...)``."""
        func = call.func
        ensure = cst.Attribute(cst.Name(self.names.application), cst.Name("ensure_async"))
        if isinstance(original, cst.Call) and isinstance(original.func, cst.Call):
            attribute = func.func.with_changes(attr=cst.Name("ensure_async"))
            ensured = func.with_changes(func=attribute)
        else:
            ensured = cst.Call(ensure, [cst.Arg(func)])
        result: cst.Call = call.with_changes(func=ensured)
        return result

    def _awaited(self, original: cst.CSTNode, node: Any) -> cst.Await:
        """*node* with ``await`` before it, in parentheses where more follows directly."""
        if node.lpar:
            inner = node.with_changes(lpar=(), rpar=())
            return cst.Await(inner, lpar=node.lpar, rpar=node.rpar)
        if is_primary(self.module, original):
            return cst.Await(node, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return cst.Await(node)

    def _with_context(self, original: cst.CSTNode, node: Any) -> Any:
        """The command with ``@with_appcontext`` below its other decorators."""
        decorator = cst.Decorator(cst.Name(self.names.with_context))
        return node.with_changes(decorators=[*node.decorators, decorator])

    def _with(self, original: Any, node: Any) -> cst.With:
        """``async with`` where all items are asynchronous; nested statements where some are."""
        chosen = [item in self.edits.entered for item in original.items]
        groups: list[tuple[bool, list[cst.WithItem]]] = []
        for is_async, item in zip(chosen, node.items, strict=True):
            if not groups or groups[-1][0] != is_async:
                groups.append((is_async, []))
            groups[-1][1].append(item.with_changes(comma=cst.MaybeSentinel.DEFAULT))
        if len(groups) == 1:
            return _asynchronous(original, node)  # type: ignore[no-any-return]  # a with, as before
        result: Any = node
        body: cst.BaseSuite = node.body
        for is_async, items in reversed(groups):
            result = cst.With(items, body, asynchronous=cst.Asynchronous() if is_async else None)
            body = cst.IndentedBlock([result])
        nested: cst.With = result.with_changes(leading_lines=node.leading_lines)
        return nested


class _Fill(cst.CSTTransformer):
    """Puts an expression in the place of the name ``_``."""

    def __init__(self, value: cst.BaseExpression) -> None:
        self.value = value

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self.value if original_node.value == "_" else updated_node


def _asynchronous(original: cst.CSTNode, node: Any) -> Any:
    return node.with_changes(asynchronous=cst.Asynchronous())


def _unwrapped(original: cst.CSTNode, node: Any) -> cst.FlattenSentinel[cst.BaseStatement]:
    """The statements of the block, after the value was assigned to the name it was entered as."""
    [item] = node.items
    first: cst.BaseSmallStatement = cst.Expr(item.item)
    if item.asname is not None:
        first = cst.Assign([cst.AssignTarget(item.asname.name)], item.item)
    line = cst.SimpleStatementLine([first], leading_lines=node.leading_lines)
    return cst.FlattenSentinel([line, *node.body.body])


def _as_list(original: cst.CSTNode, node: Any) -> cst.ListComp:
    return cst.ListComp(node.elt, node.for_in)


def _connection(original: cst.CSTNode, call: Any) -> Any:
    """The call with ``check_same_thread=False``, laid out as its other arguments are."""
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    added = cst.Arg(cst.Name("False"), cst.Name("check_same_thread"), equal)
    if call.args:
        last = call.args[-1]
        added = added.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        space = cst.SimpleWhitespace("")
        before = last.with_changes(comma=comma, whitespace_after_arg=space)
        return call.with_changes(args=[*call.args[:-1], before, added])
    return call.with_changes(args=[added])
