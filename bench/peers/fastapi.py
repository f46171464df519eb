"""The application on FastAPI. Middleware is for a whole application there: two more have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from bench import application
from bench.peers import asgi_servers
from bench.peers.starlette import HOOKS, SESSION
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader

NAME = "fastapi"
SERVERS = asgi_servers("fastapi")

environment = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
environment.globals["url_for"] = lambda name, **values: app.url_path_for(name, **values)
templates = Jinja2Templates(env=environment)

app = FastAPI()
hooked = FastAPI(middleware=HOOKS)
with_session = FastAPI(middleware=SESSION)
APPS = {"/hooks": hooked, "/login": with_session, "/session": with_session}


@app.get("/text", response_class=PlainTextResponse)
async def text():
    return application.TEXT


@app.get("/json")
async def json():
    return {"message": application.TEXT}


@app.get("/user/{id}")
async def user(id: int):
    return {"id": id}


@app.post("/echo")
async def echo(value: dict[str, Any]):
    return value


@app.get("/stream")
async def stream():
    async def pieces():
        for _ in range(application.PIECES):
            yield application.PIECE

    return StreamingResponse(pieces())


@app.get("/page")
async def page(request: Request):
    shown = {"title": application.TITLE, "rows": application.ROWS}
    return templates.TemplateResponse(request, "page.html", shown)


@app.get("/query")
async def query(request: Request):
    return {name: request.query_params[name] for name in application.QUERY}


@app.post("/form")
async def form(
    name: Annotated[str, Form()],
    email: Annotated[str, Form()],
    city: Annotated[str, Form()],
    remark: Annotated[str, Form()],
):
    return {"name": name, "email": email, "city": city, "remark": remark}


@with_session.get("/login", response_class=PlainTextResponse)
async def login(request: Request):
    request.session["user"] = "ada"
    return "welcome"


@with_session.get("/session", response_class=PlainTextResponse)
async def read_session(request: Request):
    return request.session["user"]


@app.get("/error")
async def error():
    raise HTTPException(404)


hooked.get("/hooks", response_class=PlainTextResponse)(text)


def many_routes(paths: Iterable[str]) -> Any:
    crowded = FastAPI()
    for path in paths:
        crowded.get(path.replace("<int:id>", "{id}"))(user)
    return crowded
