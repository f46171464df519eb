"""Environment variables from ``.env`` and ``.pottleenv``, if python-dotenv is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pottle.cli import alias

if TYPE_CHECKING:
    from pottle.typing import FilePath

#: Files that are searched for here and in the folders above; the first one to set a name wins.
FILES = [".env", ".pottleenv"]


def load_dotenv(path: FilePath | None = None, load_defaults: bool = True) -> bool:
    """Set environment variables from *path*, then from the default files; whether any file was read.

    What is set already stays. Without python-dotenv nothing is read, and a hint is printed if there
    is a file that would have been.
    """
    try:
        import dotenv
    except ImportError:
        if path is not None or any(Path(name).is_file() for name in _files()):
            click.secho(
                " * There are .env or .pottleenv files that are not read: python-dotenv is not"
                " installed. Run `pip install 'pottle[dotenv]'` to have them read.",
                fg="yellow",
                err=True,
            )
        return False
    found = [os.fspath(path)] if path is not None and Path(path).is_file() else []
    if load_defaults:
        found += filter(None, (dotenv.find_dotenv(name, usecwd=True) for name in _files()))
    for name in found:
        dotenv.load_dotenv(name, encoding="utf-8")
    return bool(found)


def _files() -> list[str]:
    return [*FILES, ".quartenv"] if alias.asked_for() else FILES
