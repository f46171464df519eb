"""The application on Starlette. Sessions and hooks are middleware of their routes, in bare ASGI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench import application
from bench.peers import asgi_servers
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.templating import Jinja2Templates

NAME = "starlette"
SERVERS = asgi_servers("starlette")

environment = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
# The path alone, as the others have it: what comes with Starlette makes a whole address.
environment.globals["url_for"] = lambda name, **values: app.url_path_for(name, **values)
templates = Jinja2Templates(env=environment)


async def text(request):
    return PlainTextResponse(application.TEXT)


async def json(request):
    return JSONResponse({"message": application.TEXT})


async def user(request):
    return JSONResponse({"id": request.path_params["id"]})


async def echo(request):
    return JSONResponse(await request.json())


async def stream(request):
    async def pieces():
        for _ in range(application.PIECES):
            yield application.PIECE

    return StreamingResponse(pieces())


async def page(request):
    shown = {"title": application.TITLE, "rows": application.ROWS}
    return templates.TemplateResponse(request, "page.html", shown)


async def query(request):
    return JSONResponse({name: request.query_params[name] for name in application.QUERY})


async def form(request):
    async with request.form() as fields:
        return JSONResponse({name: fields[name] for name in application.FORM})


async def login(request):
    request.session["user"] = "ada"
    return PlainTextResponse("welcome")


async def read_session(request):
    return PlainTextResponse(request.session["user"])


async def error(request):
    raise HTTPException(404)


class Before:
    """What does something before the view."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class After:
    """What sees the start of the answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def changed(message):
            await send(message)

        await self.app(scope, receive, changed)


HOOKS = [Middleware(Before)] * 3 + [Middleware(After)] * 2
SESSION = [Middleware(SessionMiddleware, secret_key=application.SECRET)]

app = Starlette(
    routes=[
        Route("/text", text),
        Route("/json", json),
        Route("/user/{id:int}", user, name="user"),
        Route("/echo", echo, methods=["POST"]),
        Route("/stream", stream),
        Route("/page", page),
        Route("/query", query),
        Route("/form", form, methods=["POST"]),
        Route("/login", login, middleware=SESSION),
        Route("/session", read_session, middleware=SESSION),
        Route("/hooks", text, middleware=HOOKS),
        Route("/error", error),
    ]
)


def many_routes(paths: Iterable[str]) -> Any:
    return Starlette(routes=[Route(path.replace("<int:id>", "{id:int}"), user) for path in paths])
