"""How ``quart`` and its submodules become names for Pottle's own modules.

A finder at the front of ``sys.meta_path`` answers for ``quart``, so that an installed Quart is not
looked for. What it gives is the implementing module itself, not a copy: an extension that patches
``quart.app`` patches Pottle. Each module gets Quart's names for what it has under others (`names`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from os import PathLike
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ...errors import SetupError
from .names import MODULES, names_of

#: The version of Quart whose meaning holds here.
QUART_VERSION = "0.23.1"

_METADATA = f"Metadata-Version: 2.1\nName: Quart\nVersion: {QUART_VERSION}\n"


def path_entry() -> str:
    """A folder for ``PYTHONPATH`` in which ``quart`` is Pottle, for processes that are started."""
    return str(Path(__file__).parent.parent / "path")


def install_as_quart() -> None:
    """Make ``import quart`` give Pottle from now on, also where Quart is installed.

    Doing it twice is no error. Raises `SetupError` if the real Quart was imported before.
    """
    known = sys.modules.get("quart")
    if any(type(finder) is AliasFinder for finder in sys.meta_path):
        return
    if known is not None and not _is_our_stub(known):
        raise SetupError(
            "Quart itself was imported already, so parts of the program would go on using it. "
            "Import pottle.compat.as_quart, or call install_as_quart(), before anything else."
        )
    sys.meta_path.insert(0, AliasFinder())
    sys.modules.pop("quart", None)
    import_module("quart")


def offer_as_quart(say: Callable[[str], None]) -> None:
    """Give Pottle for ``quart`` if there is no Quart, and *say* so when that happens."""
    if not any(isinstance(finder, (AliasFinder, Offer)) for finder in sys.meta_path):
        sys.meta_path.append(Offer(say))


class AliasFinder(MetaPathFinder):
    """Finds ``quart`` and ``quart.x`` in Pottle, and the metadata of a Quart that is not there."""

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "quart" or fullname.startswith("quart."):
            module = fullname.removeprefix("quart").removeprefix(".")
            if module in MODULES or module == "__main__":
                is_package = module in _PACKAGES
                return ModuleSpec(fullname, AliasLoader(module), is_package=is_package)
        return None

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterator[Distribution]:
        """The metadata under the name "quart", for ``importlib.metadata.version``."""
        if context is not None and (context.name or "").lower() == "quart":
            yield QuartDistribution()


class AliasLoader(Loader):
    """Puts the implementing module into ``sys.modules`` under Quart's name."""

    def __init__(self, module: str) -> None:
        self.module = module

    def exec_module(self, module: ModuleType) -> None:
        implementing = import_module(MODULES[self.module])
        if not self.module:
            # Not before: the templates and the test client come with it.
            import_module(".application", __package__).stand_in()
        # First, since what is imported now asks for its parent.
        sys.modules[module.__name__] = implementing
        for name, value in names_of(self.module):
            implementing.__dict__.setdefault(name, value)

    def get_code(self, fullname: str) -> CodeType:
        """For ``python -m quart``."""
        return compile("from pottle.cli import main\n\nmain()\n", fullname, "exec")


class Offer(MetaPathFinder):
    """Stands at the end of the finders: asked for ``quart`` only if nobody else has it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "quart":
            return None
        self.say(" * Quart is not installed: the application gets Pottle under the name 'quart'.")
        finder = AliasFinder()
        sys.meta_path.insert(0, finder)
        return finder.find_spec(fullname)


class QuartDistribution(Distribution):
    """As much of a distribution as tells the version."""

    def read_text(self, filename: str) -> str | None:
        return _METADATA if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Any:
        return Path(__file__).parent / path


def _is_our_stub(module: ModuleType) -> bool:
    """Whether *module* is the one in `path_entry`, which is being imported just now."""
    return getattr(module, "__file__", None) == str(Path(path_entry(), "quart", "__init__.py"))


def _packages(modules: Iterable[str]) -> frozenset[str]:
    return frozenset({"", *(name.rpartition(".")[0] for name in modules if "." in name)})


_PACKAGES = _packages(MODULES)
