"""The application: its settings and its jobs.

    pottle --app examples/pipeline/app.py run

Each setting can come from the environment: PIPELINE_LARGEST, PIPELINE_JOBS, PIPELINE_TIMEOUT.
"""

from __future__ import annotations

from typing import Any

from pottle import Pottle, Response

from .jobs import Jobs
from .views import pages


def create_app(config: dict[str, Any] | None = None) -> Pottle:
    """The pipeline. *config* overrides what the environment says."""
    app = Pottle(__name__)
    app.config.update(
        LARGEST=4 * 1024**3,  # bytes of an upload, and of what becomes of it
        JOBS=8,  # files that are under way at the same time
        TIMEOUT=600,  # seconds for a file that is sent by the form
    )
    app.config.from_prefixed_env("PIPELINE")
    app.config.update(config or {})
    app.extensions["jobs"] = Jobs(app.config["JOBS"])
    app.register_blueprint(pages)

    @app.after_request
    async def nothing_from_elsewhere(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app
