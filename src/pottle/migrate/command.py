"""One run of the codemod: read a project, decide, rewrite, and report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .edits import Decisions, Edits
from .imports import find_renames
from .infer import Inference
from .model import Module
from .project import read_project
from .pytest_config import configure_pytest
from .report import Change, Report
from .rewrite import rewrite
from .roles import find_obstacles
from .sites import find_sites
from .spread import Spread
from .wrappers import Wrappers


def migrate(root: Path, exclude: Iterable[str] = (), all_async: bool = False) -> Report:
    """Migrate what lies at *root*, a file or a folder; nothing is written.

    Arguments:
        exclude: patterns for paths, relative to *root*, that are left out.
        all_async: whether views and hooks that wait for nothing become coroutine functions, too.

    The report has the changes, which can be written, and what is left to the user.
    """
    report = Report()
    project = read_project(root, exclude, report)
    infer = Inference(project)
    wrappers = Wrappers(infer)
    find_obstacles(infer, wrappers)
    found = find_sites(infer, wrappers, report)
    spread = Spread(infer, wrappers, found)
    spread.run(all_async)
    edits = Decisions(infer, wrappers, found, spread, report).make()
    for module in project.modules:
        renames = find_renames(module, project, report)
        if edits[module] or renames:
            _rewrite(module, rewrite(module, edits[module], renames), edits[module], report)
    if any(_makes_tests_async(module, edits[module]) for module in project.modules):
        configure_pytest(root, report)
    return report


def _rewrite(module: Module, code: str, edits: Edits, report: Report) -> None:
    report.changes.append(Change(module.path, module.text, code, module.tree.encoding))
    report.functions += len(edits.functions)
    report.awaits += len(edits.awaits)


def _makes_tests_async(module: Module, edits: Edits) -> bool:
    return module.is_test and bool(edits.functions)
