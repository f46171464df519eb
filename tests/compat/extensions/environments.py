"""The environments of scripts/compat below `.cache/compat`, and the extensions' source distributions.

For each interpreter there are two environments with the same pinned extensions, one with the real
Quart and one with Pottle. Only the standard library may be imported here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import installing
from installing import make_environment, unpacked_source

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
    return installing.pinned(CONSTRAINTS)


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
        make_environment(base, CACHE / f"quart-{tag}", listed, inputs=_INPUTS),
        make_environment(
            base, CACHE / f"pottle-{tag}", own, listed, inputs=_INPUTS, without=without
        ),
    )


def source_of(python: Path, name: str) -> Path:
    """The folder with the unpacked source distribution of the pinned version of *name*."""
    return unpacked_source(python, CACHE, name, pinned()[name])


def interpreters(named: Sequence[str]) -> list[str]:
    """Those that were *named*, or else the running one and a Python 3.13, if there is one."""
    if named:
        return list(named)
    sys.path.insert(0, str(ROOT / "tests"))
    from quart_env import python_313

    newest = python_313()
    return list(dict.fromkeys([sys.executable, *([newest] if newest else [])]))
