"""Real Quart in an environment of its own below `.cache/`, made when it is first asked for.

`python tests/quart_env.py` makes it and prints the path of its interpreter. Quart 0.23.1 needs
Python 3.13, and where there is none, Quart 0.21.0 runs on the Python that is running.
POTTLE_QUART_VERSION chooses one of the two.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

#: The newest Quart, and the newest one that runs on all Pythons that Pottle runs on.
NEWEST = "0.23.1"
EVERYWHERE = "0.21.0"
CONSTRAINTS = Path(__file__).with_name("quart-constraints.txt")
CACHE = Path(__file__).parents[1] / ".cache"


def quart_python(version: str | None = None) -> Path:
    """The interpreter of an environment that has Quart *version*, or the newest one possible.

    Raises `RuntimeError` when 0.23.1 is wanted and no Python 3.13 is found.
    """
    version = version or os.environ.get("POTTLE_QUART_VERSION")
    newest = python_313()
    if version is None:
        version = NEWEST if newest else EVERYWHERE
    base = newest if version == NEWEST else sys.executable
    if base is None:
        raise RuntimeError(f"Quart {version} needs Python 3.13 or newer, and none was found.")
    return _installed(version, base)


def quart_version() -> str:
    """The version of Quart that `quart_python()` has, without making the environment."""
    chosen = os.environ.get("POTTLE_QUART_VERSION")
    return chosen or (NEWEST if python_313() else EVERYWHERE)


@functools.cache
def python_313() -> str | None:
    """The interpreter that Quart 0.23.1 is to run on, if there is one."""
    if sys.version_info >= (3, 13):
        return sys.executable
    found = sorted(Path.home().glob(".pyenv/versions/3.13*/bin/python"))
    for candidate in (shutil.which("python3.13"), *map(str, found)):
        # A launcher of pyenv is on the PATH whether or not it has the version.
        if candidate and subprocess.run([candidate, "-V"], capture_output=True).returncode == 0:
            return candidate
    return None


def _installed(version: str, base: str) -> Path:
    tag = subprocess.run(
        [base, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    folder = CACHE / f"quart-{version}-{tag}"
    python = folder / "bin" / "python"
    stamp = folder / ".installed"
    packages = [f"quart=={version}", "pytest", "pytest-asyncio"]
    wanted = f"{packages}\n{CONSTRAINTS.read_text()}"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    subprocess.run([base, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    subprocess.run([*pip, "--constraint", str(CONSTRAINTS), *packages], check=True)
    stamp.write_text(wanted)
    return python


if __name__ == "__main__":
    print(quart_python())
