"""The engine stays a hot path: what `engine/README.md` forbids is looked for in the syntax tree."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pottle.engine
import pottle.protocols.asgi

ENGINE = Path(pottle.engine.__file__).parent
FILES = [*sorted(ENGINE.glob("*.py")), Path(pottle.protocols.asgi.__file__)]

#: Compiling happens once per plan, so there a chain of checks and a look into the configuration
#: are in place; so are they where results of odd types are turned into responses.
COLD = {"plan.py", "results.py"}


class Impurities(ast.NodeVisitor):
    """Collects, with line numbers, whatever may not stand in the hot path."""

    def __init__(self, cold: bool = False) -> None:
        self.cold = cold
        self.found: list[str] = []
        self.functions = 0

    def note(self, node: ast.AST, what: str) -> None:
        self.found.append(f"line {node.lineno}: {what}")  # type: ignore[attr-defined]

    def visit_function(self, node: ast.AST) -> None:
        if self.functions:
            self.note(node, "nested function")
        self.functions += 1
        self.generic_visit(node)
        self.functions -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_function

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.partition(".")[0] == "inspect":
                self.note(node, "inspect")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "inspect":
            self.note(node, "inspect")
        if self.functions:
            self.note(node, "import inside a function")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        value = node.value
        if not self.cold and isinstance(value, ast.Attribute) and value.attr == "config":
            if not self.is_error_path(node):
                self.note(node, "configuration look-up")
        self.generic_visit(node)

    def is_error_path(self, node: ast.Subscript) -> bool:
        # Only an unhandled error asks this, and then once.
        key = node.slice
        return isinstance(key, ast.Constant) and key.value == "TRAP_BAD_REQUEST_ERRORS"

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else None
        if name in {"create_task", "ensure_future", "gather"} or name == "TaskGroup":
            self.note(node, "task creation")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        checks = [
            value
            for value in node.values
            if isinstance(value, ast.Call)
            and isinstance(value.func, ast.Name)
            and value.func.id == "isinstance"
        ]
        if len(checks) > 1:
            self.note(node, "chain of isinstance")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        def asks(test: ast.expr) -> bool:
            return (
                isinstance(test, ast.Call)
                and isinstance(test.func, ast.Name)
                and test.func.id == "isinstance"
            )

        other = node.orelse
        chained = len(other) == 1 and isinstance(other[0], ast.If) and asks(other[0].test)
        if not self.cold and asks(node.test) and chained:
            self.note(node, "chain of isinstance")
        self.generic_visit(node)


def impurities(source: str, name: str = "hot.py") -> list[str]:
    visitor = Impurities(cold=name in COLD)
    visitor.visit(ast.parse(source))
    return visitor.found


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_nothing_impure_is_in_the_hot_path(path: Path) -> None:
    allowed = {
        # The watch for the client, begun after a delay, and the filler of a silent stream.
        "inbox.py": 1,
        "answer.py": 1,
    }
    found = impurities(path.read_text(), path.name)
    tasks = [line for line in found if "task creation" in line]
    assert [line for line in found if line not in tasks] == []
    assert len(tasks) == allowed.get(path.name, 0), tasks


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("async def http():\n    async def inner():\n        pass\n", "nested function"),
        ("async def http():\n    key = lambda: 1\n", "nested function"),
        ("async def http(app):\n    return app.config['DEBUG']\n", "configuration look-up"),
        ("import inspect\n", "inspect"),
        ("from inspect import isawaitable\n", "inspect"),
        ("def f(loop):\n    loop.create_task(g())\n", "task creation"),
        ("def f():\n    import os\n    from os import path\n", "import inside a function"),
        (
            (
                "def f(x):\n    if isinstance(x, str):\n        pass\n"
                "    elif isinstance(x, bytes):\n        pass\n"
            ),
            "chain of isinstance",
        ),
        ("def f(x):\n    return isinstance(x, A) or isinstance(x, B)\n", "chain of isinstance"),
    ],
)
def test_the_check_finds_what_it_is_for(source: str, what: str) -> None:
    assert any(what in line for line in impurities(source))


def test_a_closure_put_into_the_engine_is_found() -> None:
    source = (ENGINE / "drive.py").read_text()
    spoiled = source.replace(
        "    try:\n        waiting = coroutine.send(None)\n",
        "    def step():\n        return coroutine.send(None)\n"
        "    try:\n        waiting = step()\n",
    )
    assert spoiled != source
    assert any("nested function" in line for line in impurities(spoiled, "drive.py"))
