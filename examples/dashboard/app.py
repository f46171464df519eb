"""The application: what it is made of, and what runs beside the requests.

    pottle --app examples/dashboard/app.py run

Each setting can come from the environment: DASHBOARD_DATABASE, DASHBOARD_SIMULATE and so on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pottle import Pottle, Response

from .feed import run_feed
from .hub import Hub
from .simulate import run_devices
from .store import open_store
from .views import pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def create_app(config: dict[str, Any] | None = None) -> Pottle:
    """The dashboard. *config* overrides what the environment says."""
    app = Pottle(__name__, instance_path=str(Path(__file__).resolve().parent / "instance"))
    app.config.update(
        DATABASE=str(Path(app.instance_path, "readings.sqlite3")),
        SIMULATE=None,  # where simulated devices connect to (ws://127.0.0.1:5000); None: none do
        INTERVAL=0.5,  # seconds between two readings of a simulated device
        WAITING=2000,  # readings that wait for a slow browser before it loses the oldest
    )
    app.config.from_prefixed_env("DASHBOARD")
    app.config.update(config or {})
    app.register_blueprint(pages)

    @app.after_request
    async def nothing_from_elsewhere(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    @app.while_serving
    async def keep_readings() -> AsyncIterator[None]:
        async with (
            open_store(app.config["DATABASE"]) as store,
            run_feed(store, Hub(app.config["WAITING"])) as feed,
        ):
            app.extensions["feed"] = feed
            yield

    @app.while_serving
    async def simulate_devices() -> AsyncIterator[None]:
        if app.config["SIMULATE"] is None:
            yield
            return
        running = asyncio.create_task(run_devices(app.config["SIMULATE"], app.config["INTERVAL"]))
        yield
        running.cancel()
        await asyncio.wait({running})

    return app
