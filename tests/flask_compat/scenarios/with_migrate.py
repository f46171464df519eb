"""Flask-Migrate: a database is made and changed by `db init`, `db migrate` and `db upgrade`.

The commands run in processes of their own, as they do on a command line.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest
from flask import Flask
from flask.cli import FlaskGroup
from flask_migrate import Migrate, downgrade, upgrade
from flask_sqlalchemy import SQLAlchemy

SHOP = """\
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///{database}"
db = SQLAlchemy(app)
Migrate(app, db)


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), nullable=False)
"""
PRICE = "    price = db.Column(db.Integer)\n"
#: What stands for `flask` on the command line.
COMMAND = [sys.executable, *os.environ["COMPAT_COMMAND"].split()]


def columns(database):
    """Those of the table of items."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("PRAGMA table_info(item)").fetchall()
    return [row[1] for row in rows]


class Shop:
    """An application in a folder of its own, and the database that it uses."""

    def __init__(self, folder):
        self.folder, self.database = folder, folder / "shop.db"
        self.text = ""
        self.write(SHOP.format(database=self.database))

    def write(self, more):
        self.text += more
        (self.folder / "shop.py").write_text(self.text)

    def db(self, *arguments):
        done = subprocess.run(
            [*COMMAND, "--app", "shop", "db", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def test_a_table_is_made_and_changed_from_the_command_line(shop):
    shop.db("init")
    assert (shop.folder / "migrations/env.py").exists()
    assert "Detected added table 'item'" in shop.db("migrate", "-m", "items")
    assert columns(shop.database) == []
    shop.db("upgrade")
    assert columns(shop.database) == ["id", "name"]

    shop.write(PRICE)
    assert "Detected added column 'item.price'" in shop.db("migrate", "-m", "a price")
    shop.db("upgrade")
    assert columns(shop.database) == ["id", "name", "price"]
    assert "(head)" in shop.db("current")

    shop.db("downgrade")
    assert columns(shop.database) == ["id", "name"]


@pytest.fixture
def app(tmp_path):
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'shop.db'}"
    db = SQLAlchemy(app)
    Migrate(app, db, directory=str(tmp_path / "migrations"))

    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    @app.post("/upgrade")
    def upgrade_now():
        upgrade()
        return {"items": db.session.query(Item).count()}

    yield app
    with app.app_context():
        db.engine.dispose()


# It is of Flask-Migrate's template, for older versions of Flask-SQLAlchemy.
@pytest.mark.filterwarnings("ignore:'get_engine' is deprecated")
def test_commands_and_functions_in_one_process(app, tmp_path):
    runner = app.test_cli_runner()
    group = FlaskGroup(create_app=lambda: app)
    for command in ("init", "migrate"):
        done = runner.invoke(group, ["db", command])
        assert done.exit_code == 0, done.output

    # A migration runs within a request, too.
    assert app.test_client().post("/upgrade").get_json() == {"items": 0}
    with app.app_context():
        downgrade()
    assert columns(tmp_path / "shop.db") == []
