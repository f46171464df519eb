"""quart-babel: dates, numbers and texts in the language that the client asks for."""

from __future__ import annotations

from datetime import datetime

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from quart import Quart, render_template_string, request
from quart_babel import Babel, force_locale, format_datetime, format_decimal, gettext, lazy_gettext

BEGIN = datetime(2024, 3, 1, 20, 30)
WELCOME = lazy_gettext("Welcome")


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "de/LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog(locale="de")
    catalog.add("Welcome", "Willkommen")
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)

    app = Quart(__name__)
    Babel(
        app,
        default_translation_directories=str(tmp_path),
        locale_selector=lambda: request.accept_languages.best_match(["de", "en"]),
        timezone_selector=lambda: request.args.get("zone", "UTC"),
    )

    @app.get("/")
    async def index():
        return {
            "begin": format_datetime(BEGIN, "yyyy-MM-dd HH:mm"),
            "lazy": str(WELCOME),
            "price": format_decimal(1234.5),
            "text": gettext("Welcome"),
        }

    @app.get("/page")
    async def page():
        return await render_template_string(
            "{{ _('Welcome') }}, {{ price|decimalformat }}", price=1.5
        )

    @app.get("/mail")
    async def mail():
        with force_locale("en"):
            return gettext("Welcome")

    return app


async def test_english(app):
    response = await app.test_client().get("/", headers={"Accept-Language": "en"})
    assert await response.get_json() == {
        "begin": "2024-03-01 20:30",
        "lazy": "Welcome",
        "price": "1,234.5",
        "text": "Welcome",
    }


async def test_german_in_another_time_zone(app):
    response = await app.test_client().get(
        "/?zone=Europe/Berlin", headers={"Accept-Language": "de"}
    )
    assert await response.get_json() == {
        "begin": "2024-03-01 21:30",
        "lazy": "Willkommen",
        "price": "1.234,5",
        "text": "Willkommen",
    }


async def test_templates(app):
    response = await app.test_client().get("/page", headers={"Accept-Language": "de"})
    assert await response.get_data(as_text=True) == "Willkommen, 1,5"


async def test_another_language_for_a_while(app):
    response = await app.test_client().get("/mail", headers={"Accept-Language": "de"})
    assert await response.get_data(as_text=True) == "Welcome"
