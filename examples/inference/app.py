"""The application: its settings, and what runs beside the requests.

    pottle --app examples/inference/app.py run

Each setting can come from the environment: INFERENCE_PROCESSES, INFERENCE_QUEUE_LIMIT and so on.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pottle import Pottle, Response

from .service import run_service
from .views import pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def create_app(config: dict[str, Any] | None = None) -> Pottle:
    """The inference API. *config* overrides what the environment says."""
    app = Pottle(__name__)
    app.config.update(
        PROCESSES=max(1, min(4, (os.cpu_count() or 2) - 1)),  # one is left to the event loop
        TREES=100,  # of the classifier: more are slower, and hardly better
        BATCH_SIZE=32,  # images in one call of the classifier
        BATCH_WAIT=0.005,  # seconds that the first image of a batch waits for others
        QUEUE_LIMIT=256,  # images that wait; what comes then is rejected with 503
        TIMEOUT=5.0,  # seconds until a request is answered with 504
        MAX_CONTENT_LENGTH=512 * 1024,  # bytes, of which 500 images need less than half
    )
    app.config.from_prefixed_env("INFERENCE")
    app.config.update(config or {})
    app.register_blueprint(pages)

    @app.after_request
    async def nothing_from_elsewhere(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    @app.while_serving
    async def serve_model() -> AsyncIterator[None]:
        async with run_service(app.config) as service:
            app.extensions["service"] = service
            yield

    return app
