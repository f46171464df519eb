"""The application on Emmett55, over RSGI.

Its session in a cookie needs emmett-crypto, which has to be compiled from Rust: left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import application
from bench.peers import granian
from emmett55 import App, Pipe, abort, request, response, url
from emmett55.tools import service, stream
from jinja2 import Environment, FileSystemLoader

NAME = "emmett55"
SERVERS = {"granian": granian("bench.peers.emmett55:app", "rsgi")}


def new_app() -> App:
    # It makes folders for logs and static files where its root is.
    root = Path(__file__).parents[2] / ".cache/bench/emmett55"
    root.mkdir(parents=True, exist_ok=True)
    made = App(__name__, root_path=str(root))
    made.config.handle_static = False
    return made


app = new_app()

environment = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
environment.globals["url_for"] = lambda name, **values: url(name, list(values.values()))
page_template = environment.get_template("page.html")


@app.route("/text", methods="get", output="str")
async def text():
    response.content_type = "text/plain"
    return application.TEXT


@app.route("/json", methods="get")
@service.json
async def json():
    return {"message": application.TEXT}


@app.route("/user/<int:id>", name=f"{__name__}.user", methods="get")
@service.json
async def user(id):
    return {"id": id}


@app.route("/echo", methods="post")
@service.json
async def echo():
    return await request.body_params


@app.route("/stream", methods="get")
@stream()
async def show_stream():
    for _ in range(application.PIECES):
        yield application.PIECE


@app.route("/page", methods="get", output="str")
async def page():
    response.content_type = "text/html; charset=utf-8"
    return page_template.render(title=application.TITLE, rows=application.ROWS)


@app.route("/query", methods="get")
@service.json
async def query():
    return {name: request.query_params[name] for name in application.QUERY}


@app.route("/form", methods="post")
@service.json
async def form():
    fields = await request.body_params
    return {name: fields[name] for name in application.FORM}


@app.route("/error", methods="get", output="str")
async def error():
    abort(404)


class Around(Pipe):
    async def pipe(self, next_pipe, **kwargs):
        return await next_pipe(**kwargs)


@app.route("/hooks", methods="get", output="str", pipeline=[Around() for _ in range(5)])
async def hooks():
    response.content_type = "text/plain"
    return application.TEXT


def many_routes(paths: Iterable[str]) -> Any:
    crowded = new_app()
    for number, path in enumerate(paths):

        async def show(id):
            return {"id": id}

        crowded.route(path, name=f"user{number}", methods="get")(service.json(show))
    return crowded
