"""Reading a project: which files, what modules they are, which functions and classes stand in them."""

# ruff: noqa: N802 - LibCST finds the methods of a visitor by the names of its nodes
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import libcst as cst
from libcst.metadata import (
    GlobalScope,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    ScopeProvider,
)

from .model import Class, Function, Module
from .report import Report

#: Folders that hold no code of the project.
_SKIPPED = frozenset(
    "__pycache__ .eggs .git .hg .mypy_cache .nox .pytest_cache .ruff_cache .svn .tox .venv build dist"
    " node_modules site-packages venv".split()
)


@dataclass
class Project:
    """All modules below one path."""

    root: Path
    modules: list[Module] = field(default_factory=list[Module])

    def module(self, dotted: str) -> Module | None:
        """The module called *dotted*; None if there is none, or more than one."""
        found = [module for module in self.modules if module.name == dotted]
        return found[0] if len(found) == 1 else None

    def functions(self) -> Iterator[Function]:
        """All functions of all modules."""
        for module in self.modules:
            yield from module.functions.values()


def read_project(root: Path, exclude: Iterable[str], report: Report) -> Project:
    """Read the Python files below *root* (or *root* itself, if it is a file).

    *exclude* are patterns for paths relative to *root* that are left out. What cannot be read is
    reported and left out, too.
    """
    project = Project(root)
    for path in _files(root, tuple(exclude)):
        try:
            project.modules.append(_read(path))
        except cst.ParserSyntaxError as error:
            first = str(error.message).splitlines()[0]
            report.note(path, error.raw_line, f"skipped, for it is no valid Python: {first}")
        except (OSError, UnicodeError) as error:
            report.note(path, 1, f"skipped, for it cannot be read: {error}")
    return project


def _files(root: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for path in sorted(root.iterdir()):
        if path.is_symlink() or path.name in _SKIPPED or (path / "pyvenv.cfg").exists():
            continue
        yield from _below(path, root, exclude)


def _below(path: Path, root: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    relative = path.relative_to(root).as_posix()
    if any(fnmatch(relative, glob) or fnmatch(path.name, glob) for glob in exclude):
        return
    if path.is_dir():
        for child in sorted(path.iterdir()):
            skipped = child.is_symlink() or child.name in _SKIPPED
            if not skipped and not (child / "pyvenv.cfg").exists():
                yield from _below(child, root, exclude)
    elif path.suffix == ".py":
        yield path


def _read(path: Path) -> Module:
    source = path.read_bytes()
    wrapper = MetadataWrapper(cst.parse_module(source))
    wrapper.resolve_many([ScopeProvider, ParentNodeProvider, PositionProvider])  # in one go
    scopes = wrapper.resolve(ScopeProvider)
    found = (scope for scope in scopes.values() if isinstance(scope, GlobalScope))
    module = Module(
        path=path,
        name=_module_name(path),
        text=source.decode(wrapper.module.encoding),
        tree=wrapper.module,
        scopes=scopes,
        parents=wrapper.resolve(ParentNodeProvider),
        positions=wrapper.resolve(PositionProvider),
        globals=next(found, None),
    )
    module.tree.visit(_Index(module))
    return module


def _module_name(path: Path) -> str:
    path = path.resolve()
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


class _Index(cst.CSTVisitor):
    """Enters the functions and classes of a module into it."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.around: list[Function | Class] = []
        self.lambdas = 0

    def _function(self) -> Function | None:
        if self.lambdas:
            return None  # what a lambda yields is its own
        return next((it for it in reversed(self.around) if isinstance(it, Function)), None)

    def on_visit(self, node: cst.CSTNode) -> bool:
        match node:
            case cst.Call():
                self.module.calls.append(node)
            case cst.Import():
                self.module.imports.append(node)
            case cst.ImportFrom():
                self.module.imports_from.append(node)
            case _:
                pass
        return super().on_visit(node)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        made = self.module.classes[node] = Class(self.module, node)
        self.around.append(made)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self.around.pop()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        owner = self.around[-1] if self.around else None
        owner = owner if isinstance(owner, Class) else None
        made = Function(self.module, node, owner, self._function())
        made.is_async = made.was_async
        self.module.functions[node] = made
        if owner is not None:
            owner.methods[node.name.value] = made
        self.around.append(made)

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self.around.pop()

    def visit_Lambda(self, node: cst.Lambda) -> None:
        self.lambdas += 1

    def leave_Lambda(self, original_node: cst.Lambda) -> None:
        self.lambdas -= 1

    def visit_Yield(self, node: cst.Yield) -> None:
        function = self._function()
        if function is not None:
            function.yields.append(node)
            function.delegates = function.delegates or isinstance(node.value, cst.From)

    def visit_Return(self, node: cst.Return) -> None:
        function = self._function()
        if function is not None and node.value is not None:
            function.returns.append(node.value)

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._attribute(target.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self._attribute(node.target, node.value)

    def _attribute(self, target: cst.BaseExpression, value: cst.BaseExpression) -> None:
        """Remember ``self.x = value`` in a method, and ``x = value`` in the body of a class."""
        inner = self.around[-1] if self.around else None
        if isinstance(inner, Class) and isinstance(target, cst.Name):
            inner.attributes.setdefault(target.value, []).append(value)
        elif isinstance(inner, Function) and inner.owner is not None and inner.params:
            match target:
                case cst.Attribute(value=cst.Name(value=name), attr=cst.Name(value=attribute)):
                    if name == inner.params[0].name.value:
                        inner.owner.attributes.setdefault(attribute, []).append(value)
                case _:
                    pass
