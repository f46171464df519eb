"""The documentation is executed: every page, block by block, in a process and a folder of its own.

A block says what it is by its language, and by a comment on the lines before it:

    <!-- file: NAME -->            the block is the file NAME, which is written instead of run
    <!-- not run: REASON -->       the block is only compiled
    <!-- run -->                   the commands of a console block are run, and what is shown after
                                   each of them has to be what it prints (... stands for anything)

A comment after a block tests it:

    <!-- requests: ... -->         one request a line, `METHOD PATH [JSON or -- form] -> STATUS [TEXT]`
    <!-- check: ... -->            Python, hidden from the reader; may await

The Python of a page shares one namespace and may await at top level. Functions without arguments
called `test_*` are run where they are defined; files called `test_*.py` are given to pytest.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import linecache
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}

#: Languages of blocks, and whether anything in them is executed or read by this test.
LANGUAGES = {"python", "console", "toml", "json", "html", "text", "ini", "nginx", "javascript"}
MOST_NOT_RUN = 3
#: Inline code in capitals that is no key of the configuration.
NO_KEYS = re.compile(r"(POTTLE|SQLALCHEMY)_[A-Z_]+|FORWARDED_ALLOW_IPS")


@dataclass
class Block:
    """A fenced block: its language, its text, the line it begins at, the comments around it."""

    language: str
    text: str
    line: int
    before: dict[str, str] = field(default_factory=dict)
    after: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Page:
    """What one Markdown file has: blocks, and the prose without them."""

    path: Path
    blocks: list[Block]
    prose: str


_FENCE = re.compile(r"( {0,3})(`{3,})\s*([\w-]*)\s*$")
_COMMENT = re.compile(r"<!-- *(file|not run|run|requests|check)\b:?(.*?)-->", re.DOTALL)


def read_page(path: Path) -> Page:
    lines = path.read_text(encoding="utf-8").splitlines()
    blocks: list[Block] = []
    prose: list[str] = []
    comment: list[str] = []
    pending: dict[str, str] = {}
    index = 0
    while index < len(lines):
        line = lines[index]
        fence = None if comment else _FENCE.match(line)
        if fence is not None:
            indent, ticks, language = fence.groups()
            begin = index + 1
            index = next(
                i for i in range(begin, len(lines)) if lines[i].strip() == ticks
            )  # StopIteration: a fence that is never closed
            text = "\n".join(text.removeprefix(indent) for text in lines[begin:index])
            blocks.append(Block(language, text + "\n", begin + 1, pending))
            pending = {}
            prose += [""] * (index - begin + 2)
        elif comment or line.startswith("<!--"):
            comment.append(line)
            prose.append("")
            if "-->" in line:
                found = _COMMENT.fullmatch("\n".join(comment).strip())
                if found is None:
                    raise ValueError(f"{path.name}:{index + 1}: a comment that says nothing known")
                name, value = found[1], found[2]
                if name in {"requests", "check"}:
                    blocks[-1].after.append((name, textwrap.dedent(value).strip()))
                else:
                    pending[name] = value.strip()
                comment = []
        else:
            assert not (line.strip() and pending), (
                f"{path.name}:{index + 1}: a comment without block"
            )
            prose.append(line)
        index += 1
    return Page(path, blocks, "\n".join(prose))


# Running a page, in a process of its own (see `main`).


class Runner:
    """Runs the blocks of one page in the working directory."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.module = types.ModuleType("page")
        self.module.__file__ = str(Path.cwd() / "page.py")
        sys.modules["page"] = self.module
        self.names = self.module.__dict__
        self.test_files: list[str] = []

    async def run(self) -> None:
        for block in self.page.blocks:
            if "file" in block.before:
                self._write(block.before["file"], block.text)
            elif block.language == "python":
                await self._run_python(block)
            elif "run" in block.before:
                self._run_console(block)
            for kind, text in block.after:
                if kind == "requests":
                    await self._request(text)
                else:
                    await self._execute(text, f"<check after line {block.line}>", 1)
            await asyncio.sleep(0)
        if self.test_files:
            options = ["-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
            self._call([sys.executable, "-m", "pytest", *options, *self.test_files])

    def _write(self, name: str, text: str) -> None:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".py":
            compile(text, name, "exec")
        if path.name.startswith("test_"):
            self.test_files.append(name)

    async def _run_python(self, block: Block) -> None:
        if "not run" in block.before:
            compile(block.text, str(self.page.path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            return
        before = dict(self.names)
        await self._execute(block.text, str(self.page.path), block.line)
        for name, value in list(self.names.items()):
            if name.startswith("test_") and before.get(name) is not value:
                result = value()
                if inspect.isawaitable(result):
                    await result

    async def _execute(self, text: str, filename: str, line: int) -> None:
        """Run *text* as if it stood at *line* of *filename*; it may await."""
        source = "\n" * (line - 1) + text
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        code = compile(source, filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        result = eval(code, self.names)
        if inspect.isawaitable(result):
            await result

    async def _request(self, text: str) -> None:
        async with self.names["app"].test_app() as app:
            client = app.test_client()
            for line in filter(None, text.splitlines()):
                asked, _, expected = line.partition(" -> ")
                method, path, *body = asked.split(maxsplit=2)
                response = await client.open(path, method=method, **_body(body))
                status, _, part = expected.partition(" ")
                got = await response.get_data(as_text=True)
                assert response.status_code == int(status), f"{line}: {response.status} {got}"
                assert part in got, f"{line}: {got}"

    def _run_console(self, block: Block) -> None:
        for command, shown in commands(block):
            got = self._call(shlex.split(command))
            pattern = re.escape(shown.strip()).replace(r"\.\.\.", ".*")
            assert re.fullmatch(pattern, got.strip(), re.DOTALL), f"$ {command}\n{got}"

    def _call(self, command: list[str]) -> str:
        if command[0] in {"pottle", "python"}:
            command = [
                sys.executable,
                *(["-m", "pottle"] if command[0] == "pottle" else []),
                *command[1:],
            ]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"{shlex.join(command)}:\n{done.stdout}"
        return done.stdout


def _body(given: list[str]) -> dict[str, Any]:
    if not given:
        return {}
    text = given[0]
    if text.startswith("-- "):
        return {"form": dict(pair.split("=", 1) for pair in text[3:].split("&"))}
    return {"json": json.loads(text)}


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, and what is shown after each."""
    command, shown = "", ""
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:].partition("  #")[0], ""
        else:
            assert command, f"line {block.line}: output before any command"
            shown += f"{line}\n"
    if command:
        yield command, shown


async def _run_and_look_around(page: Page) -> None:
    await Runner(page).run()
    for _ in range(10):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"The page left tasks running: {left}"


def main() -> None:
    """Run one page: its path is the argument, the folder to run it in the working directory."""
    sys.path.insert(0, str(Path.cwd()))
    asyncio.run(_run_and_look_around(read_page(Path(sys.argv[1]))))


# The tests.


def pages() -> list[Page]:
    return [read_page(path) for path in PAGES.values()]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs(name: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("POTTLE_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__, str(PAGES[name])],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_blocks_are_of_a_known_language() -> None:
    for page in pages():
        for block in page.blocks:
            assert block.language in LANGUAGES, f"{page.path.name}:{block.line}: {block.language!r}"
            if block.language == "toml":
                tomllib.loads(block.text)
            if block.language == "json":
                json.loads(block.text)


def test_few_blocks_are_not_run_and_each_has_a_reason() -> None:
    reasons = [
        f"{page.path.name}:{block.line}: {block.before['not run']}"
        for page in pages()
        for block in page.blocks
        if "not run" in block.before
    ]
    assert all(reason.partition(": ")[2] for reason in reasons), reasons
    assert len(reasons) <= MOST_NOT_RUN, reasons


def _all_commands() -> Iterator[tuple[str, list[str]]]:
    for page in pages():
        for block in page.blocks:
            if block.language == "console":
                for command, _ in commands(block):
                    words = shlex.split(command)
                    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                        del words[0]
                    yield f"{page.path.name}:{block.line}: {command}", words


def _files_of_pages(folder: Path) -> None:
    """The files that pages show, so that commands can find the applications in them."""
    for page in pages():
        for block in page.blocks:
            name = block.before.get("file")
            if name is not None:
                path = folder / page.path.stem / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")


def test_every_pottle_command_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from pottle.cli import alias, cli

    _files_of_pages(tmp_path)
    seen = 0
    # What options and `.env` files set is set in a copy, which is gone after the test.
    monkeypatch.setattr(os, "environ", {**os.environ, "POTTLE_DEBUG": "0"})
    monkeypatch.setattr(sys, "path", sys.path[:])
    # `--as-quart` is parsed, too, but would stay on in this process.
    monkeypatch.setattr(alias, "install_if_asked", lambda: None)
    for where, words in _all_commands():
        if words[:1] != ["pottle"]:
            continue
        seen += 1
        folder = tmp_path / where.partition(".")[0]
        monkeypatch.chdir(folder if folder.is_dir() else tmp_path)
        known = set(sys.modules)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                group: Any = cli
                context = group.make_context("pottle", words[1:])
                while isinstance(group, click.Group) and (rest := _rest(context)):
                    name, group, rest = group.resolve_command(context, rest)
                    context = group.make_context(name, rest, parent=context)
        except click.exceptions.Exit:
            pass  # --help, --version
        except click.ClickException as error:
            pytest.fail(f"{where}\n{error.format_message()}")
        finally:
            for name in set(sys.modules) - known:
                if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
                    del sys.modules[name]
    assert seen


def _rest(context: Any) -> list[str]:
    return [*getattr(context, "_protected_args", ()), *context.args]


def test_every_uvicorn_and_granian_command_is_accepted() -> None:
    import click
    from granian.cli import cli as granian
    from uvicorn.main import main as uvicorn

    groups: dict[str, click.Command] = {"uvicorn": uvicorn, "granian": granian}
    seen = set()
    for where, words in _all_commands():
        if words[0] in groups:
            seen.add(words[0])
            try:
                groups[words[0]].make_context(words[0], words[1:])
            except click.ClickException as error:
                pytest.fail(f"{where}\n{error.format_message()}")
    assert seen == set(groups)


def test_every_extra_that_is_installed_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"])
    named = set()
    for page in pages():
        for extra in re.findall(r"pottle\[([\w,-]+)\]", page.path.read_text()):
            named.update(extra.split(","))
    assert named == extras


# Links.

_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _without_code(prose: str) -> str:
    return re.sub(r"(`+).+?\1", "", prose)


def _anchors(page: Page) -> set[str]:
    """The anchors of the headings, as code hosts make them."""
    found: set[str] = set()
    for title in re.findall(r"^#{1,6} +(.+?)\s*$", page.prose, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = 1
        anchor = slug
        while anchor in found:
            anchor, number = f"{slug}-{number}", number + 1
        found.add(anchor)
    return found


def test_internal_links_lead_somewhere() -> None:
    for page in pages():
        for target in _LINK.findall(_without_code(page.prose)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            path = (page.path.parent / name).resolve() if name else page.path
            assert path.is_file(), f"{page.path.name}: {target}"
            if anchor:
                assert anchor in _anchors(read_page(path)), f"{page.path.name}: {target}"


def test_every_page_is_linked_from_the_index() -> None:
    linked = {
        target.partition("#")[0] for target in _LINK.findall(read_page(PAGES["index.md"]).prose)
    }
    assert set(PAGES) - {"index.md"} <= linked


# What has to be mentioned.


def _code() -> str:
    """All code of all pages, in blocks and in lines."""
    texts: list[str] = []
    for page in pages():
        texts += [block.text for block in page.blocks]
        texts += re.findall(r"`([^`\n]+)`", page.prose)
    return "\n".join(texts)


def test_every_public_name_is_mentioned() -> None:
    import pottle

    words = set(re.findall(r"\w+", _code()))
    assert set(pottle.__all__) - words == set()


def test_every_configuration_key_is_described_with_its_default() -> None:
    from datetime import timedelta

    from pottle.config import DEFAULT_CONFIG

    rows = re.findall(
        r"^\| `([A-Z_]+)` \| `([^`]+)` \|", PAGES["configuration.md"].read_text(), re.M
    )
    described = {key: eval(default, {"timedelta": timedelta}) for key, default in rows}
    assert len(described) == len(rows)
    assert described == DEFAULT_CONFIG


def test_no_page_names_a_configuration_key_that_does_not_exist() -> None:
    from pottle.config import DEFAULT_CONFIG

    for page in pages():
        if page.path.name in {"design.md", "differences.md"}:  # name what others have, too
            continue
        for word in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", page.prose):
            assert word in DEFAULT_CONFIG or NO_KEYS.fullmatch(word), f"{page.path.name}: {word}"


if __name__ == "__main__":
    main()
