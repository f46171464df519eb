"""The application on Litestar. Its session in a cookie is encrypted, not only signed."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any

from bench import application
from bench.peers import asgi_servers
from bench.peers.starlette import After, Before
from jinja2 import Environment, FileSystemLoader
from litestar import Litestar, Request, get, post
from litestar.contrib.jinja import JinjaTemplateEngine
from litestar.enums import MediaType, RequestEncodingType
from litestar.exceptions import HTTPException
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.params import Body
from litestar.response import Stream, Template
from litestar.template import TemplateConfig

NAME = "litestar"
SERVERS = asgi_servers("litestar")

SESSION = [CookieBackendConfig(secret=sha256(application.SECRET.encode()).digest()).middleware]
HOOKS = [Before] * 3 + [After] * 2

# Without this, a link is looked up among the routes by a name that they are given.
engine = JinjaTemplateEngine.from_environment(
    Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
)
engine.engine.globals["url_for"] = lambda name, **values: app.route_reverse(name, **values)


@get("/text", media_type=MediaType.TEXT)
async def text() -> str:
    return application.TEXT


@get("/json")
async def json() -> dict[str, str]:
    return {"message": application.TEXT}


@get("/user/{id:int}", name="user")
async def user(id: int) -> dict[str, int]:
    return {"id": id}


@post("/echo", status_code=200)
async def echo(data: dict[str, Any]) -> dict[str, Any]:
    return data


@get("/stream")
async def stream() -> Stream:
    async def pieces():
        for _ in range(application.PIECES):
            yield application.PIECE

    return Stream(pieces)


@get("/page")
async def page() -> Template:
    return Template("page.html", context={"title": application.TITLE, "rows": application.ROWS})


@get("/query")
async def query(request: Request) -> dict[str, str]:
    return {name: request.query_params[name] for name in application.QUERY}


@post("/form", status_code=200)
async def form(
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> dict[str, str]:
    return {name: data[name] for name in application.FORM}


@get("/login", media_type=MediaType.TEXT, middleware=SESSION)
async def login(request: Request) -> str:
    request.session["user"] = "ada"
    return "welcome"


@get("/session", media_type=MediaType.TEXT, middleware=SESSION)
async def read_session(request: Request) -> str:
    return request.session["user"]


@get("/hooks", media_type=MediaType.TEXT, middleware=HOOKS)
async def hooks() -> str:
    return application.TEXT


@get("/error")
async def error() -> None:
    raise HTTPException(status_code=404)


app = Litestar(
    [text, json, user, echo, stream, page, query, form, login, read_session, hooks, error],
    template_config=TemplateConfig(instance=engine),
    openapi_config=None,
    logging_config=None,
)


def many_routes(paths: Iterable[str]) -> Any:
    async def show(id: int) -> dict[str, int]:
        return {"id": id}

    handler = get([path.replace("<int:id>", "{id:int}") for path in paths])(show)
    return Litestar([handler], openapi_config=None, logging_config=None)
