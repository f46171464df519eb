"""Flask-Babel: texts, dates and numbers in the language and time zone that the client asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, render_template_string, request
from flask_babel import (
    Babel,
    force_locale,
    format_currency,
    format_datetime,
    get_locale,
    gettext,
    lazy_gettext,
    ngettext,
)

BEGIN = datetime(2024, 3, 1, 20, 30, tzinfo=UTC)
WELCOME = lazy_gettext("Welcome")


@pytest.fixture
def translations(tmp_path):
    folder = tmp_path / "de/LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog(locale="de")
    catalog.add("Welcome", "Willkommen")
    catalog.add(("%(num)s cup", "%(num)s cups"), ("%(num)s Tasse", "%(num)s Tassen"))
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    return tmp_path


@pytest.fixture
def app(translations):
    app = Flask(__name__)
    Babel(
        app,
        default_translation_directories=str(translations),
        locale_selector=lambda: request.accept_languages.best_match(["de", "en"]),
        timezone_selector=lambda: request.args.get("zone", "UTC"),
    )

    @app.get("/")
    def index():
        return {
            "begin": format_datetime(BEGIN, "yyyy-MM-dd HH:mm"),
            "cups": [ngettext("%(num)s cup", "%(num)s cups", number) for number in (1, 2)],
            "lazy": str(WELCOME),
            "locale": str(get_locale()),
            "price": format_currency(1234.5, "EUR"),
        }

    @app.get("/page")
    def page():
        return render_template_string("{{ _('Welcome') }}: {{ 0.25|percentformat }}")

    @app.get("/mail")
    def mail():
        with force_locale("en"):
            inner = gettext("Welcome")
        return [inner, gettext("Welcome")]

    return app


def get(app, path="/", language="de"):
    return app.test_client().get(path, headers={"Accept-Language": language})


def test_german(app):
    answer = get(app, "/?zone=Europe/Berlin").get_json()
    assert answer == {
        "begin": "2024-03-01 21:30",
        "cups": ["1 Tasse", "2 Tassen"],
        "lazy": "Willkommen",
        "locale": "de",
        "price": "1.234,50\xa0€",
    }


def test_english(app):
    answer = get(app, language="en").get_json()
    assert answer["begin"] == "2024-03-01 20:30"
    assert (answer["lazy"], answer["price"]) == ("Welcome", "€1,234.50")


def test_one_request_does_not_answer_for_the_next(app):
    client = app.test_client()
    seen = [
        client.get("/", headers={"Accept-Language": language}).get_json()["locale"]
        for language in ("de", "en", "de")
    ]
    assert seen == ["de", "en", "de"]


def test_templates(app):
    assert get(app, "/page").get_data(as_text=True) == "Willkommen: 25\xa0%"


def test_a_language_for_a_while(app):
    assert get(app, "/mail").get_json() == ["Welcome", "Willkommen"]


def test_outside_of_a_request(app):
    with app.test_request_context("/", headers={"Accept-Language": "de"}):
        assert gettext("Welcome") == "Willkommen"
    with app.app_context(), force_locale("de"):
        assert gettext("Welcome") == "Willkommen"
