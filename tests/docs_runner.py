"""Runs one page of the documentation, block by block, in a process and a folder of its own.

    python docs_runner.py PAGE

The Python of a page shares one namespace and may await at top level. Functions without arguments
called `test_*` are run where they are defined; files called `test_*.py` are given to pytest. What
the comments around blocks mean stands in `docs_pages`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import linecache
import os
import re
import subprocess
import sys
import types
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from docs_pages import Block, Page, commands, read_page
from docs_server import Server


class Runner:
    """Runs the blocks of one page in the working directory."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.module = types.ModuleType("page")
        self.module.__file__ = str(Path.cwd() / "page.py")
        sys.modules["page"] = self.module
        self.names = self.module.__dict__
        self.test_files: list[str] = []
        self.server: Server | None = None
        self.stack = ExitStack()

    async def run(self) -> None:
        with self.stack:
            for block in self.page.blocks:
                await self._run_block(block)
                await asyncio.sleep(0)
            if self.test_files:
                options = "-q -p no:cacheprovider -o asyncio_mode=auto"
                self._call(f"python -m pytest {options} {' '.join(self.test_files)}")
            self._stop_server()

    async def _run_block(self, block: Block) -> None:
        if "setup" in block.before:
            await self._execute(block.before["setup"], f"<setup of line {block.line}>", 1)
        if "file" in block.before:
            self._write(block.before["file"], block.text)
        elif block.language == "python":
            await self._run_python(block)
            if "append" in block.before:
                await asyncio.to_thread(self._append, block.before["append"], block.text)
        elif "run" in block.before:
            await asyncio.to_thread(self._run_console, block)
        elif "serve" in block.before:
            await asyncio.to_thread(self._serve, block)
        for kind, text in block.after:
            if kind == "requests":
                await self._request(text)
            else:
                await self._execute(text, f"<check after line {block.line}>", 1)

    def _write(self, name: str, text: str) -> None:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".py":
            compile(text, name, "exec")
        if path.name.startswith("test_"):
            self.test_files.append(name)

    def _append(self, name: str, text: str) -> None:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{text}")
        if self.server is not None:
            self.server.restarted()

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
            got = self._call(command)
            pattern = re.escape(shown.strip()).replace(r"\.\.\.", ".*")
            matches = re.fullmatch(pattern, got.strip(), re.DOTALL)
            assert matches or not shown, f"line {block.line}: $ {command}\n{got}\nshown:\n{shown}"

    def _call(self, command: str) -> str:
        command = re.sub(r"^curl\b", "curl --silent --show-error", command)
        if self.server is not None:
            command = self.server.addressed(command)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    def _serve(self, block: Block) -> None:
        for command, _ in commands(block):
            if command.startswith("pip "):
                self._call(command)
                continue
            self._stop_server()
            self.server = self.stack.enter_context(Server(command))
            self.server.expect(block.before["serve"])

    def _stop_server(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None


def _body(given: list[str]) -> dict[str, Any]:
    if not given:
        return {}
    text = given[0]
    if text.startswith("-- "):
        return {"form": dict(pair.split("=", 1) for pair in text[3:].split("&"))}
    return {"json": json.loads(text)}


def prepare_environment() -> None:
    """What commands find: this Python's commands first, and nothing outside of the machine."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["PIP_NO_INDEX"] = os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    os.environ["NO_COLOR"] = "1"


async def run_and_look_around(page: Page) -> None:
    await Runner(page).run()
    for _ in range(10):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"The page left tasks running: {left}"


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    prepare_environment()
    asyncio.run(run_and_look_around(read_page(Path(sys.argv[1]))))
