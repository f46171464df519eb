"""What a page of the documentation consists of, and what each of its blocks has to say for itself.

A block says what it is by its language, and by comments on the lines before it:

    <!-- file: NAME -->            the block is the file NAME, which is written instead of run
    <!-- append: NAME -->          the block is run, and added to that file; a server that runs with
                                   --debug starts anew
    <!-- setup: PYTHON -->         is run before the block, hidden from the reader; may await
    <!-- not run: REASON -->       Python is only compiled, commands are left alone
    <!-- run -->                   the commands of a console block are run, and what is shown after
                                   one of them has to be what it prints (... stands for anything)
    <!-- serve: REQUEST -->        each command starts a server, which has to answer the request; the
                                   last one goes on, so that later blocks can talk to it
    <!-- run by: FILE -->          the file, a test or a script, contains each of the commands

A comment after a block tests it:

    <!-- requests: ... -->         one REQUEST a line, `METHOD PATH [JSON or -- form] -> STATUS [TEXT]`
    <!-- check: PYTHON -->         hidden from the reader; may await

Directives of MyST, fences like ```{literalinclude}, are no blocks: what they show is tested elsewhere.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
#: Languages of blocks with commands.
SHELL = {"console", "sh", "bash"}
#: One of these has to stand before a block with commands.
FATES = {"file", "not run", "run", "run by", "serve"}
#: Directives whose argument is a file.
INCLUDING = {"literalinclude", "include", "figure", "image"}


@dataclass
class Block:
    """A fenced block: its language, its text, the line it begins at, the comments around it."""

    language: str
    text: str
    line: int
    before: dict[str, str] = field(default_factory=dict)
    after: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Directive:
    """A directive of MyST: its name, what stands behind the name, its text."""

    name: str
    argument: str
    text: str
    line: int


@dataclass
class Page:
    """What one Markdown file has: blocks, directives, and the prose without them."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    prose: str = ""


_FENCE = re.compile(r"( {0,3})(`{3,})\s*(?:\{([\w:-]+)\}\s*(.*?)|([\w-]*))\s*$")
_COMMENT = re.compile(
    r"<!-- *(file|append|setup|not run|run by|run|serve|requests|check)\b:?(.*?)-->", re.DOTALL
)


def read_page(path: Path) -> Page:
    lines = path.read_text(encoding="utf-8").splitlines()
    page = Page(path)
    prose: list[str] = []
    comment: list[str] = []
    pending: dict[str, str] = {}
    index = 0
    while index < len(lines):
        line = lines[index]
        fence = None if comment else _FENCE.match(line)
        if fence is not None:
            begin = index + 1
            index = _end_of_fence(path, lines, index, fence[2])
            text = "".join(text.removeprefix(fence[1]) + "\n" for text in lines[begin:index])
            _add_fence(page, fence, text, begin + 1, pending)
            pending = {}
            prose += [""] * (index - begin + 2)
        elif comment or line.startswith("<!--"):
            comment.append(line)
            prose.append("")
            if "-->" in line:
                _add_comment(page, "\n".join(comment).strip(), index + 1, pending)
                comment = []
        else:
            if line.strip() and pending:
                raise ValueError(f"{path.name}:{index + 1}: a comment without a block after it")
            prose.append(line)
        index += 1
    page.prose = "\n".join(prose)
    return page


def _end_of_fence(path: Path, lines: list[str], begin: int, ticks: str) -> int:
    for index in range(begin + 1, len(lines)):
        if lines[index].strip() == ticks:
            return index
    raise ValueError(f"{path.name}:{begin + 1}: a fence that is never closed")


def _add_fence(
    page: Page, fence: re.Match[str], text: str, line: int, pending: dict[str, str]
) -> None:
    _, _, directive, argument, language = fence.groups()
    if directive is None:
        page.blocks.append(Block(language, text, line, pending))
        return
    where = f"{page.path.name}:{line}: {{{directive}}}"
    if pending:
        raise ValueError(f"{where}: a comment before a directive, which is not run")
    if directive.startswith("code") or "```" in text:
        raise ValueError(f"{where}: write code in a plain fence, so that it is run")
    page.directives.append(Directive(directive, argument, text, line))


def _add_comment(page: Page, comment: str, line: int, pending: dict[str, str]) -> None:
    found = _COMMENT.fullmatch(comment)
    if found is None:
        raise ValueError(f"{page.path.name}:{line}: a comment that says nothing known")
    name, value = found[1], textwrap.dedent(found[2]).strip()
    if name in {"requests", "check"}:
        page.blocks[-1].after.append((name, value))
    else:
        pending[name] = value


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a block, and what is shown after each; a script is one command."""
    if block.language != "console":
        yield block.text, ""
        return
    command, shown = "", ""
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:].partition("  #")[0].strip(), ""
        elif command:
            shown += f"{line}\n"
        else:
            raise ValueError(f"line {block.line}: output before any command")
    if command:
        yield command, shown


def words_of(command: str) -> list[str]:
    """The words of *command*, without the variables that are set for it."""
    words = shlex.split(command)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        del words[0]
    return words


def problems(page: Page, known: set[str]) -> Iterator[str]:
    """What is wrong with the blocks of *page*, before anything is run."""
    for block in page.blocks:
        where = f"{page.path.name}:{block.line}"
        if block.language not in known:
            yield f"{where}: {block.language!r} is no language that is known here"
        if "not run" in block.before and not block.before["not run"]:
            yield f"{where}: not run, without a reason"
        if block.language not in SHELL:
            continue
        fates = FATES & block.before.keys()
        if len(fates) != 1:
            yield f"{where}: say what becomes of these commands, by one of {sorted(FATES)}"
        if "run by" in block.before:
            yield from _unproved(block, where)
    for directive in page.directives:
        if directive.name in INCLUDING and not (page.path.parent / directive.argument).is_file():
            yield f"{page.path.name}:{directive.line}: there is no file {directive.argument}"


def _unproved(block: Block, where: str) -> Iterator[str]:
    proof = ROOT / block.before["run by"]
    if not proof.is_file():
        yield f"{where}: there is no file {block.before['run by']}"
        return
    text = proof.read_text(encoding="utf-8")
    for command, _ in commands(block):
        if command not in text:
            yield f"{where}: {block.before['run by']} does not contain {command!r}"
