"""Changing where names come from: `flask` becomes `pottle`, and `Flask` becomes `Pottle`.

What Pottle has not stays Flask's, and is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import ImportAssignment

from .model import Module
from .names import in_pottle, is_flask, is_module
from .project import Project
from .report import Report
from .syntax import import_home, import_source

Aliases = list[cst.ImportAlias]
#: Where Pottle's names come from, they, and those that stay Flask's.
Moved = tuple[str, Aliases, Aliases]


@dataclass
class Renames:
    """What changes in one module, by nodes of its tree."""

    #: What a ``from flask import`` splits into.
    moved: dict[cst.ImportFrom, Moved] = field(default_factory=dict[cst.ImportFrom, Moved])
    #: ``import flask``: the names that replace those in the statement.
    imports: dict[cst.Import, Aliases] = field(default_factory=dict[cst.Import, Aliases])
    #: Names and attributes that become other code.
    uses: dict[cst.CSTNode, str] = field(default_factory=dict[cst.CSTNode, str])

    def __bool__(self) -> bool:
        return bool(self.moved or self.imports or self.uses)


def find_renames(module: Module, project: Project, report: Report) -> Renames:
    """What is to be renamed in *module*; what stays Flask's is reported."""
    return _Finder(module, project, report).find()


class _Finder:
    def __init__(self, module: Module, project: Project, report: Report) -> None:
        self.module = module
        self.project = project
        self.report = report
        self.renames = Renames()

    def find(self) -> Renames:
        for node in self.module.imports_from:
            self._from(node)
        for whole in self.module.imports:
            self._import(whole)
        return self.renames

    def _stays(self, node: cst.CSTNode, dotted: str) -> None:
        self.report.note(
            self.module.path,
            self.module.line(node),
            f"Pottle has no '{dotted}': it is still imported from Flask",
        )

    # `from flask import ...`

    def _from(self, node: cst.ImportFrom) -> None:
        home = import_home(self.module, node)
        if node.relative or not is_flask(home):
            return
        if isinstance(node.names, cst.ImportStar):
            self.report.note(
                self.module.path,
                self.module.line(node),
                f"'from {home} import *' was left: say which names are meant, and migrate again",
            )
            return
        ours: Aliases = []
        theirs: Aliases = []
        target = ""
        for alias in node.names:
            new = in_pottle(f"{home}.{alias.evaluated_name}")
            if new is None:
                theirs.append(alias)
                self._stays(node, f"{home}.{alias.evaluated_name}")
            else:
                target, _, name = new.rpartition(".")
                ours.append(self._renamed(node, alias, name))
        if ours:
            self.renames.moved[node] = (target, ours, theirs)

    def _renamed(self, node: cst.ImportFrom, alias: cst.ImportAlias, name: str) -> cst.ImportAlias:
        """The alias under its new name; the code uses that name, too, where nothing speaks against it."""
        old = alias.evaluated_name
        if name == old:
            return alias
        if alias.asname is not None:
            return alias.with_changes(name=cst.Name(name))
        if self._is_free(name) and not self._is_imported_elsewhere(old):
            for assignment in self._assignments(node, old):
                for access in assignment.references:
                    self._rename_use(access.node, old, name)
            return alias.with_changes(name=cst.Name(name))
        return alias.with_changes(name=cst.Name(name), asname=cst.AsName(cst.Name(old)))

    def _rename_use(self, node: cst.CSTNode, old: str, name: str) -> None:
        while isinstance(node, cst.Attribute):  # of `Flask.route` it is the first name
            node = node.value
        if isinstance(node, cst.SimpleString):
            self.renames.uses[node] = re.sub(rf"\b{old}\b", name, node.value)
        else:
            self.renames.uses[node] = name

    def _assignments(self, node: cst.CSTNode, name: str) -> Iterator[ImportAssignment]:
        scope = self.module.scopes.get(node)
        if scope is None:
            return
        for assignment in scope.assignments:
            if (
                isinstance(assignment, ImportAssignment)
                and assignment.node is node
                and assignment.name == name
            ):
                yield assignment

    def _is_free(self, name: str) -> bool:
        scopes = {scope for scope in self.module.scopes.values() if scope is not None}
        return not any(
            assignment.name == name for scope in scopes for assignment in scope.assignments
        )

    def _is_imported_elsewhere(self, name: str) -> bool:
        """Whether another module of the project takes *name* from this one."""
        return any(
            alias.evaluated_name == name
            for other in self.project.modules
            for node in other.imports_from
            if import_home(other, node) == self.module.name
            and not isinstance(node.names, cst.ImportStar)
            for alias in node.names
        )

    # `import flask`

    def _import(self, node: cst.Import) -> None:
        scope = self.module.scopes.get(node)
        aliases: Aliases = []
        changed = False
        for alias in node.names:
            if not is_flask(alias.evaluated_name):
                aliases.append(alias)
                continue
            kept, moved = self._module_alias(node, alias, scope)
            aliases += [*kept, *moved]
            changed = changed or bool(moved)
        if changed:
            self.renames.imports[node] = aliases

    def _module_alias(
        self, node: cst.Import, alias: cst.ImportAlias, scope: Any
    ) -> tuple[Aliases, Aliases]:
        """What stays of ``import flask as f``, and what is imported from Pottle in its place."""
        home = alias.evaluated_name
        local = alias.evaluated_alias or "flask"
        uses = list(self._uses(node, alias, scope))
        new_home = in_pottle(home)
        lacking = [(use, dotted) for use, dotted in uses if in_pottle(dotted) is None]
        for use, dotted in lacking:
            self._stays(use, dotted)
        if new_home is None:
            if not uses:
                self._stays(node, home)
            return [alias], []
        stays = bool(lacking) or any(not isinstance(use, cst.Attribute) for use, _ in uses)
        if stays and len(lacking) == len(uses):
            return [alias], []
        base = local if alias.evaluated_alias and not stays else new_home.partition(".")[0]
        for use, dotted in uses:
            new = in_pottle(dotted)
            if new is not None and isinstance(use, cst.Attribute):
                self.renames.uses[use] = _below(base, new, new_home, alias.evaluated_alias)
        moved = alias.with_changes(name=_expression(new_home))
        if not stays:
            return [], [moved]
        if alias.evaluated_alias:
            moved = moved.with_changes(asname=None)
        return [alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)], [moved]

    def _uses(
        self, node: cst.Import, alias: cst.ImportAlias, scope: Any
    ) -> Iterator[tuple[cst.CSTNode, str]]:
        """Where the imported module is used: the longest attribute that is Flask's, and its name."""
        home = alias.evaluated_name
        seen: set[cst.CSTNode] = set()
        for assignment in scope.assignments if scope else ():
            if not isinstance(assignment, ImportAssignment) or assignment.node is not node:
                continue
            start = home if alias.evaluated_alias else import_source(self.module, assignment)
            if alias.evaluated_alias not in {None, assignment.name} or start is None:
                continue
            for access in assignment.references:
                first: cst.CSTNode = access.node
                while isinstance(first, cst.Attribute):
                    first = first.value
                if first not in seen:
                    seen.add(first)
                    yield self._longest(first, start)

    def _longest(self, node: cst.CSTNode, dotted: str) -> tuple[cst.CSTNode, str]:
        """Of ``flask.json.dumps(x).y`` the node of ``flask.json.dumps``."""
        while True:
            parent = self.module.parents[node]
            if not (isinstance(parent, cst.Attribute) and parent.value is node):
                return node, dotted
            longer = f"{dotted}.{parent.attr.value}"
            if not is_module(in_pottle(dotted) or ""):
                return node, dotted
            node, dotted = parent, longer


def _below(base: str, new: str, home: str, alias: str | None) -> str:
    return f"{base}{new.removeprefix(home)}" if alias and base == alias else new


def _expression(dotted: str) -> Any:
    return cst.parse_expression(dotted)


class ImportRewriter(cst.CSTTransformer):
    """Makes the renames in the tree they were found in."""

    def __init__(self, renames: Renames) -> None:
        self.renames = renames

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        renames = self.renames
        if original_node in renames.uses:
            new: Any = cst.parse_expression(renames.uses[original_node])
            return new.with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)
        if original_node in renames.imports:
            return updated_node.with_changes(names=_separated(renames.imports[original_node]))
        if isinstance(original_node, cst.SimpleStatementLine):
            return self._line(original_node, updated_node)
        return updated_node

    def _line(self, original: cst.SimpleStatementLine, line: cst.SimpleStatementLine) -> Any:
        """One line for Pottle's names, and one for those that stay Flask's."""
        small: list[Any] = []
        rest: list[cst.ImportFrom] = []
        for before, after in zip(original.body, line.body, strict=True):
            if isinstance(before, cst.ImportFrom) and before in self.renames.moved:
                target, ours, theirs = self.renames.moved[before]
                old: Any = after
                small.append(
                    old.with_changes(module=_expression(target), names=_separated(ours, old.names))
                )
                if theirs:
                    rest.append(old.with_changes(names=_separated(theirs, old.names)))
            else:
                small.append(after)
        if not rest:
            return line.with_changes(body=small)
        first = line.with_changes(body=small)
        return cst.FlattenSentinel([first, cst.SimpleStatementLine(rest)])


def _separated(
    aliases: Sequence[cst.ImportAlias], before: Sequence[cst.ImportAlias] = ()
) -> Aliases:
    """The names with commas between them, and after the last what stood after the last before."""
    last: Any = before[-1].comma if before else cst.MaybeSentinel.DEFAULT
    result = [
        alias
        if isinstance(alias.comma, cst.Comma)
        else alias.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
        for alias in aliases[:-1]
    ]
    return [*result, aliases[-1].with_changes(comma=last)]
