"""Flask-Assets: style sheets and scripts are made into one file each, and templates link to them."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask, render_template_string
from flask.cli import FlaskGroup
from flask_assets import Bundle, Environment

PAGE = "{% assets 'all_css' %}<link href='{{ ASSET_URL }}'>{% endassets %}"


@pytest.fixture
def app(tmp_path):
    for path, text in {
        "static/a.css": "p { color: red }",
        "static/b.css": "p { margin: 0 }",
        "shop/static/shop.css": "b { color: blue }",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    app = Flask(__name__, root_path=str(tmp_path))
    shop = Blueprint(
        "shop", __name__, static_folder=str(tmp_path / "shop/static"), url_prefix="/shop"
    )
    app.register_blueprint(shop)

    @app.get("/")
    def index():
        return render_template_string(PAGE)

    return app


@pytest.fixture
def assets(app):
    assets = Environment(app)
    assets.register("all_css", "a.css", "b.css", "shop/shop.css", output="gen/all.css")
    return assets


def fetch(client, url):
    with client.get(url) as answer:
        assert answer.status_code == 200
        return answer.get_data(as_text=True)


def test_one_file_is_made_at_first_use(app, assets, tmp_path):
    client = app.test_client()
    page = fetch(client, "/")
    assert (tmp_path / "static/gen/all.css").exists()
    link = page.split("'")[1]
    assert link.startswith("/static/gen/all.css?")
    style = fetch(client, link)
    assert style.split("\n") == ["p { color: red }", "p { margin: 0 }", "b { color: blue }"]


def test_while_debugging_each_file_has_its_link(app, assets):
    assets.debug = True
    client = app.test_client()
    links = [part.split("'")[0] for part in fetch(client, "/").split("href='")[1:]]
    assert [link.partition("?")[0] for link in links] == [
        "/static/a.css",
        "/static/b.css",
        "/shop/static/shop.css",
    ]
    assert fetch(client, links[2]) == "b { color: blue }"


def test_the_configuration_of_the_application_counts(app, assets):
    app.config["ASSETS_DEBUG"] = True
    app.config["ASSETS_URL_EXPIRE"] = False
    assert fetch(app.test_client(), "/").count("<link") == 3


def test_a_filter_has_the_templates_of_the_application(app, assets, tmp_path):
    app.jinja_env.globals["colour"] = "green"
    (tmp_path / "static/c.css").write_text("i { color: {{ colour }} }")
    bundle = Bundle("c.css", filters="jinja2", output="gen/c.css")
    assets.register("c_css", bundle)
    with app.test_request_context():
        (link,) = bundle.urls()
    assert fetch(app.test_client(), link) == "i { color: green }"


def test_the_command_line_builds(app, assets, tmp_path):
    runner = app.test_cli_runner()
    done = runner.invoke(FlaskGroup(create_app=lambda: app), ["assets", "build"])
    assert done.exit_code == 0, done.output
    assert "color: blue" in (tmp_path / "static/gen/all.css").read_text()
