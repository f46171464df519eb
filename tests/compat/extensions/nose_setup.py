"""Calls `setup()` of test classes before their tests, as pytest did until its version 8.

A plugin for the tests of extensions that were written for older versions, on both sides alike.
"""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _nose_setup(request: pytest.FixtureRequest) -> None:
    if request.instance is not None:
        request.instance.setup()
