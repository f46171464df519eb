"""Flask-Admin: pages to look at, add, change and delete the rows of a table, and a page of our own."""

from __future__ import annotations

import re

import pytest
from flask import Flask, redirect, request, session, url_for
from flask_admin import Admin, BaseView, expose
from flask_admin.contrib.sqla import ModelView
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy


class ItemView(ModelView):
    """The items, for who has signed in."""

    column_searchable_list = ("name",)
    column_editable_list = ("price",)
    can_export = True

    def is_accessible(self):
        return session.get("name") == "ann"

    def inaccessible_callback(self, name, **arguments):
        return redirect(url_for("sign_in", next=request.path))


class Report(BaseView):
    """A page of our own."""

    @expose("/")
    def index(self):
        return self.render("report.html", total=7)


@pytest.fixture
def app(tmp_path):
    (tmp_path / "report.html").write_text(
        "{% extends 'admin/master.html' %}{% block body %}<p>{{ total }} items</p>{% endblock %}"
    )
    app = Flask(__name__, template_folder=str(tmp_path))
    app.secret_key = "only for this test"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'shop.db'}"
    db = SQLAlchemy(app)

    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(50), nullable=False)
        price = db.Column(db.Integer)

    Babel(app)  # because it is installed
    admin = Admin(app, name="Shop")
    admin.add_view(ItemView(Item, db, endpoint="items"))
    admin.add_view(Report(name="Report", endpoint="report"))

    @app.get("/sign-in")
    def sign_in():
        session["name"] = "ann"
        return redirect(request.args["next"])

    with app.app_context():
        db.create_all()
        db.session.add_all([Item(name="tea", price=3), Item(name="milk", price=1)])
        db.session.commit()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def ann(client):
    client.get("/sign-in?next=/")
    return client


def text_of(answer):
    text = answer.get_data(as_text=True)
    answer.close()
    return text


def test_the_pages_have_a_menu(client):
    page = text_of(client.get("/admin/report/"))
    assert "<p>7 items</p>" in page
    assert 'href="/admin/report/"' in page


def test_who_has_not_signed_in_is_sent_away(client):
    answer = client.get("/admin/items/")
    assert answer.headers["Location"] == "/sign-in?next=/admin/items/"
    assert "milk" in text_of(client.get("/admin/items/", follow_redirects=True))


def test_searching(ann):
    page = text_of(ann.get("/admin/items/?search=te"))
    assert "tea" in page
    assert "milk" not in page


def test_adding_changing_and_deleting(ann):
    answer = ann.post("/admin/items/new/", data={"name": "jam", "price": "4"})
    assert answer.headers["Location"].startswith("/admin/items/")
    page = text_of(ann.get("/admin/items/"))
    assert "jam" in page
    assert "Record was successfully created" in page

    ann.post("/admin/items/edit/?id=3", data={"name": "jam", "price": "5"})
    assert re.search(r'value="5"', text_of(ann.get("/admin/items/edit/?id=3")))
    assert text_of(ann.post("/admin/items/ajax/update/", data={"list_form_pk": "3", "price": "6"}))
    assert re.search(r'value="6"', text_of(ann.get("/admin/items/edit/?id=3")))

    ann.post("/admin/items/delete/", data={"id": "3"})
    assert "jam" not in text_of(ann.get("/admin/items/?search=jam")).partition("<tbody")[2]


def test_what_is_missing_is_said(ann):
    page = text_of(ann.post("/admin/items/new/", data={"price": "4"}))
    assert "This field is required" in page


def test_a_download(ann):
    answer = ann.get("/admin/items/export/csv/")
    assert answer.mimetype == "text/csv"
    assert text_of(answer).splitlines() == ["Name,Price", "tea,3", "milk,1"]


def test_its_own_files(client):
    answer = client.get("/admin/static/admin/css/bootstrap4/admin.css")
    assert (answer.status_code, answer.mimetype) == (200, "text/css")
    answer.close()
