"""What was read of a project: modules, functions, classes, and what an expression stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import CodeRange, GlobalScope, Scope


@dataclass(frozen=True)
class Thing:
    """What an expression stands for: a kind (see `facts`), and what it is of.

    The kinds beside those of `facts`: ``name`` (of a dotted name of Flask's), ``external`` (of one
    of another package), ``module``, ``class``, ``function``, ``instance``, ``super`` (of a class),
    ``member`` (of a kind and a name), ``made`` (of the name of what another package made it with) and
    ``tuple``.
    """

    kind: str
    of: Any = None
    #: What stands in a tuple.
    items: tuple[Thing | None, ...] = ()


@dataclass(eq=False)
class Module:
    """A file: its code, and what LibCST knows about the code."""

    path: Path
    name: str
    text: str
    tree: cst.Module
    scopes: Mapping[cst.CSTNode, Scope | None]
    parents: Mapping[cst.CSTNode, cst.CSTNode]
    positions: Mapping[cst.CSTNode, CodeRange]
    globals: GlobalScope | None
    calls: list[cst.Call] = field(default_factory=list[cst.Call])
    imports: list[cst.Import] = field(default_factory=list[cst.Import])
    imports_from: list[cst.ImportFrom] = field(default_factory=list[cst.ImportFrom])
    functions: dict[cst.FunctionDef, Function] = field(
        default_factory=dict[cst.FunctionDef, "Function"]
    )
    classes: dict[cst.ClassDef, Class] = field(default_factory=dict[cst.ClassDef, "Class"])

    @property
    def is_test(self) -> bool:
        """Whether pytest collects this file, or fixtures from it."""
        stem = self.path.stem
        return stem == "conftest" or stem.startswith("test_") or stem.endswith("_test")

    def line(self, node: cst.CSTNode) -> int:
        """The line that *node* begins in, counted from 1."""
        place = self.positions.get(node)
        return 1 if place is None else place.start.line

    def code(self, node: cst.CSTNode) -> str:
        """The code of *node* in one line."""
        return " ".join(self.tree.code_for_node(node).split())


@dataclass(eq=False)
class Function:
    """A ``def``, and whether it is a coroutine function once the migration is through."""

    module: Module
    node: cst.FunctionDef
    owner: Class | None
    parent: Function | None
    yields: list[cst.Yield] = field(default_factory=list[cst.Yield])
    returns: list[cst.BaseExpression] = field(default_factory=list[cst.BaseExpression])
    delegates: bool = False
    is_async: bool = False
    #: Why it cannot become a coroutine function; None if it can. Set by `roles`.
    obstacle: str | None = None

    @property
    def name(self) -> str:
        """The name, with that of its class."""
        name = self.node.name.value
        return f"{self.owner.name}.{name}" if self.owner else name

    @property
    def is_generator(self) -> bool:
        """Whether it yields."""
        return bool(self.yields) or self.delegates

    @property
    def was_async(self) -> bool:
        """Whether it is a coroutine function in the code that was read."""
        return self.node.asynchronous is not None

    @property
    def params(self) -> list[cst.Param]:
        """The parameters that can be given by position."""
        return [*self.node.params.posonly_params, *self.node.params.params]

    def __repr__(self) -> str:
        return f"<Function {self.module.name}.{self.name}>"


@dataclass(eq=False)
class Class:
    """A class, its methods, and the values that its attributes are set to."""

    module: Module
    node: cst.ClassDef
    methods: dict[str, Function] = field(default_factory=dict[str, Function])
    attributes: dict[str, list[cst.BaseExpression]] = field(
        default_factory=dict[str, list[cst.BaseExpression]]
    )

    @property
    def name(self) -> str:
        """The name as it stands in the code."""
        return self.node.name.value

    def __repr__(self) -> str:
        return f"<Class {self.module.name}.{self.name}>"
