"""Applications with the bridge on, in each way of running synchronous code."""

from __future__ import annotations

from typing import Any

import pytest

from pottle import Pottle


@pytest.fixture(params=["auto", "thread", "greenlet"])
def app(request: pytest.FixtureRequest) -> Any:
    app = Pottle(__name__)
    app.config.update(FLASK_BRIDGE=True, FLASK_SYNC_IN=request.param)
    app.secret_key = "not so secret, but long enough for everybody who looks at it"
    return app
