"""What comes out of a migration runs."""

from __future__ import annotations

import io
import sqlite3
import subprocess
import sys

import pytest

SHOP = """
from functools import wraps

from flask import (
    Blueprint, Flask, Response, after_this_request, flash, g, get_flashed_messages, jsonify,
    make_response, redirect, render_template_string, request, session, stream_with_context, url_for,
)
from flask.views import MethodView

bp = Blueprint("shop", __name__, url_prefix="/shop")
things = {}


def login_required(view):
    @wraps(view)
    def wrapped(**kwargs):
        if g.user is None:
            return redirect(url_for("login"))
        return view(**kwargs)

    return wrapped


def amount():
    return int(request.form.get("amount", 1))


class Things(MethodView):
    decorators = [login_required]

    def get(self, name):
        return {"amount": things[name], "by": g.user}

    def post(self, name):
        things[name] = things.get(name, 0) + amount()
        flash(f"{name} is in")
        return redirect(url_for("shop.things", name=name))

    def put(self, name):
        things[name] = request.get_json()["amount"]
        return "", 204


bp.add_url_rule("/things/<name>", view_func=Things.as_view("things"))


@bp.get("/flashed")
@login_required
def flashed():
    return jsonify(get_flashed_messages())


@bp.post("/upload")
@login_required
def upload():
    return "|".join(file.read().decode() for file in request.files.values())


@bp.get("/rows")
def rows():
    def generate():
        for number in range(3):
            yield render_template_string("{{ number }};", number=number)

    return Response(stream_with_context(generate()), mimetype="text/plain")


def create_app():
    app = Flask(__name__)
    app.secret_key = "testing"
    app.testing = True
    app.register_blueprint(bp)

    @app.before_request
    def load_user():
        g.user = session.get("user")

    @app.after_request
    def measure(response):
        response.headers["X-Size"] = str(len(response.get_data()))
        return response

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST":
            session["user"] = request.form["user"]

            @after_this_request
            def greet(response):
                response.headers["X-Hello"] = request.form["user"]
                return response

            return make_response("in", 201)
        return render_template_string("<form>{{ request.path }}</form>")

    @app.errorhandler(404)
    def missing(error):
        return render_template_string("Nothing at {{ path }}", path=request.path), 404

    return app
"""


async def test_a_whole_application(migrated):
    result = migrated(SHOP)
    assert result.notes == []
    client = result.load().create_app().test_client()

    response = await client.get("/shop/things/tea")
    assert response.location == "/login"
    assert response.headers["X-Size"] == str(len(await response.get_data()))
    response = await client.get("/login")
    assert await response.get_data() == b"<form>/login</form>"
    response = await client.post("/login", data={"user": "ann"})
    assert response.status_code == 201
    assert response.headers["X-Hello"] == "ann"

    for _ in range(2):
        response = await client.post("/shop/things/tea", data={"amount": "2"})
        assert response.location == "/shop/things/tea"
    assert await (await client.get("/shop/things/tea")).get_json() == {"amount": 4, "by": "ann"}
    assert await (await client.get("/shop/flashed")).get_json() == ["tea is in", "tea is in"]
    response = await client.put("/shop/things/tea", json={"amount": 9})
    assert response.status_code == 204

    files = {"a": (io.BytesIO(b"one"), "a.txt"), "b": (io.BytesIO(b"two"), "b.txt")}
    response = await client.post("/shop/upload", data=files)
    assert await response.get_data() == b"one|two"
    assert await (await client.get("/shop/rows")).get_data() == b"0;1;2;"
    response = await client.get("/nowhere")
    assert response.status_code == 404
    assert await response.get_data() == b"Nothing at /nowhere"


DATABASE = """
import sqlite3

from flask import Flask, current_app, g, request

app = Flask(__name__)
app.testing = True


def get_db():
    if "db" not in g:
        g.db = sqlite3.connect(current_app.config["DATABASE"])
    return g.db


@app.before_request
def count():
    get_db().execute("INSERT INTO asked VALUES (?)", (request.path,))


@app.teardown_appcontext
def close(error):
    db = g.pop("db", None)
    if db is not None:
        db.commit()
        db.close()


@app.post("/asked")
def asked():
    rows = get_db().execute("SELECT path FROM asked WHERE path LIKE ?", (request.form["like"],))
    return [path for path, in rows]


@app.get("/plain")
def plain():
    return str(get_db().execute("SELECT count(*) FROM asked").fetchone()[0])
"""


@pytest.mark.parametrize("all_async", [False, True])
async def test_plain_and_async_functions_share_a_connection(migrated, tmp_path, all_async):
    database = sqlite3.connect(tmp_path / "a.db")
    database.execute("CREATE TABLE asked (path TEXT)")
    database.close()
    app = migrated(DATABASE, all_async=all_async).load().app
    app.config["DATABASE"] = str(tmp_path / "a.db")
    client = app.test_client()
    for number in range(1, 4):
        response = await client.get("/plain")
        assert await response.get_data() == str(number).encode()
    response = await client.post("/asked", data={"like": "/p%"})
    assert await response.get_json() == ["/plain"] * 3


COMMANDS = """
import click
from flask import Flask, current_app, render_template_string

app = Flask(__name__)


@click.command("hello")
@click.argument("name")
def hello(name):
    click.echo(render_template_string("Hello {{ name }} from {{ app }}", name=name, app=current_app.name))


@app.cli.command("plain")
def plain():
    click.echo(current_app.name)


app.cli.add_command(hello)
"""


def test_commands(migrated):
    app = migrated(COMMANDS).load().app
    runner = app.test_cli_runner()
    assert runner.invoke(args=["hello", "Ann"]).output == f"Hello Ann from {app.name}\n"
    assert runner.invoke(args=["plain"]).output == f"{app.name}\n"


TESTED = {
    "pytest.ini": "[pytest]\nfilterwarnings = error\n",
    "shop.py": SHOP,
    "conftest.py": """
import pytest

from shop import create_app


@pytest.fixture
def app():
    app = create_app()
    with app.app_context():
        yield app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def login(client):
    def do(user="ann"):
        return client.post("/login", data={"user": user})

    return do
""",
    "test_shop.py": """
import pytest
from flask import current_app, g, session


def test_context(app):
    assert current_app.name == app.name


def test_login(client, login):
    with client:
        assert login().data == b"in"
        assert session["user"] == "ann"
        client.get("/login")
        assert g.user == "ann"


@pytest.mark.parametrize("amount", [1, 5])
def test_things(client, login, amount):
    login("bob")
    with client.session_transaction() as stored:
        assert stored["user"] == "bob"
    assert client.put("/shop/things/x", json={"amount": amount}).status_code == 204
    with client.get("/shop/things/x") as response:
        assert response.json == {"amount": amount, "by": "bob"}
        assert "bob" in response.text


class TestPages:
    def test_form(self, client):
        assert b"<form>" in client.get("/login").data

    def test_missing(self, client):
        response = client.get("/nowhere")
        assert response.status_code == 404
        assert response.get_data(as_text=True) == "Nothing at /nowhere"
""",
}


def test_the_tests_of_an_application(migrated):
    result = migrated(TESTED)
    assert result.notes == [
        "pytest.ini:1: tests are coroutine functions now: install pytest-asyncio"
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=result.folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "6 passed" in run.stdout
