"""The application on aiohttp, which is its own server."""

from __future__ import annotations

import sys

import aiohttp.web as web
from bench import application
from jinja2 import Environment, FileSystemLoader

NAME = "aiohttp"
SERVERS = {"aiohttp": [sys.executable, "-m", "bench.peers.aiohttp", "{port}"]}

environment = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
environment.globals["url_for"] = lambda name, **values: app.router[name].url_for(
    **{key: str(value) for key, value in values.items()}
)
page_template = environment.get_template("page.html")


async def text(request):
    return web.Response(text=application.TEXT)


async def json(request):
    return web.json_response({"message": application.TEXT})


async def user(request):
    return web.json_response({"id": int(request.match_info["id"])})


async def echo(request):
    return web.json_response(await request.json())


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(application.PIECES):
        await response.write(application.PIECE)
    await response.write_eof()
    return response


async def page(request):
    shown = page_template.render(title=application.TITLE, rows=application.ROWS)
    return web.Response(text=shown, content_type="text/html")


async def query(request):
    return web.json_response({name: request.query[name] for name in application.QUERY})


async def form(request):
    fields = await request.post()
    return web.json_response({name: fields[name] for name in application.FORM})


async def error(request):
    raise web.HTTPNotFound


@web.middleware
async def around(request, handler):
    return await handler(request)


hooked = web.Application(middlewares=[around] * 5)
hooked.router.add_get("", text)

app = web.Application()
app.router.add_get("/text", text)
app.router.add_get("/json", json)
app.router.add_get(r"/user/{id:\d+}", user, name="user")
app.router.add_post("/echo", echo)
app.router.add_get("/stream", stream)
app.router.add_get("/page", page)
app.router.add_get("/query", query)
app.router.add_post("/form", form)
app.router.add_get("/error", error)
app.add_subapp("/hooks", hooked)


def main() -> None:
    import uvloop

    loop = uvloop.new_event_loop()
    port = int(sys.argv[1])
    web.run_app(app, host="127.0.0.1", port=port, loop=loop, access_log=None, print=None)


if __name__ == "__main__":
    main()
