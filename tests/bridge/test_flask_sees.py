"""What Flask's names show where Pottle runs: one context, one request, one session for both."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import flask
import pytest
from flask.globals import app_ctx, request_ctx

import pottle
from pottle.datastructures import FileStorage


async def text(app: Any, path: str = "/", **kwargs: Any) -> str:
    response = await app.test_client().open(path, **kwargs)
    assert response.status_code == 200, await response.get_data(as_text=True)
    found: str = await response.get_data(as_text=True)
    return found


KINDS = pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async"])


def view_of(asynchronous: bool, func: Any) -> Any:
    """*func*, as a plain view or as one that waits in its middle."""
    if not asynchronous:
        return func

    async def view(**values: Any) -> Any:
        await asyncio.sleep(0)
        return func(**values)

    return view


@KINDS
async def test_the_proxies(app, asynchronous):
    @app.before_request
    def plain():
        flask.g.colours = ["red"]

    @app.before_request
    async def awaited():
        flask.g.colours.append("green")
        pottle.session["n"] = 1

    def view(number):
        assert flask.current_app._get_current_object() is app
        assert flask.g._get_current_object() is pottle.g._get_current_object()
        assert flask.has_request_context()
        assert flask.has_app_context()
        flask.session["n"] += 1
        return {
            "g": flask.g.colours,
            "session": pottle.session["n"],
            "values": flask.request.view_args,
            "endpoint": flask.request.endpoint,
            "args": flask.request.args.getlist("a"),
            "method": flask.request.method,
            "header": flask.request.headers["X-Colour"],
            "url": flask.url_for("shown", number=3, b=1),
            "host": flask.request.host,
            "root": flask.request.url_root,
        }

    app.add_url_rule("/<int:number>", "shown", view_of(asynchronous, view))
    response = await app.test_client().get("/7?a=1&a=2", headers={"X-Colour": "blue"})
    assert await response.get_json() == {
        "g": ["red", "green"],
        "session": 2,
        "values": {"number": 7},
        "endpoint": "shown",
        "args": ["1", "2"],
        "method": "GET",
        "header": "blue",
        "url": "/3?b=1",
        "host": "localhost",
        "root": "http://localhost/",
    }


def test_nothing_is_left(app):
    assert not flask.has_app_context()
    assert not flask.has_request_context()
    with pytest.raises(RuntimeError, match="outside of application context"):
        flask.current_app.name  # noqa: B018


async def test_nothing_is_left_after_a_request(app):
    @app.get("/")
    async def view():
        return "done"

    await text(app)
    assert not flask.has_app_context()
    async with app.app_context():
        assert flask.current_app.name == app.name
        assert not flask.has_request_context()
    assert not flask.has_app_context()


@KINDS
async def test_forms_are_read_once_for_both(app, asynchronous):
    seen = []

    @app.before_request
    def check():
        seen.append(flask.request.form["token"])

    def view():
        return f"{flask.request.form['name']} {flask.request.files['photo'].read().decode()}"

    app.add_url_rule("/", "view", view_of(asynchronous, view), methods=["POST"])
    photo = FileStorage(io.BytesIO(b"a picture"), "photo.png")
    form = {"token": "t", "name": "ada"}
    assert await text(app, method="POST", form=form, files={"photo": photo}) == "ada a picture"
    assert seen == ["t"]


async def test_a_form_that_flask_has_read_is_there_for_pottle(app):
    @app.before_request
    def check():
        assert flask.request.form["token"] == "t"

    @app.post("/")
    async def view():
        form, files = await pottle.request.form, await pottle.request.files
        return f"{form['name']} {files['photo'].read().decode()}"

    photo = FileStorage(io.BytesIO(b"x" * 100_000), "photo.png")
    body = await text(
        app, method="POST", form={"token": "t", "name": "ada"}, files={"photo": photo}
    )
    assert body == "ada " + "x" * 100_000


async def test_a_form_that_pottle_has_read_is_there_for_flask(app):
    @app.before_request
    async def check():
        assert (await pottle.request.form)["token"] == "t"

    @app.post("/")
    def view():
        return flask.request.form["name"]

    assert await text(app, method="POST", form={"token": "t", "name": "ada"}) == "ada"


@KINDS
async def test_json_and_raw_bodies(app, asynchronous):
    def view():
        if flask.request.is_json:
            return flask.request.get_json()
        return flask.request.get_data(as_text=True).upper()

    app.add_url_rule("/", "view", view_of(asynchronous, view), methods=["POST"])
    assert await text(app, method="POST", json={"a": [1]}) == '{"a":[1]}\n'
    assert await text(app, method="POST", data=b"shout") == "SHOUT"


async def test_the_body_as_a_file(app):
    @app.post("/")
    def view():
        pieces = []
        while piece := flask.request.stream.read(5):
            pieces.append(piece.decode())
        return ",".join(pieces)

    assert await text(app, method="POST", data=b"one two three") == "one t,wo th,ree"


async def test_the_limit_of_a_body_holds_for_flask(app):
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.post("/")
    def view():
        return flask.request.get_data()

    response = await app.test_client().post("/", data=b"much more than that")
    assert response.status_code == 413


@KINDS
async def test_templates(app, asynchronous):
    @app.context_processor
    def plain():
        return {"a": 1}

    @app.context_processor
    async def awaited():
        return {"b": 2}

    source = "{{ request.path }} {{ a }}{{ b }} {{ given }} {{ url_for('view') }} {{ g.c }}"

    def view():
        flask.g.c = "c"
        return flask.render_template_string(source, given="<>")

    app.add_url_rule("/t", "view", view_of(asynchronous, view))
    assert await text(app, "/t") == "/t 12 &lt;&gt; /t c"


async def test_templates_of_both_in_one_view(app):
    @app.get("/")
    async def view():
        flasks = flask.render_template_string("{{ x }}", x=1)
        return flasks + await pottle.render_template_string("{{ x }}", x=2)

    assert await text(app) == "12"


async def test_streamed_templates_and_macros(app):
    @app.get("/")
    def view():
        pieces = flask.stream_template_string("{% for i in range(3) %}{{ i }}{% endfor %}")
        return flask.Response(pieces)

    assert await text(app) == "012"


@KINDS
async def test_messages(app, asynchronous):
    def view():
        flask.flash("hello", "greeting")
        return str(flask.get_flashed_messages(with_categories=True))

    app.add_url_rule("/", "view", view_of(asynchronous, view))
    assert await text(app) == "[('greeting', 'hello')]"


@KINDS
async def test_results_of_flask(app, asynchronous):
    answers = {
        "json": lambda: flask.jsonify(a=1),
        "response": lambda: flask.Response("made", headers={"X-Colour": "red"}),
        "made": lambda: flask.make_response("made", {"X-Colour": "red"}),
        "redirect": lambda: flask.redirect("/elsewhere"),
        "abort": lambda: flask.abort(418),
        "file": lambda: flask.send_file(io.BytesIO(b"abc"), mimetype="text/plain"),
    }
    app.add_url_rule("/<kind>", "view", view_of(asynchronous, lambda kind: answers[kind]()))
    client = app.test_client()
    assert await (await client.get("/json")).get_json() == {"a": 1}
    for kind in ("response", "made"):
        response = await client.get(f"/{kind}")
        assert await response.get_data() == b"made"
        assert response.headers["X-Colour"] == "red"
    assert (await client.get("/redirect")).headers["Location"] == "/elsewhere"
    assert (await client.get("/abort")).status_code == 418
    if not asynchronous:
        response = await client.get("/file", headers={"Range": "bytes=1-"})
        assert (response.status_code, await response.get_data()) == (206, b"bc")


async def test_after_hooks_read_and_write_the_body(app):
    @app.after_request
    def shout(response):
        response.set_data(response.get_data(as_text=True).upper())
        return response

    @app.get("/")
    async def view():
        return "quiet"

    assert await text(app) == "QUIET"


async def test_after_this_request(app):
    @app.get("/")
    def view():
        @flask.after_this_request
        def mark(response):
            response.headers["X-Marked"] = "yes"
            return response

        return "done"

    response = await app.test_client().get("/")
    assert response.headers["X-Marked"] == "yes"


async def test_error_handlers(app):
    class OurError(Exception):
        pass

    @app.errorhandler(OurError)
    def handle(error):
        return f"{type(error).__name__} at {flask.request.path}", 409

    @app.errorhandler(404)
    async def missing(error):
        return f"nothing at {flask.request.path}", 404

    @app.get("/")
    async def view():
        raise OurError

    @app.get("/plain")
    def plain():
        raise OurError

    client = app.test_client()
    for path in ("/", "/plain"):
        response = await client.get(path)
        assert response.status_code == 409
        assert await response.get_data(as_text=True) == f"OurError at {path}"
    assert await (await client.get("/none")).get_data(as_text=True) == "nothing at /none"


async def test_a_copied_context(app):
    @app.get("/")
    def view():
        found = []

        @flask.copy_current_request_context
        def elsewhere():
            found.append((flask.request.path, flask.session.get("n"), flask.g.n))

        flask.session["n"] = flask.g.n = 1
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return str(found)

    assert await text(app) == "[('/', 1, 1)]"


async def test_attributes_and_weak_references_on_the_context(app):
    import weakref

    @app.get("/")
    def view():
        context = app_ctx._get_current_object()
        assert isinstance(context, flask.ctx.AppContext)
        request_ctx.sqlalchemy_queries = [1]
        assert weakref.ref(context)() is context
        return str(request_ctx.sqlalchemy_queries)

    assert await text(app) == "[1]"


async def test_blueprints_of_flask(app):
    pages = flask.Blueprint("pages", __name__, url_prefix="/pages")

    @pages.before_request
    def note():
        flask.g.noted = flask.request.blueprint

    @pages.get("/<name>")
    def page(name):
        return f"{name} {flask.g.noted} {flask.url_for('.page', name='x')}"

    @pages.get("/async/<name>")
    async def waiting(name):
        await asyncio.sleep(0)
        return f"{name} {flask.g.noted} {pottle.url_for('pages.waiting', name='x')}"

    @pages.app_errorhandler(404)
    def missing(error):
        return "none", 404

    app.register_blueprint(pages)
    assert await text(app, "/pages/a") == "a pages /pages/x"
    assert await text(app, "/pages/async/a") == "a pages /pages/async/x"
    assert await (await app.test_client().get("/none")).get_data() == b"none"


def test_our_blueprints_pass_for_those_of_flask():
    class Ours(pottle.Blueprint):
        pass

    for cls in (pottle.Blueprint, Ours):
        blueprint = cls("pages", __name__)
        assert isinstance(blueprint, flask.Blueprint)
        assert isinstance(blueprint, cls)


async def test_websockets_have_a_request_and_a_session(app):
    @app.get("/login")
    def login():
        flask.session["user"] = "ada"
        return "welcome"

    @app.websocket("/ws")
    async def ws():
        while True:
            message = await pottle.websocket.receive()
            user = flask.session["user"]
            await pottle.websocket.send(f"{user} {flask.request.path} {message}")

    client = app.test_client()
    await client.get("/login")
    async with client.websocket("/ws") as websocket:
        await websocket.send("hello")
        assert await websocket.receive() == "ada /ws hello"


async def test_event_streams_beside_plain_views(app):
    @app.sse("/events")
    async def events():
        yield {"n": 1, "path": flask.request.path}

    @app.get("/")
    def view():
        return "plain"

    assert await text(app) == "plain"
    response = await app.test_client().get("/events")
    assert b'"path":"/events"' in (await response.get_data()).replace(b" ", b"")


def test_in_synchronous_code_outside_of_requests(app):
    with app.app_context():
        assert flask.current_app.name == app.name
        assert flask.render_template_string("{{ 1 + 1 }}") == "2"
    with app.test_request_context("/x?a=1"):
        assert flask.request.args["a"] == "1"
        assert flask.url_for("static", filename="a.css") == "/static/a.css"
    assert not flask.has_app_context()


async def test_the_bridge_can_be_forbidden():
    app = pottle.Pottle(__name__)
    app.config["FLASK_BRIDGE"] = False

    @app.get("/")
    async def view():
        return str(flask.has_app_context())

    assert await text(app) == "False"
