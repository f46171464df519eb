"""The application on Robyn, whose server and router are in Rust. It has no sessions."""

from __future__ import annotations

import logging
import sys
from urllib.parse import parse_qs

from bench import application
from jinja2 import Environment, FileSystemLoader
from robyn import Request, Response, Robyn, StreamingResponse

NAME = "robyn"
SERVERS = {"robyn": [sys.executable, "-m", "bench.peers.robyn", "{port}", "--log-level", "ERROR"]}

environment = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
environment.globals["url_for"] = lambda _, **values: "/user/{id}".format(**values)
page_template = environment.get_template("page.html")

logging.getLogger("robyn.logger").setLevel(logging.ERROR)
app = Robyn(__file__)


@app.get("/text")
async def text(request: Request):
    return application.TEXT


@app.get("/json")
async def json(request: Request):
    return {"message": application.TEXT}


@app.get("/user/:id")
async def user(request: Request):
    return {"id": int(request.path_params["id"])}


@app.post("/echo")
async def echo(request: Request):
    return request.json()


@app.get("/stream")
async def stream(request: Request):
    def pieces():
        for _ in range(application.PIECES):
            yield application.PIECE

    return StreamingResponse(pieces(), media_type="application/octet-stream")


@app.get("/page")
async def page(request: Request):
    shown = page_template.render(title=application.TITLE, rows=application.ROWS)
    return Response(200, {"content-type": "text/html; charset=utf-8"}, shown)


@app.get("/query")
async def query(request: Request):
    return {name: request.query_params.get(name) for name in application.QUERY}


@app.post("/form")
async def form(request: Request):
    fields = parse_qs(request.body)  # its own parser is for multipart only
    return {name: fields[name][0] for name in application.FORM}


@app.get("/error")
async def error(request: Request):
    return Response(404, {}, "Not Found")


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(sys.argv[1]), _check_port=False)
