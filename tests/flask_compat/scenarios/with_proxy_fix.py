"""ProxyFix of Werkzeug around `wsgi_app`: what the proxy says of the client and the URL is believed."""

from __future__ import annotations

import pytest
from flask import Flask, redirect, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

FORWARDED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example.com",
    "X-Forwarded-Prefix": "/tea",
}


@pytest.fixture
def plain():
    app = Flask(__name__)

    @app.get("/")
    def index():
        return {
            "client": request.remote_addr,
            "host": request.host,
            "secure": request.is_secure,
            "root": request.root_path,
            "url": url_for("order", number=7, _external=True),
        }

    @app.post("/orders/<int:number>")
    def order(number):
        return redirect(url_for("index", note=request.get_data(as_text=True)))

    return app


@pytest.fixture
def app(plain):
    plain.wsgi_app = ProxyFix(plain.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
    return plain


def test_the_proxy_is_believed(app):
    assert app.test_client().get("/", headers=FORWARDED).get_json() == {
        "client": "203.0.113.7",
        "host": "shop.example.com",
        "secure": True,
        "root": "/tea",
        "url": "https://shop.example.com/tea/orders/7",
    }


def test_without_the_middleware_nobody_is_believed(plain):
    answer = plain.test_client().get("/", headers=FORWARDED).get_json()
    assert (answer["client"], answer["secure"]) == ("127.0.0.1", False)
    assert answer["url"] == "http://localhost/orders/7"


def test_bodies_and_redirects_come_through(app):
    answer = app.test_client().post("/orders/7", data="two cups", headers=FORWARDED)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/tea/?note=two+cups"


def test_one_proxy_is_believed_and_not_who_stands_before_it(app):
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert app.test_client().get("/", headers=headers).get_json()["client"] == "203.0.113.7"


def test_what_the_middleware_passes_on_may_be_replaced_once_more(app):
    inner = app.wsgi_app

    def counting(environ, start_response):
        environ["HTTP_X_FORWARDED_FOR"] = "192.0.2.1"
        return inner(environ, start_response)

    app.wsgi_app = counting
    answer = app.test_client().get("/", headers=FORWARDED)
    assert answer.get_json()["client"] == "192.0.2.1"
