"""A pytest plugin that refuses to run where `quart` is not what the run is for.

`COMPAT_FRAMEWORK` is the module that `quart.Quart` has to come from: quart or pottle.
"""

from __future__ import annotations

import os

import pytest
from quart import Quart


def pytest_configure() -> None:
    wanted = os.environ["COMPAT_FRAMEWORK"]
    if Quart.__module__.partition(".")[0] != wanted:
        raise pytest.UsageError(f"{Quart!r} is tested here, and {wanted} was to be.")
