"""The application on Quart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench import application
from bench.peers import asgi_servers
from quart import Blueprint, Quart, abort, render_template, request, session

NAME = "quart"
SERVERS = asgi_servers("quart")

app = Quart(__name__, template_folder=str(application.TEMPLATES))
app.secret_key = application.SECRET
hooked = Blueprint("hooked", __name__)


@app.get("/text")
async def text():
    return application.TEXT


@app.get("/json")
async def json():
    return {"message": application.TEXT}


@app.get("/user/<int:id>")
async def user(id: int):
    return {"id": id}


@app.post("/echo")
async def echo():
    return await request.get_json()


@app.get("/stream")
async def stream():
    async def pieces():
        for _ in range(application.PIECES):
            yield application.PIECE

    return pieces()


@app.get("/page")
async def page():
    return await render_template("page.html", title=application.TITLE, rows=application.ROWS)


@app.get("/query")
async def query():
    return {name: request.args[name] for name in application.QUERY}


@app.post("/form")
async def form():
    fields = await request.form
    return {name: fields[name] for name in application.FORM}


@app.get("/login")
async def login():
    session["user"] = "ada"
    return "welcome"


@app.get("/session")
async def read_session():
    return session["user"]


@app.get("/error")
async def error():
    abort(404)


@hooked.before_request
async def first():
    pass


@hooked.before_request
async def second():
    pass


@hooked.before_request
async def third():
    pass


@hooked.after_request
async def fourth(response):
    return response


@hooked.after_request
async def fifth(response):
    return response


@hooked.get("/hooks")
async def hooks():
    return application.TEXT


app.register_blueprint(hooked)


def many_routes(paths: Iterable[str]) -> Any:
    crowded = Quart(__name__)
    for number, path in enumerate(paths):
        crowded.add_url_rule(path, f"user{number}", user)
    return crowded
