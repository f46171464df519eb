"""The application: its settings, its parts, its command, its error pages.

    pottle --app examples/blog/app.py run

Each setting can come from the environment: BLOG_DATABASE, BLOG_SECRET_KEY and so on.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from werkzeug.exceptions import HTTPException

from pottle import Pottle, Response, render_template

from .auth import auth
from .csrf import register_csrf
from .images import images
from .posts import posts
from .store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


def create_app(config: dict[str, Any] | None = None) -> Pottle:
    """The blog. *config* overrides what the environment says."""
    app = Pottle(__name__, instance_path=str(Path(__file__).resolve().parent / "instance"))
    app.config.update(
        DATABASE=str(Path(app.instance_path, "blog.sqlite3")),
        IMAGES=str(Path(app.instance_path, "images")),
        TITLE="A small blog",
        MAX_CONTENT_LENGTH=5 * 1024 * 1024,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.config.from_prefixed_env("BLOG")
    app.config.update(config or {})
    if app.config["SECRET_KEY"] is None:
        app.config["SECRET_KEY"] = _own_key(Path(app.config["DATABASE"]).with_name("secret_key"))
    register_csrf(app)
    for blueprint in (auth, posts, images):
        app.register_blueprint(blueprint)
    _register_pages(app)
    _register_commands(app)

    @app.while_serving
    async def keep_store_open() -> AsyncGenerator[None]:
        async with open_store(app.config["DATABASE"]) as store:
            app.extensions["store"] = store
            yield

    return app


def _register_pages(app: Pottle) -> None:
    """What all pages have in common, and the page that an error gets."""

    @app.after_request
    async def only_from_here(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.errorhandler(HTTPException)
    async def error_page(error: HTTPException) -> tuple[str, int]:
        return await render_template("error.html", error=error), error.code or 500

    app.add_template_filter(_moment, "moment")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _register_commands(app: Pottle) -> None:
    @app.cli.command("init-db")
    @click.option(
        "--force", is_flag=True, help="Delete the database that is there, with all posts."
    )
    async def init_db(force: bool) -> None:
        """Make the database."""
        path = Path(app.config["DATABASE"])
        if path.exists() and not force:
            raise click.ClickException(f"{path} is there already. --force makes it anew.")
        for suffix in ("", "-wal", "-shm"):  # what SQLite keeps beside it
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        async with open_store(str(path)) as store:
            click.echo(f"{path}: a new database with {await store.count_posts()} posts.")


def _own_key(path: Path) -> str:
    """The secret key in the file at *path*; one is made if there is none.

    So sessions outlive a restart, and several worker processes have the same key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        own = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        own.touch(mode=0o600)
        own.write_text(secrets.token_hex())
        with suppress(FileExistsError):  # another process was quicker: its key holds
            path.hardlink_to(own)
        own.unlink()
    return path.read_text()
