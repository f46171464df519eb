"""A bookshop, as one would write it with Quart: pages, a JSON API, a chat and a live feed.

Nothing here knows of Pottle. The application exists to be run on both, unchanged.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from quart import Quart, g, render_template, request, session
from quart.json.provider import DefaultJSONProvider

from . import account, api, catalogue, commands, live, orders
from .converters import ISBNConverter
from .store import Store


class Defaults:
    SECRET_KEY = "not a secret"
    SHOP_NAME = "The Corner Bookshop"
    API_TOKEN = "token"
    MAX_CONTENT_LENGTH = 64 * 1024


class JSONProvider(DefaultJSONProvider):
    """Prices are strings."""

    @staticmethod
    def default(value: Any) -> Any:
        return str(value) if isinstance(value, Decimal) else DefaultJSONProvider.default(value)


class Shop(Quart):
    json_provider_class = JSONProvider
    store: Store


def create_app(config: dict[str, Any] | None = None) -> Shop:
    app = Shop(__name__)
    app.config.from_object(Defaults)
    app.config.from_prefixed_env("BOOKSHOP")
    app.config.from_mapping(config or {})
    app.url_map.converters["isbn"] = ISBNConverter
    app.store = Store()

    for module in (account, api, catalogue, live, orders):
        app.register_blueprint(module.blueprint)
    commands.register(app)
    _add_hooks(app)
    _add_template_helpers(app)
    return app


def _add_hooks(app: Shop) -> None:
    @app.while_serving
    async def open_store() -> Any:
        await app.store.open()
        yield
        await app.store.close()

    @app.before_serving
    async def note_start() -> None:
        app.store.log.append("before_serving")

    @app.after_serving
    async def note_end() -> None:
        app.store.log.append("after_serving")

    @app.before_request
    async def load_user() -> None:
        g.user = app.store.users.get(session.get("user"))

    @app.before_websocket
    async def load_user_of_websocket() -> None:
        g.user = app.store.users.get(session.get("user"))

    @app.after_request
    async def add_header(response: Any) -> Any:
        response.headers["X-Shop"] = app.config["SHOP_NAME"]
        return response

    @app.teardown_request
    async def note_request(error: BaseException | None) -> None:
        app.store.log.append(f"{request.method} {request.path}")

    @app.errorhandler(404)
    async def not_found(error: Exception) -> Any:
        return await render_template("error.html", title="No such page"), 404

    @app.errorhandler(500)
    async def broken(error: Exception) -> Any:
        cause = type(error.original_exception).__name__  # type: ignore[attr-defined]
        return await render_template("error.html", title=f"Broken: {cause}"), 500


def _add_template_helpers(app: Shop) -> None:
    @app.context_processor
    async def shop() -> dict[str, Any]:
        return {"shop_name": app.config["SHOP_NAME"], "basket_size": len(session.get("basket", []))}

    @app.template_filter()
    def price(value: Decimal) -> str:
        return f"{value:.2f} EUR"

    @app.template_test("cheap")
    def is_cheap(value: Decimal) -> bool:
        return value < 10

    @app.template_global()
    def stars(count: int) -> str:
        return "*" * count
