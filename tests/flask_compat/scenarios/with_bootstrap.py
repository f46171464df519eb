"""Bootstrap-Flask: forms, tables, messages and page links drawn by its macros, and its own files."""

from __future__ import annotations

import re

import pytest
from flask import Flask, flash, redirect, render_template_string, request
from flask_bootstrap import Bootstrap5
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField, SubmitField
from wtforms.validators import DataRequired, NumberRange

PAGE = """
{% from 'bootstrap5/form.html' import render_form %}
{% from 'bootstrap5/nav.html' import render_nav_item %}
{% from 'bootstrap5/pagination.html' import render_pagination %}
{% from 'bootstrap5/table.html' import render_table %}
{% from 'bootstrap5/utils.html' import render_messages %}
{{ bootstrap.load_css() }}{{ render_nav_item('index', 'Items') }}{{ render_messages() }}
{{ render_table(items.items, [('name', 'Name'), ('price', 'Price')]) }}
{{ render_pagination(items) }}{{ render_form(form) }}
"""


class ItemForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired("An item has a name.")])
    price = IntegerField("Price", validators=[NumberRange(1)], default=1)
    save = SubmitField()


@pytest.fixture
def app(tmp_path):
    app = Flask(__name__)
    app.secret_key = "only for this test"
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'shop.db'}"
    Bootstrap5(app)
    db = SQLAlchemy(app)

    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(50))
        price = db.Column(db.Integer)

    @app.route("/", methods=["GET", "POST"])
    def index():
        form = ItemForm()
        if form.validate_on_submit():
            db.session.add(Item(name=form.name.data, price=form.price.data))
            db.session.commit()
            flash(f"{form.name.data} is new.", "success")
            return redirect(request.path)
        items = db.paginate(db.select(Item).order_by(Item.id), per_page=2)
        return render_template_string(PAGE, form=form, items=items)

    with app.app_context():
        db.create_all()
        db.session.add_all([Item(name=name, price=3) for name in ("tea", "milk", "jam")])
        db.session.commit()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app):
    return app.test_client()


def page_of(answer):
    return answer.get_data(as_text=True)


def test_the_table_and_the_links_to_its_pages(client):
    page = page_of(client.get("/"))
    assert re.findall(r"<td>(\w+)</td>", page) == ["tea", "3", "milk", "3"]
    assert re.search(r'href="\s*/\?page=2"', page)
    page = page_of(client.get("/?page=2"))
    assert re.findall(r"<td>(\w+)</td>", page) == ["jam", "3"]
    assert 'class="nav-item nav-link active"' in page


def test_the_form(client):
    page = page_of(client.get("/"))
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    wrong = page_of(client.post("/", data={"csrf_token": token, "price": "0"}))
    assert "An item has a name." in wrong
    assert "is-invalid" in wrong
    item = {"csrf_token": token, "name": "cups", "price": "8"}
    answer = client.post("/", data=item, follow_redirects=True)
    assert "cups is new." in page_of(answer)
    assert "alert-success" in page_of(client.post("/", data=item, follow_redirects=True))


def test_its_own_files(client):
    link = re.search(r'href="([^"]+bootstrap\.min\.css)"', page_of(client.get("/")))[1]
    with client.get(link) as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/css")
        assert "Bootstrap" in page_of(answer)[:200]
