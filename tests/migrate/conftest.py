"""A migration of a small project: what becomes of its files, and what is reported.

Each migration is made twice; the second one must change nothing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from pottle.migrate.command import migrate


@dataclass
class Migrated:
    """The files of a project after its migration, and what is left to the user, as texts."""

    folder: Path
    notes: list[str]
    functions: int
    awaits: int

    def __getitem__(self, name: str) -> str:
        return (self.folder / name).read_text()

    @property
    def code(self) -> str:
        """The code of a project of one file."""
        return self["app.py"]

    def load(self, name: str = "app") -> Any:
        """The module *name* of the project, imported."""
        path = self.folder / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"migrated_{self.folder.name}_{name}", path)
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


Migrate = Callable[..., Migrated]


@pytest.fixture
def migrated(tmp_path: Path) -> Migrate:
    """Migrate a project of one file, or of several by name."""

    def run(
        files: str | dict[str, str], *, exclude: tuple[str, ...] = (), all_async: bool = False
    ) -> Migrated:
        if isinstance(files, str):
            files = {"app.py": files}
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).lstrip("\n"))
        report = migrate(tmp_path, exclude, all_async)
        for change in report.changes:
            if change.path.suffix == ".py":
                compile(change.after, str(change.path), "exec")
            change.write()
        again = migrate(tmp_path, exclude, all_async)
        assert [change.diff() for change in again.changes] == []
        notes = [
            f"{note.path.relative_to(tmp_path).as_posix()}:{note.line}: {note.reason}"
            for note in report.notes
        ]
        return Migrated(tmp_path, notes, report.functions, report.awaits)

    return run


@pytest.fixture
def becomes(migrated: Migrate) -> Callable[[str, str], Migrated]:
    """Assert what a file becomes; nothing may be left to the user."""

    def check(before: str, after: str) -> Migrated:
        result = migrated(before)
        assert result.code == dedent(after).lstrip("\n")
        assert result.notes == []
        return result

    return check


@pytest.fixture
def stays(migrated: Migrate) -> Callable[[str], list[str]]:
    """Assert that a file that was imported from Pottle already does not change; give what is said."""

    def check(text: str) -> list[str]:
        result = migrated(text)
        assert result.code == dedent(text).lstrip("\n")
        return result.notes

    return check
