"""Found where `pottle.compat.path_entry()` stands on the path: hands over to the alias."""

from __future__ import annotations

from pottle.compat import install_as_quart

install_as_quart()
