"""An application as extensions get it: by the name of Quart."""

from __future__ import annotations

import pytest


@pytest.fixture
def app():
    # Not above: this file is imported where the alias is not on, too.
    from quart import Quart, websocket

    app = Quart(__name__)
    app.secret_key = "not secret"

    @app.route("/")
    async def index():
        return "index"

    @app.websocket("/ws")
    async def ws():
        while True:
            await websocket.send(await websocket.receive())

    return app
