"""The documentation is executed: every page, block by block, in a process and a folder of its own.

What a page says of its blocks, and what is made of it, stands in `docs_pages` and `docs_runner`; that
a wrong block is found, in `test_docs_runner`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import docs_runner
from docs_pages import DOCS, ROOT, SHELL, Page, commands, problems, read_page, words_of

PAGES = {
    path.relative_to(DOCS).as_posix(): path
    for path in sorted(DOCS.rglob("*.md"))
    if not any(part.startswith(("_", ".")) for part in path.relative_to(DOCS).parts)
}

#: Languages of blocks.
LANGUAGES = SHELL | {
    *("python", "text", "json", "toml", "yaml", "ini", "nginx", "dockerfile"),
    *("html", "css", "javascript", "sql"),
}
#: How many blocks may be left alone. What needs the network or another machine cannot be run.
MOST_NOT_RUN = {"python": 3, "console": 16}
#: Inline code in capitals that is no key of the configuration.
NO_KEYS = re.compile(r"(POTTLE|SQLALCHEMY|FLASK|QUART)_[A-Z_]+|FORWARDED_ALLOW_IPS")


def pages() -> list[Page]:
    return [read_page(path) for path in PAGES.values()]


@pytest.mark.timeout(180)  # some pages start many servers
@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs(name: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("POTTLE_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", docs_runner.__file__, str(PAGES[name])],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", PAGES)
def test_blocks_say_what_becomes_of_them(name: str) -> None:
    page = read_page(PAGES[name])
    assert list(problems(page, LANGUAGES)) == []
    for block in page.blocks:
        if block.language == "toml":
            tomllib.loads(block.text)
        if block.language == "json":
            json.loads(block.text)


@pytest.mark.parametrize("language", MOST_NOT_RUN)
def test_few_blocks_are_not_run(language: str) -> None:
    reasons = [
        f"{page.path.name}:{block.line}: {block.before['not run']}"
        for page in pages()
        for block in page.blocks
        if "not run" in block.before and (block.language == "python") == (language == "python")
    ]
    assert len(reasons) <= MOST_NOT_RUN[language], reasons


def test_commands_that_are_not_run_are_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Their options exist, at least."""
    import click
    from granian.cli import cli as granian
    from uvicorn.main import main as uvicorn

    from pottle.cli import alias, cli

    monkeypatch.chdir(tmp_path)
    Path(".env").touch()
    shutil.copytree(
        ROOT / "examples", "examples", ignore=shutil.ignore_patterns("instance", "tests")
    )
    groups: dict[str, Any] = {"pottle": cli, "uvicorn": uvicorn, "granian": granian}
    # What options and `.env` files set is set in a copy, which is gone after the test.
    monkeypatch.setattr(os, "environ", {**os.environ, "POTTLE_DEBUG": "0"})
    monkeypatch.setattr(sys, "path", sys.path[:])
    # `--as-quart` is parsed, too, but would stay on in this process.
    monkeypatch.setattr(alias, "install_if_asked", lambda: None)
    known = set(sys.modules)
    for where, (name, *words) in _commands_not_run():
        group = groups.get(name)
        try:
            while group is not None:
                context = group.make_context(name, words)
                rest = [*getattr(context, "_protected_args", ()), *context.args]
                if not (isinstance(group, click.Group) and rest):
                    break
                name, group, words = group.resolve_command(context, rest)
        except click.ClickException as error:
            pytest.fail(f"{where}\n{error.format_message()}")
        finally:
            for module in set(sys.modules) - known:
                if str(tmp_path) in str(getattr(sys.modules[module], "__file__", "")):
                    del sys.modules[module]


def _commands_not_run() -> Iterator[tuple[str, list[str]]]:
    for page in pages():
        for block in page.blocks:
            if block.language == "console" and block.before.keys() & {"not run", "run by"}:
                for command, _ in commands(block):
                    yield f"{page.path.name}:{block.line}: {command}", words_of(command)


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
    index = read_page(PAGES["index.md"])
    linked = {target.partition("#")[0] for target in _LINK.findall(index.prose)}
    for directive in index.directives:
        if directive.name == "toctree":
            linked |= {f"{entry}.md" for entry in directive.text.split()}
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
        if page.path.parent.name == "tutorials":  # and these what the examples have
            continue
        for word in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", page.prose):
            assert word in DEFAULT_CONFIG or NO_KEYS.fullmatch(word), f"{page.path.name}: {word}"
