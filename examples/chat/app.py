"""The application: what it is made of, and what runs beside the requests.

    pottle --app examples/chat/app.py run

Each setting can come from the environment: CHAT_REDIS, CHAT_RATE and so on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pottle import Pottle, Response

from .broker import Broker, MemoryBroker
from .hub import Hub
from .log import Log
from .messages import START, Id
from .redis_broker import RedisBroker
from .views import pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def create_app(config: dict[str, Any] | None = None) -> Pottle:
    """The chat. *config* overrides what the environment says."""
    app = Pottle(__name__)
    app.config.update(
        REDIS=None,  # redis://127.0.0.1:6379, for several processes; None: this one alone
        SHOWN=100,  # messages of the past that somebody is shown who enters or comes back
        WAITING=200,  # messages that wait for a slow client before it is sent away
        RATE=5.0,  # messages a second that a client may send for long
        BURST=10,  # messages that it may send at once
    )
    app.config.from_prefixed_env("CHAT")
    app.config.update(config or {})
    app.register_blueprint(pages)

    @app.after_request
    async def nothing_from_elsewhere(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    @app.while_serving
    async def carry_messages() -> AsyncIterator[None]:
        url = app.config["REDIS"]
        broker: Broker = RedisBroker(url, app.logger) if url else MemoryBroker()
        # A memory knows nothing of what was before; what Redis keeps is read from the start.
        log = Log(START if url else Id(time.time_ns() // 1_000_000, 0))
        hub = Hub(log, app.config["WAITING"], app.config["SHOWN"], broker.announce)
        async with broker.run(hub):
            app.extensions.update(hub=hub, broker=broker)
            yield

    return app
