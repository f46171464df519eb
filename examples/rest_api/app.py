"""The application: its settings, its database, what is asked of it and how it says no.

    pottle --app examples/rest_api/app.py run

Each setting can come from the environment: REST_API_DATABASE, REST_API_TIMEOUT and so on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pottle import Pottle, Response, render_template, request

from .authors import authors
from .books import books
from .catalogue import Catalogue
from .database import open_database
from .openapi import document
from .problems import register_problems

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


def create_app(config: dict[str, Any] | None = None) -> Pottle:
    """The API. *config* overrides what the environment says."""
    app = Pottle(__name__, instance_path=str(Path(__file__).resolve().parent / "instance"))
    app.config.update(
        DATABASE=f"sqlite:{Path(app.instance_path, 'catalogue.sqlite3')}",
        TIMEOUT=5.0,  # seconds for the database, for each request
        SAMPLE=True,  # put some books into an empty database
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    app.config.from_prefixed_env("REST_API")
    app.config.update(config or {})
    app.json.sort_keys = False
    app.register_blueprint(authors)
    app.register_blueprint(books)
    register_problems(app)

    @app.while_serving
    async def keep_database_open() -> AsyncGenerator[None]:
        async with open_database(app.config["DATABASE"]) as database:
            app.extensions["database"] = database
            if app.config["SAMPLE"]:
                async with database.transaction() as connection:
                    await Catalogue(connection).add_sample()
            yield

    @app.after_request
    async def finish(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.method in {"GET", "HEAD"} and "ETag" in response.headers:
            await response.make_conditional(request)  # 304 for a book that the client has already
        return response

    @app.get("/")
    async def index() -> str:
        return await render_template("index.html")

    @app.get("/openapi.json")
    async def openapi() -> dict[str, Any]:
        return document()

    return app
