"""Importing this module makes ``quart`` a name for Pottle; as a pytest plugin, too:
``pytest -p pottle.compat.as_quart``."""

from __future__ import annotations

from .quart.alias import install_as_quart

install_as_quart()
