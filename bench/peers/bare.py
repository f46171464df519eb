"""The application as bare ASGI functions: what no framework can be faster than.

Only what an answer needs is done: the path is looked up in a dictionary, the rest is left to json and
urllib.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from bench import application
from bench.peers import asgi_servers
from jinja2 import Environment, FileSystemLoader

NAME = "bare"
SERVERS = asgi_servers("bare")

TEXT_TYPE = (b"content-type", b"text/plain; charset=utf-8")
HTML_TYPE = (b"content-type", b"text/html; charset=utf-8")
JSON_TYPE = (b"content-type", b"application/json")

templates = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
templates.globals["url_for"] = lambda _, **values: "/user/{id}".format(**values)
page_template = templates.get_template("page.html")


async def answer(send, body: bytes, content_type: tuple[bytes, bytes], status: int = 200) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [content_type, length]})
    await send({"type": "http.response.body", "body": body})


async def read(receive) -> bytes:
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


async def text(scope, receive, send):
    await answer(send, application.TEXT.encode(), TEXT_TYPE)


async def json(scope, receive, send):
    await answer(send, json_module.dumps({"message": application.TEXT}).encode(), JSON_TYPE)


async def user(scope, receive, send):
    id = int(scope["path"].rpartition("/")[2])
    await answer(send, json_module.dumps({"id": id}).encode(), JSON_TYPE)


async def echo(scope, receive, send):
    value = json_module.loads(await read(receive))
    await answer(send, json_module.dumps(value).encode(), JSON_TYPE)


async def stream(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [TEXT_TYPE]})
    for _ in range(application.PIECES):
        await send({"type": "http.response.body", "body": application.PIECE, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def page(scope, receive, send):
    shown = page_template.render(title=application.TITLE, rows=application.ROWS)
    await answer(send, shown.encode(), HTML_TYPE)


async def query(scope, receive, send):
    values = parse_qs(scope["query_string"].decode())
    found = {name: values[name][0] for name in application.QUERY}
    await answer(send, json_module.dumps(found).encode(), JSON_TYPE)


async def form(scope, receive, send):
    values = parse_qs((await read(receive)).decode())
    found = {name: values[name][0] for name in application.FORM}
    await answer(send, json_module.dumps(found).encode(), JSON_TYPE)


async def error(scope, receive, send):
    await answer(send, b"Not Found", TEXT_TYPE, 404)


ROUTES = {
    "/text": text,
    "/hooks": text,
    "/json": json,
    "/echo": echo,
    "/stream": stream,
    "/page": page,
    "/query": query,
    "/form": form,
    "/error": error,
}


async def app(scope, receive, send):
    if scope["type"] != "http":
        await lifespan(receive, send)
        return
    path = scope["path"]
    view = ROUTES.get(path)
    if view is None:
        view = user if path.startswith("/user/") else error
    await view(scope, receive, send)


async def lifespan(receive, send):
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


def many_routes(paths: Iterable[str]) -> Any:
    """A dictionary of what stands before the parameter, and of what stands behind it."""
    routes = {tuple(path.split("<int:id>")): user_between for path in paths}

    async def crowded(scope, receive, send):
        if scope["type"] != "http":
            await lifespan(receive, send)
            return
        head, number, tail = split_at_number(scope["path"])
        await routes[head, tail](number, send)

    return crowded


def split_at_number(path: str) -> tuple[str, int, str]:
    head, _, last = path.rpartition("/")
    if last.isdigit():
        return head + "/", int(last), ""
    before, _, number = head.rpartition("/")
    return before + "/", int(number), "/" + last


async def user_between(id: int, send) -> None:
    await answer(send, json_module.dumps({"id": id}).encode(), JSON_TYPE)
