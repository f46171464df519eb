"""Virtual environments with pinned packages, and source distributions of such packages.

For whatever compares extensions. Only the standard library may be imported here.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path


def pinned(constraints: Path) -> dict[str, str]:
    """The versions in *constraints*, by normalised name, for the requirements without a condition."""
    lines = constraints.read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and ";" not in line)
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def make_environment(
    base: str,
    folder: Path,
    *installs: Sequence[str],
    inputs: Sequence[Path],
    without: Sequence[str] = (),
) -> Path:
    """The interpreter of the environment *folder*, made anew when one of the *inputs* has changed.

    *base* is the interpreter to make it with, *installs* are the arguments of each call of
    ``pip install``, *without* what is taken out again after them.
    """
    python, stamp = folder / "bin/python", folder / ".installed"
    wanted = "\n".join(path.read_text() for path in inputs)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Installing into {folder}", flush=True)
        subprocess.run([base, "-m", "venv", "--clear", str(folder)], check=True)
        for install in installs:
            _pip(python, "install", "-qq", *install)
        for name in without:
            _pip(python, "uninstall", "-qq", "--yes", name)
        stamp.write_text(wanted)
    return python


def unpacked_source(python: Path, cache: Path, name: str, version: str) -> Path:
    """The folder below *cache* with the source distribution of *name*; *python* has pip."""
    folder = cache / "sources" / f"{name}-{version}"
    if not folder.exists():
        parts = folder.with_suffix(".part")
        shutil.rmtree(parts, ignore_errors=True)
        # Only this package: what pip needs to build its metadata may come as wheels.
        arguments = ["--quiet", "--no-deps", "--no-binary", name, "--dest", str(parts)]
        _pip(python, "download", *arguments, f"{name}=={version}")
        (archive,) = parts.glob("*.tar.gz")
        with tarfile.open(archive) as unpacked:
            unpacked.extractall(parts, filter="data")
        (top,) = (path for path in parts.iterdir() if path.is_dir())
        top.rename(folder)
        shutil.rmtree(parts)
    return folder


def _pip(python: Path, *arguments: str) -> None:
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], check=True)
