"""The application: what it is made of, and what runs beside the requests.

    pottle --app examples/command_centre/app.py run

Each setting can come from the environment: COMMAND_CENTRE_SECRET, COMMAND_CENTRE_TIMEOUT and so on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pottle import Pottle, Response

from .centre import run_centre
from .limits import allow_many_connections
from .link import link
from .simulate import run_devices
from .tokens import make_token, read_secret
from .views import pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def create_app(config: dict[str, Any] | None = None) -> Pottle:
    """The command centre. *config* overrides what the environment says."""
    app = Pottle(__name__, instance_path=str(Path(__file__).resolve().parent / "instance"))
    app.config.update(
        SECRET=None,  # of which tokens are made; None: one in the instance folder, made when needed
        MOST_DEVICES=10_000,
        WAITING=8,  # messages that wait for one slow device before commands to it are refused
        MESSAGES=20,  # that a device may send between two sweeps
        SWEEP=1.0,  # seconds between two looks at all devices and open commands
        PING_AFTER=15.0,  # seconds of silence after which a device is pinged
        SILENT_AFTER=40.0,  # seconds of silence after which it is taken for gone
        TIMEOUT=10.0,  # seconds that a command has, unless it says otherwise
        SIMULATE=200,  # devices that the page may have simulated; 0: none
    )
    app.config.from_prefixed_env("COMMAND_CENTRE")
    app.config.update(config or {})
    if app.config["SECRET"] is None:
        app.config["SECRET"] = read_secret(Path(app.instance_path, "secret"))
    app.register_blueprint(link)
    app.register_blueprint(pages)
    add_commands(app)

    @app.after_request
    async def nothing_from_elsewhere(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    @app.while_serving
    async def look_after_devices() -> AsyncIterator[None]:
        allow_many_connections(app.config["MOST_DEVICES"], app.logger)
        async with run_centre(app.config) as centre:
            app.extensions["centre"] = centre
            yield

    return app


def add_commands(app: Pottle) -> None:
    """``pottle --app examples/command_centre/app.py token pump-0001``, and ``... simulate``."""

    @app.cli.command()
    @click.argument("device")
    def token(device: str) -> None:
        """Show the token of a device."""
        click.echo(make_token(app.config["SECRET"], device))

    @app.cli.command()
    @click.option("--devices", default=200, show_default=True)
    @click.option("--url", default="ws://127.0.0.1:5000", show_default=True)
    @click.option("--interval", default=10.0, show_default=True, help="Seconds between reports.")
    async def simulate(devices: int, url: str, interval: float) -> None:
        """Connect simulated devices until Ctrl+C."""
        allow_many_connections(devices, app.logger)
        await run_devices(url, app.config["SECRET"], devices, interval)
