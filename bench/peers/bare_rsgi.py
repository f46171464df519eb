"""The application as bare RSGI functions, the protocol of granian: the limit on that server."""

from __future__ import annotations

import json as json_module
from urllib.parse import parse_qs

from bench import application
from bench.peers import granian
from bench.peers.bare import page_template

NAME = "bare_rsgi"
SERVERS = {"granian": granian("bench.peers.bare_rsgi:app", "rsgi")}

TEXT_TYPE = [("content-type", "text/plain; charset=utf-8")]
HTML_TYPE = [("content-type", "text/html; charset=utf-8")]
JSON_TYPE = [("content-type", "application/json")]


async def text(scope, protocol):
    protocol.response_str(200, TEXT_TYPE, application.TEXT)


async def json(scope, protocol):
    protocol.response_str(200, JSON_TYPE, json_module.dumps({"message": application.TEXT}))


async def user(scope, protocol):
    id = int(scope.path.rpartition("/")[2])
    protocol.response_str(200, JSON_TYPE, json_module.dumps({"id": id}))


async def echo(scope, protocol):
    value = json_module.loads(await protocol())
    protocol.response_str(200, JSON_TYPE, json_module.dumps(value))


async def stream(scope, protocol):
    transport = protocol.response_stream(200, TEXT_TYPE)
    for _ in range(application.PIECES):
        await transport.send_bytes(application.PIECE)


async def page(scope, protocol):
    shown = page_template.render(title=application.TITLE, rows=application.ROWS)
    protocol.response_str(200, HTML_TYPE, shown)


async def query(scope, protocol):
    values = parse_qs(scope.query_string)
    found = {name: values[name][0] for name in application.QUERY}
    protocol.response_str(200, JSON_TYPE, json_module.dumps(found))


async def form(scope, protocol):
    values = parse_qs((await protocol()).decode())
    found = {name: values[name][0] for name in application.FORM}
    protocol.response_str(200, JSON_TYPE, json_module.dumps(found))


async def error(scope, protocol):
    protocol.response_str(404, TEXT_TYPE, "Not Found")


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


class Application:
    async def __rsgi__(self, scope, protocol):
        path = scope.path
        view = ROUTES.get(path)
        if view is None:
            view = user if path.startswith("/user/") else error
        await view(scope, protocol)


app = Application()
