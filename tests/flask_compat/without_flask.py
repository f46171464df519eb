"""A pytest plugin: there is no Flask. What has been migrated to Pottle has to run without it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


class NoFlask:
    """Finds no Flask, and nobody after it does."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        if name == "flask":
            raise ModuleNotFoundError("Flask is not to be used here.", name=name)


assert "flask" not in sys.modules
sys.meta_path.insert(0, NoFlask())  # type: ignore[arg-type]  # the rest is optional
