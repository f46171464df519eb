"""The application on Falcon, its ASGI side. It has neither sessions nor templates of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import falcon
import falcon.asgi
from bench import application
from bench.peers import asgi_servers
from jinja2 import Environment, FileSystemLoader

NAME = "falcon"
SERVERS = asgi_servers("falcon")

environment = Environment(loader=FileSystemLoader(application.TEMPLATES), autoescape=True)
environment.globals["url_for"] = lambda _, **values: "/user/{id}".format(**values)
page_template = environment.get_template("page.html")


class Text:
    async def on_get(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.text = application.TEXT


class Json:
    async def on_get(self, request, response):
        response.media = {"message": application.TEXT}


class User:
    async def on_get(self, request, response, id):
        response.media = {"id": id}


class Echo:
    async def on_post(self, request, response):
        response.media = await request.get_media()


class Stream:
    async def on_get(self, request, response):
        async def pieces():
            for _ in range(application.PIECES):
                yield application.PIECE

        response.stream = pieces()


class Page:
    async def on_get(self, request, response):
        response.content_type = falcon.MEDIA_HTML
        response.text = page_template.render(title=application.TITLE, rows=application.ROWS)


class Query:
    async def on_get(self, request, response):
        response.media = {name: request.get_param(name) for name in application.QUERY}


class Form:
    async def on_post(self, request, response):
        fields = await request.get_media()
        response.media = {name: fields[name] for name in application.FORM}


class Error:
    async def on_get(self, request, response):
        raise falcon.HTTPNotFound


async def before(request, response, resource, params):
    pass


async def after(request, response, resource):
    pass


class Hooks:
    @falcon.before(before)
    @falcon.before(before)
    @falcon.before(before)
    @falcon.after(after)
    @falcon.after(after)
    async def on_get(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.text = application.TEXT


app = falcon.asgi.App()
app.add_route("/text", Text())
app.add_route("/json", Json())
app.add_route("/user/{id:int}", User())
app.add_route("/echo", Echo())
app.add_route("/stream", Stream())
app.add_route("/page", Page())
app.add_route("/query", Query())
app.add_route("/form", Form())
app.add_route("/error", Error())
app.add_route("/hooks", Hooks())


def many_routes(paths: Iterable[str]) -> Any:
    crowded = falcon.asgi.App()
    resource = User()
    for path in paths:
        crowded.add_route(path.replace("<int:id>", "{id:int}"), resource)
    return crowded
