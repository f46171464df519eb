"""Importing this module makes ``flask.Flask`` an application that Pottle runs; as a pytest plugin, too:
``pytest -p pottle.compat.as_flask``."""

from __future__ import annotations

from .flask.alias import install_as_flask

install_as_flask()
