"""Questions about code that only the code answers, without knowing what its names stand for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import ImportAssignment

from .model import Function, Module

N = TypeVar("N", bound=cst.CSTNode)


def nodes_of(node: cst.CSTNode, kind: type[N]) -> Iterator[N]:
    """*node* and all nodes below it that are of *kind*."""
    if isinstance(node, kind):
        yield node
    for child in node.children:
        yield from nodes_of(child, kind)


def dotted_name(node: cst.CSTNode) -> str:
    """The names in ``a.b.c`` as text; of a call, those of what is called. Else empty."""
    return get_full_name_for_node(node) or ""


def decorators(function: Function) -> list[str]:
    """The names of the decorators, as they stand in the code, from the outermost."""
    return [dotted_name(decorator.decorator) for decorator in function.node.decorators]


def import_source(module: Module, assignment: ImportAssignment) -> str | None:
    """The whole dotted name that an import has given the name of *assignment*."""
    node = assignment.node
    if not isinstance(node, (cst.Import, cst.ImportFrom)) or isinstance(node.names, cst.ImportStar):
        return None
    for alias in node.names:
        local = alias.evaluated_alias or alias.evaluated_name
        if isinstance(node, cst.Import):
            if alias.evaluated_alias is None:
                first = assignment.name.partition(".")[0]
                if local.partition(".")[0] == first:
                    return first
            elif local == assignment.name:
                return alias.evaluated_name
        elif local == assignment.name:
            home = import_home(module, node)
            return f"{home}.{alias.evaluated_name}" if home else alias.evaluated_name
    return None


def import_home(module: Module, node: cst.ImportFrom) -> str:
    """The module that ``from ... import`` imports from, a relative one made absolute."""
    name = dotted_name(node.module) if node.module else ""
    if not node.relative:
        return name
    package = module.name.split(".")
    if module.path.stem != "__init__":
        package.pop()
    package = package[: len(package) - len(node.relative) + 1]
    return ".".join([*package, name] if name else package)


def star_imports(module: Module) -> Iterator[str]:
    """The modules of which everything is imported."""
    for node in module.imports_from:
        if isinstance(node.names, cst.ImportStar):
            yield import_home(module, node)


def arguments(call: cst.Call, function: Function, name: str) -> Iterator[cst.BaseExpression]:
    """What *call* gives *function* for its parameter *name*."""
    names = [param.name.value for param in function.params]
    plain = function.owner is None or "staticmethod" in decorators(function)
    if not plain:
        names = names[1:]
    for place, argument in enumerate(call.args):
        if argument.star:
            return
        if argument.keyword is not None:
            if argument.keyword.value == name:
                yield argument.value
        elif place < len(names) and names[place] == name:
            yield argument.value


def contains(module: Module, outer: cst.CSTNode, node: cst.CSTNode) -> bool:
    """Whether *node* lies within *outer*."""
    at: cst.CSTNode | None = node
    while at is not None:
        if at is outer:
            return True
        at = module.parents.get(at)
    return False


def statement_of(module: Module, node: cst.CSTNode) -> cst.CSTNode:
    """The statement that *node* is a part of."""
    at = node
    while not isinstance(at, (cst.BaseCompoundStatement, cst.SimpleStatementLine)):
        parent = module.parents.get(at)
        if parent is None:
            break
        at = parent
    return at


def is_primary(module: Module, node: cst.CSTNode) -> bool:
    """Whether an attribute, an item or a call follows *node* directly."""
    match module.parents.get(node):
        case cst.Attribute(value=inner) | cst.Subscript(value=inner) | cst.Call(func=inner):
            return inner is node
        case _:
            return False


def is_awaited(module: Module, node: cst.CSTNode) -> bool:
    """Whether ``await`` stands before *node*."""
    return isinstance(module.parents.get(node), cst.Await)
