"""The bridge to Flask: its extensions run unmodified on Pottle, and its applications can be moved over.

Loaded where Flask is imported in the process (or ``FLASK_BRIDGE`` says so), never otherwise.
"""

from __future__ import annotations

from .alias import install_as_flask

__all__ = ["install_as_flask"]
