"""A pytest plugin that refuses to run where `flask.Flask` is not what the run is for.

`COMPAT_WAY` is empty for Flask's own, or else the way Pottle is to run synchronous code.
"""

from __future__ import annotations

import os

import flask
import pytest


def pytest_configure() -> None:
    way = os.environ["COMPAT_WAY"]
    wanted = "pottle" if way else "flask"
    if flask.Flask.__module__.partition(".")[0] != wanted:
        raise pytest.UsageError(f"{flask.Flask!r} is tested here, and one of {wanted} was to be.")
    if way and flask.Flask("app").make_bridge().runner != way:  # type: ignore[attr-defined]
        raise pytest.UsageError(f"Synchronous code was to run in the way {way!r}.")
