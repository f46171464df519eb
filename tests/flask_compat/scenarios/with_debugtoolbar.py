"""Flask-DebugToolbar: the toolbar in a page, its panels, and redirects that wait to be followed.

It puts its own `dispatch_request` on the application.
"""

from __future__ import annotations

import pytest
from flask import Flask, flash, redirect, render_template_string, request
from flask_debugtoolbar import DebugToolbarExtension

PAGE = "<html><body>{{ text }}</body></html>"


@pytest.fixture
def app():
    app = Flask(__name__)
    app.debug = True
    app.secret_key = "only for this test"
    DebugToolbarExtension(app)

    @app.get("/")
    def index():
        app.logger.warning("somebody is here")
        return render_template_string(PAGE, text=request.args.get("text", "tea"))

    @app.get("/items/<int:item>")
    def one(item):
        return {"item": item}

    @app.post("/order")
    def order():
        flash("ordered")
        return redirect("/?text=thanks")

    return app


@pytest.fixture
def client(app):
    return app.test_client()


def test_the_toolbar_stands_in_the_page(client):
    page = client.get("/?text=milk").get_data(as_text=True)
    assert page.startswith("<html><body>milk")
    assert page.endswith("</body></html>")
    assert 'id="flDebug"' in page
    for panel in ("TimerDebugPanel", "HeaderDebugPanel", "RequestVarsDebugPanel"):
        assert panel in page


def test_panels_saw_the_request(client):
    page = client.get("/?text=milk", headers={"User-Agent": "blue"}).get_data(as_text=True)
    assert "somebody is here" in page
    assert "blue" in page
    assert "with_debugtoolbar.index" in page


def test_the_length_is_that_of_what_is_sent(client):
    answer = client.get("/")
    assert answer.content_length == len(answer.get_data())


def test_other_answers_stay_as_they_are(client):
    assert client.get("/items/3").get_json() == {"item": 3}


@pytest.mark.filterwarnings("ignore:Could not insert debug toolbar")
def test_what_the_framework_answers_itself(client):
    assert set(client.options("/order").allow) == {"OPTIONS", "POST"}
    assert client.post("/").status_code == 405
    assert client.get("/nowhere").status_code == 404


def test_a_redirect_waits(client):
    answer = client.post("/order")
    assert answer.status_code == 200
    page = answer.get_data(as_text=True)
    assert "/?text=thanks" in page
    assert "Location" not in answer.headers


def test_its_own_files(client):
    answer = client.get("/_debug_toolbar/static/js/toolbar.js")
    assert answer.status_code == 200
    assert "javascript" in answer.mimetype
    answer.close()


def test_each_request_has_a_toolbar_of_its_own(client):
    pages = [client.get(f"/?text={text}").get_data(as_text=True) for text in ("tea", "milk")]
    assert "milk" not in pages[0]
    assert "milk" in pages[1]
