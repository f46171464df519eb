"""The application: its settings, its folder, the sample video.

    pottle --app examples/video/app.py run

Each setting can come from the environment: VIDEO_FOLDER, VIDEO_LARGEST, VIDEO_QUOTA, VIDEO_SAMPLE.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pottle import Pottle, Response

from .library import Library
from .views import pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Path(__file__).resolve().parent


def create_app(config: dict[str, Any] | None = None) -> Pottle:
    """The video streamer. *config* overrides what the environment says."""
    app = Pottle(__name__, instance_path=str(HERE / "instance"))
    app.config.update(
        FOLDER=str(Path(app.instance_path, "videos")),
        LARGEST=2 * 1024**3,  # bytes of one video
        QUOTA=10 * 1024**3,  # bytes of all videos together
        SAMPLE=True,  # whether an empty library gets a video that is made at start-up
    )
    app.config.from_prefixed_env("VIDEO")
    app.config.update(config or {})
    app.register_blueprint(pages)

    @app.after_request
    async def nothing_from_elsewhere(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.while_serving
    async def open_library() -> AsyncIterator[None]:
        library = Library(Path(app.config["FOLDER"]), app.config["QUOTA"])
        await library.prepare()
        if app.config["SAMPLE"] and not await library.videos():
            await make_sample(app, library.folder / "Sample.webm")
        app.extensions["library"] = library
        yield

    return app


async def make_sample(app: Pottle, path: Path) -> None:
    """Have the sample made by a process of its own; without one the library is merely empty."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(HERE / "sample.py"), path)
    try:
        if await process.wait() != 0:
            app.logger.error("There is no sample video: %s/sample.py has failed.", HERE)
    finally:
        if process.returncode is None:  # whoever started the application does not wait any more
            process.kill()
            await process.wait()
