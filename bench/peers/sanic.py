"""The application on Sanic, whose own server is its best. It has no sessions of its own."""

from __future__ import annotations

import sys

from bench import application
from bench.peers import uvicorn
from jinja2 import Environment, FileSystemLoader
from sanic import Blueprint, Sanic
from sanic.exceptions import NotFound
from sanic.response import html
from sanic.response import json as json_answer
from sanic.response import text as text_answer

NAME = "sanic"
TARGET = "bench.peers.sanic:app"
SERVERS = {
    "sanic": [
        *(sys.executable, "-m", "sanic", TARGET, "--host", "127.0.0.1", "--port", "{port}"),
        *("--single-process", "--no-access-logs", "--no-motd"),
    ],
    "uvicorn": uvicorn(TARGET),
}

app = Sanic("bench", configure_logging=False)
app.config.ACCESS_LOG = False
hooked = Blueprint("hooked")

environment = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
environment.globals["url_for"] = lambda name, **values: app.url_for(name, **values)
page_template = environment.get_template("page.html")


@app.get("/text")
async def text(request):
    return text_answer(application.TEXT)


@app.get("/json")
async def json(request):
    return json_answer({"message": application.TEXT})


@app.get("/user/<id:int>")
async def user(request, id: int):
    return json_answer({"id": id})


@app.post("/echo")
async def echo(request):
    return json_answer(request.json)


@app.get("/stream")
async def stream(request):
    response = await request.respond()
    for _ in range(application.PIECES):
        await response.send(application.PIECE)
    await response.eof()


@app.get("/page")
async def page(request):
    return html(page_template.render(title=application.TITLE, rows=application.ROWS))


@app.get("/query")
async def query(request):
    return json_answer({name: request.args.get(name) for name in application.QUERY})


@app.post("/form")
async def form(request):
    return json_answer({name: request.form.get(name) for name in application.FORM})


@app.get("/error")
async def error(request):
    raise NotFound


async def before(request):
    pass


async def after(request, response):
    pass


# The same function is taken once only, so each has its own.
for _ in range(3):
    hooked.on_request(lambda request: before(request))
for _ in range(2):
    hooked.on_response(lambda request, response: after(request, response))


@hooked.get("/hooks")
async def hooks(request):
    return text_answer(application.TEXT)


app.blueprint(hooked)
