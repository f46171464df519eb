"""The application on Flask, which is WSGI: its views are plain functions."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from bench import application
from bench.peers import granian
from flask import Blueprint, Flask, abort, render_template, request, session

NAME = "flask"
TARGET = "bench.peers.flask:app"
SERVERS = {
    "granian": granian(TARGET, "wsgi"),
    "gunicorn": [
        *(sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1"),
        *("--worker-class", "gthread", "--threads", "4", "--log-level", "warning", TARGET),
    ],
}

app = Flask(__name__, template_folder=str(application.TEMPLATES))
app.secret_key = application.SECRET
hooked = Blueprint("hooked", __name__)


@app.get("/text")
def text():
    return application.TEXT


@app.get("/json")
def json():
    return {"message": application.TEXT}


@app.get("/user/<int:id>")
def user(id: int):
    return {"id": id}


@app.post("/echo")
def echo():
    return request.get_json()


@app.get("/stream")
def stream():
    def pieces():
        for _ in range(application.PIECES):
            yield application.PIECE

    return pieces()


@app.get("/page")
def page():
    return render_template("page.html", title=application.TITLE, rows=application.ROWS)


@app.get("/query")
def query():
    return {name: request.args[name] for name in application.QUERY}


@app.post("/form")
def form():
    fields = request.form
    return {name: fields[name] for name in application.FORM}


@app.get("/login")
def login():
    session["user"] = "ada"
    return "welcome"


@app.get("/session")
def read_session():
    return session["user"]


@app.get("/error")
def error():
    abort(404)


@hooked.before_request
def first():
    pass


@hooked.before_request
def second():
    pass


@hooked.before_request
def third():
    pass


@hooked.after_request
def fourth(response):
    return response


@hooked.after_request
def fifth(response):
    return response


@hooked.get("/hooks")
def hooks():
    return application.TEXT


app.register_blueprint(hooked)


def many_routes(paths: Iterable[str]) -> Any:
    crowded = Flask(__name__)
    for number, path in enumerate(paths):
        crowded.add_url_rule(path, f"user{number}", user)
    return crowded
