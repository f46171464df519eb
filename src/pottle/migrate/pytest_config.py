"""The configuration that lets pytest run coroutine functions: pytest-asyncio in its mode ``auto``.

A file is only changed if reading it again shows nothing but the settings that were added.
"""

from __future__ import annotations

import tomllib
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import Any

from .report import Change, Report

#: The second only avoids a warning of pytest-asyncio about its absence.
_SETTINGS = {"asyncio_mode": "auto", "asyncio_default_fixture_loop_scope": "function"}
_NEEDED = (
    'tests are coroutine functions now: install pytest-asyncio, and set asyncio_mode = "auto" in the'
    " configuration of pytest"
)
#: Files of configuration in the order that pytest looks for them, with the section.
_FILES = {
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}


def configure_pytest(root: Path, report: Report) -> None:
    """Add the setting to the configuration of the project at *root*, or say that it is needed."""
    folder = root if root.is_dir() else root.parent
    for path in (folder / "pytest.ini", folder / "pyproject.toml", *map(folder.joinpath, _FILES)):
        if not path.is_file():
            continue
        before = path.read_bytes().decode()
        if path.suffix == ".toml":
            after = _with_toml(before)
        else:
            after = _with_ini(before, _FILES[path.name])
        if after is None:
            continue
        if after != before:
            report.changes.append(Change(path, before, after))
            report.note(path, 1, "tests are coroutine functions now: install pytest-asyncio")
        return
    report.note(folder, 1, _NEEDED)


def _with_toml(text: str) -> str | None:
    """The text with the setting; None if pytest is not configured here, or in a way not understood."""
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    options = before.get("tool", {}).get("pytest", {}).get("ini_options")
    if not isinstance(options, dict):
        return None
    if "asyncio_mode" in options:
        return text
    added = {name: value for name, value in _SETTINGS.items() if name not in options}
    lines = [f'{name} = "{value}"' for name, value in added.items()]
    after = _below_header(text, "[tool.pytest.ini_options]", lines)
    expected: dict[str, Any] = {**options, **added}
    if after is None or tomllib.loads(after)["tool"]["pytest"]["ini_options"] != expected:
        return None
    return after


def _with_ini(text: str, section: str) -> str | None:
    """As `_with_toml`, for the other format."""
    try:
        before = _read_ini(text)
    except ConfigError:
        return None
    if section not in before:
        return None
    if "asyncio_mode" in before[section]:
        return text
    added = {name: value for name, value in _SETTINGS.items() if name not in before[section]}
    lines = [f"{name} = {value}" for name, value in added.items()]
    after = _below_header(text, f"[{section}]", lines)
    if after is None or dict(_read_ini(after)[section]) != {**before[section], **added}:
        return None
    return after


def _read_ini(text: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


def _below_header(text: str, header: str, added: list[str]) -> str | None:
    lines = text.splitlines(keepends=True)
    for place, found in enumerate(lines):
        if found.strip() == header and found.endswith("\n"):
            end = "\r\n" if found.endswith("\r\n") else "\n"
            new = [line + end for line in added]
            return "".join([*lines[: place + 1], *new, *lines[place + 1 :]])
    return None
