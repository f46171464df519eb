"""What is told at the end: the differences, the numbers, and what is left to a human."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path


@dataclass(frozen=True, order=True)
class Note:
    """Something that the codemod left, or that a human should know: where, and why."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class Change:
    """The text of a file before and after."""

    path: Path
    before: str
    after: str
    encoding: str = "utf-8"

    def write(self) -> None:
        """Write the file as it is after the change."""
        self.path.write_bytes(self.after.encode(self.encoding))

    def diff(self) -> str:
        """The change as a unified diff."""
        name = self.path.as_posix()
        lines = unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), name, name
        )
        # A last line without its end would run into the next one.
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )


@dataclass
class Report:
    """What one run has found and done."""

    changes: list[Change] = field(default_factory=list[Change])
    functions: int = 0
    awaits: int = 0
    _notes: set[Note] = field(default_factory=set[Note])

    def note(self, path: Path, line: int, reason: str) -> None:
        """Leave something to the user; said once for each place."""
        self._notes.add(Note(path, line, reason))

    @property
    def notes(self) -> list[Note]:
        """What is left to the user, by file and line."""
        return sorted(self._notes)

    def summary(self) -> str:
        """The numbers and the notes, as lines of text."""
        done = (
            f"{_count(len(self.changes), 'file')} changed",
            f"{_count(self.functions, 'function')} made async",
            f"{_count(self.awaits, 'await')} added.",
        )
        lines = [", ".join(done)]
        if self._notes:
            lines.append(f"\nLeft to you ({len(self._notes)}):")
            lines.extend(f"  {note}" for note in self.notes)
        return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
