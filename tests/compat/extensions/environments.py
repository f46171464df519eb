"""The environments of scripts/compat below `.cache/compat`, and the extensions' source distributions.

For each interpreter there are two environments with the same pinned extensions, one with the real
Quart and one with Pottle. Only the standard library may be imported here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
CACHE = ROOT / ".cache/compat"
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
#: What makes an environment old when it changes.
_INPUTS = (CONSTRAINTS, ROOT / "constraints.txt", ROOT / "pyproject.toml", Path(__file__))


@dataclass(frozen=True)
class Pair:
    """One interpreter's two environments, and the version of the Quart in the first."""

    version: str
    quart: Path
    pottle: Path

    @property
    def sides(self) -> tuple[tuple[str, Path], tuple[str, Path]]:
        return ("quart", self.quart), ("pottle", self.pottle)


def pinned() -> dict[str, str]:
    """The versions in the list, by normalised name, for the requirements without a condition."""
    lines = CONSTRAINTS.read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and ";" not in line)
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def make_pair(base: str) -> Pair:
    """Make, or find made, the environments for the interpreter *base*."""
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = subprocess.run([base, "-c", asked], capture_output=True, text=True, check=True)
    tag = python.stdout.strip()
    newest = tuple(map(int, tag.split("."))) >= (3, 13)
    listed = ["--no-deps", "--requirement", str(CONSTRAINTS)]
    own = ["--constraint", str(ROOT / "constraints.txt"), "--editable", str(ROOT)]
    # The alias is seen at work beside a Quart, which the extensions bring along, and without one.
    without = () if newest else ("quart",)
    return Pair(
        "0.23.1" if newest else "0.21.0",
        _make(base, CACHE / f"quart-{tag}", listed),
        _make(base, CACHE / f"pottle-{tag}", own, listed, without=without),
    )


def _make(base: str, folder: Path, *installs: Sequence[str], without: Sequence[str] = ()) -> Path:
    python, stamp = folder / "bin/python", folder / ".installed"
    wanted = "\n".join(path.read_text() for path in _INPUTS)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Installing into {folder.relative_to(ROOT)}", flush=True)
        subprocess.run([base, "-m", "venv", "--clear", str(folder)], check=True)
        for install in installs:
            _pip(python, "install", "-qq", *install)
        for name in without:
            _pip(python, "uninstall", "-qq", "--yes", name)
        stamp.write_text(wanted)
    return python


def _pip(python: Path, *arguments: str) -> None:
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], check=True)


def source_of(python: Path, name: str) -> Path:
    """The folder with the unpacked source distribution of the pinned version of *name*."""
    version = pinned()[name]
    folder = CACHE / "sources" / f"{name}-{version}"
    if not folder.exists():
        parts = folder.with_suffix(".part")
        shutil.rmtree(parts, ignore_errors=True)
        arguments = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(parts)]
        _pip(python, "download", *arguments, f"{name}=={version}")
        (archive,) = parts.glob("*.tar.gz")
        with tarfile.open(archive) as unpacked:
            unpacked.extractall(parts, filter="data")
        (top,) = (path for path in parts.iterdir() if path.is_dir())
        top.rename(folder)
        shutil.rmtree(parts)
    return folder


def interpreters(named: Sequence[str]) -> list[str]:
    """Those that were *named*, or else the running one and a Python 3.13, if there is one."""
    if named:
        return list(named)
    sys.path.insert(0, str(ROOT / "tests"))
    from quart_env import python_313

    newest = python_313()
    return list(dict.fromkeys([sys.executable, *([newest] if newest else [])]))
