"""The application on BlackSheep. Middleware is for a whole application: two more have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench import application
from bench.peers import asgi_servers
from blacksheep import Application, Content, Request, Response, StreamedContent, json, text
from blacksheep.exceptions import NotFound
from blacksheep.server.routing import Router
from jinja2 import Environment, FileSystemLoader

NAME = "blacksheep"
SERVERS = asgi_servers("blacksheep")

environment = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
# It has no look-up of addresses by the name of a route.
environment.globals["url_for"] = lambda _, **values: "/user/{id}".format(**values)
page_template = environment.get_template("page.html")

# What several applications share by default is the router.
app = Application(router=Router())
hooked = Application(router=Router())
with_session = Application(router=Router())
with_session.use_sessions(application.SECRET)
APPS = {"/hooks": hooked, "/login": with_session, "/session": with_session}


@app.router.get("/text")
async def show_text(request: Request) -> Response:
    return text(application.TEXT)


@app.router.get("/json")
async def show_json(request: Request) -> Response:
    return json({"message": application.TEXT})


@app.router.get("/user/{int:id}")
async def user(id: int) -> Response:
    return json({"id": id})


@app.router.post("/echo")
async def echo(request: Request) -> Response:
    return json(await request.json())


@app.router.get("/stream")
async def stream(request: Request) -> Response:
    async def pieces():
        for _ in range(application.PIECES):
            yield application.PIECE

    return Response(200, content=StreamedContent(b"application/octet-stream", pieces))


@app.router.get("/page")
async def page(request: Request) -> Response:
    shown = page_template.render(title=application.TITLE, rows=application.ROWS)
    return Response(200, content=Content(b"text/html; charset=utf-8", shown.encode()))


@app.router.get("/query")
async def query(request: Request) -> Response:
    values = request.query  # parsed anew each time it is asked for
    return json({name: values[name][0] for name in application.QUERY})


@app.router.post("/form")
async def form(request: Request) -> Response:
    fields = await request.form()
    return json({name: fields[name] for name in application.FORM})


@with_session.router.get("/login")
async def login(request: Request) -> Response:
    request.session["user"] = "ada"
    return text("welcome")


@with_session.router.get("/session")
async def read_session(request: Request) -> Response:
    return text(request.session["user"])


@app.router.get("/error")
async def error(request: Request) -> Response:
    raise NotFound


async def around(request, handler):
    return await handler(request)


hooked.middlewares.extend([around] * 5)
hooked.router.get("/hooks")(show_text)


def many_routes(paths: Iterable[str]) -> Any:
    crowded = Application(router=Router())
    for path in paths:
        crowded.router.add_get(path.replace("<int:id>", "{int:id}"), user)
    return crowded
