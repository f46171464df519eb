"""Tests of an application as they are written for Flask. They run on Flask, and unmodified on Pottle."""

from __future__ import annotations

import io
import os
import threading

import click
import flask
import pytest
from flask import Flask, g, request, session


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a key for tests")
    return app


@pytest.fixture
def client(app):
    return app.test_client()


def test_views_and_results(app, client):
    @app.route("/text")
    def text():
        return "text"

    @app.route("/json")
    def json():
        return {"a": 1}, 201, {"X-Colour": "red"}

    @app.route("/items/<int:number>", methods=["GET", "PUT"])
    def item(number):
        return flask.jsonify(number=number, method=request.method)

    assert client.get("/text").text == "text"
    response = client.get("/json")
    assert (response.status, response.json) == ("201 CREATED", {"a": 1})
    assert response.headers["X-Colour"] == "red"
    assert client.put("/items/3").get_json() == {"number": 3, "method": "PUT"}
    assert client.get("/items/x").status_code == 404
    assert client.post("/items/3").status_code == 405
    assert client.options("/items/3").allow == {"GET", "HEAD", "OPTIONS", "PUT"}


def test_asynchronous_views(app, client):
    @app.get("/")
    async def view():
        import asyncio

        await asyncio.sleep(0)
        session["n"] = session.get("n", 0) + 1
        return {"n": session["n"], "path": request.path}

    assert client.get("/").json == {"n": 1, "path": "/"}
    assert client.get("/").json == {"n": 2, "path": "/"}


def test_hooks_in_their_order(app, client):
    seen = []

    def note(name):
        def hook(*args):
            seen.append(name)
            return args[0] if name.startswith("after") else None

        return hook

    app.before_request(note("before 1"))
    app.before_request(note("before 2"))
    app.after_request(note("after 1"))
    app.after_request(note("after 2"))
    app.teardown_request(note("teardown request"))
    app.teardown_appcontext(note("teardown appcontext"))

    @app.get("/")
    def view():
        seen.append("view")

        @flask.after_this_request
        def last(response):
            seen.append("after this request")
            return response

        return ""

    client.get("/")
    assert seen == [
        "before 1",
        "before 2",
        "view",
        "after this request",
        "after 2",
        "after 1",
        "teardown request",
        "teardown appcontext",
    ]


def test_the_context_is_kept_in_a_with_statement(app):
    torn_down = []
    app.teardown_appcontext(torn_down.append)

    @app.get("/<name>")
    def view(name):
        g.name = session["name"] = name
        return name

    with app.test_client() as client:
        client.get("/ada?a=1")
        assert request.path == "/ada"
        assert request.args["a"] == "1"
        assert session["name"] == g.name == "ada"
        client.get("/bob")
        assert request.path == "/bob"
    assert not flask.has_request_context()
    assert not flask.has_app_context()
    assert set(torn_down) == {None}


@pytest.mark.parametrize("path", ["/aborted", "/nowhere", "/stream"])
def test_the_context_is_kept_whatever_the_answer(app, path):
    torn_down = []
    app.teardown_request(torn_down.append)

    @app.get("/aborted")
    def aborted():
        flask.abort(404)

    @app.get("/stream")
    def stream():
        return (f"{n}" for n in range(10))

    with app.test_client() as client:
        response = client.get(path)
        assert request.path == path
    response.close()
    assert torn_down
    assert not flask.has_request_context()


def test_plain_code_runs_in_the_thread_of_the_caller(app, client):
    threads = set()

    def note(*args):
        threads.add(threading.get_ident())
        return args[0] if args else None

    app.before_request(note)
    app.after_request(note)
    app.teardown_appcontext(note)

    @app.get("/")
    async def view():
        return "done"

    client.get("/")
    client.get("/none")
    if os.environ.get("POTTLE_FLASK_SYNC_IN") != "thread":
        assert threads == {threading.get_ident()}


def test_an_application_context_within_a_client(app):
    @app.get("/")
    def view():
        return "done"

    with app.test_client() as client:
        with app.app_context():
            assert client.get("/").text == "done"
            assert client.get("/").text == "done"
    assert not flask.has_app_context()
    assert not flask.has_request_context()


def test_session_transactions(app, client):
    @app.get("/")
    def view():
        return str(session.get("n"))

    with client.session_transaction() as opened:
        opened["n"] = 7
    assert client.get("/").text == "7"


def test_forms_files_and_cookies(app, client):
    @app.post("/")
    def view():
        file = request.files["photo"]
        response = flask.make_response(
            f"{request.form['a']} {file.filename} {file.read().decode()}"
        )
        response.set_cookie("seen", "yes")
        return response

    photo = (io.BytesIO(b"picture"), "photo.png")
    response = client.post("/", data={"a": "1", "photo": photo})
    assert response.text == "1 photo.png picture"
    assert client.get_cookie("seen").value == "yes"


def test_errors(app, client):
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/")
    def view():
        return str(1 / 0)

    @app.get("/handled")
    def handled():
        raise ValueError("wrong")

    @app.errorhandler(ValueError)
    def handle(error):
        return str(error), 400

    @app.errorhandler(500)
    def handle_all(error):
        return type(error.original_exception).__name__, 500

    assert client.get("/handled").text == "wrong"
    response = client.get("/")
    assert (response.status_code, response.text) == (500, "ZeroDivisionError")


def test_errors_reach_the_test(app, client):
    @app.get("/")
    def view():
        return str(1 / 0)

    with pytest.raises(ZeroDivisionError):
        client.get("/")


def test_templates_and_flashes(app, client):
    @app.context_processor
    def values():
        return {"colour": "red"}

    @app.get("/")
    def view():
        flask.flash("hello")
        return flask.render_template_string(
            "{{ colour }} {{ request.path }} {{ get_flashed_messages()[0] }} {{ url_for('view') }}"
        )

    assert client.get("/").text == "red / hello /"


def test_streams(app, client):
    @app.get("/")
    def view():
        def pieces():
            yield "path "
            yield request.path

        return flask.stream_with_context(pieces())

    assert client.get("/").text == "path /"


def test_blueprints(app, client):
    pages = flask.Blueprint("pages", __name__, url_prefix="/pages")

    @pages.before_request
    def before():
        g.page = True

    @pages.get("/<name>")
    def page(name):
        return f"{name} {g.page} {request.endpoint} {flask.url_for('.page', name='x')}"

    app.register_blueprint(pages)
    assert client.get("/pages/a").text == "a True pages.page /pages/x"


def test_contexts_by_hand(app):
    @app.before_request
    def before():
        g.n = 1

    with app.app_context():
        assert flask.current_app.name == app.name
    with app.test_request_context("/x?a=1", method="POST", data={"b": "2"}):
        assert (request.args["a"], request.form["b"]) == ("1", "2")
        assert app.preprocess_request() is None
        assert g.n == 1
        response = app.process_response(app.make_response("done"))
        assert response.get_data() == b"done"
    with app.test_request_context("/none"):
        assert app.full_dispatch_request().status_code == 404


def test_a_request_takes_the_outer_application_context_over(app, client):
    torn_down = []
    app.teardown_appcontext(torn_down.append)

    @app.get("/")
    def view():
        return g.n

    with app.app_context():
        g.n = "7"
        assert client.get("/").text == "7"
        assert torn_down == []
    assert torn_down == [None]


def test_commands(app):
    @app.cli.command("greet")
    @click.argument("name")
    def greet(name):
        click.echo(f"{flask.current_app.name} greets {name}")

    result = app.test_cli_runner().invoke(args=["greet", "ada"])
    assert result.output == f"{app.name} greets ada\n"


def test_classes_of_its_own():
    class OurRequest(flask.Request):
        colour = "red"

    class OurResponse(flask.Response):
        default_mimetype = "text/plain"

    class OurFlask(Flask):
        request_class = OurRequest
        response_class = OurResponse

        def make_response(self, result):
            return super().make_response(str(result))

        def dispatch_request(self):
            return f"<{super().dispatch_request()}>"

    app = OurFlask(__name__)

    @app.get("/")
    def view():
        assert isinstance(request._get_current_object(), OurRequest)
        return request.colour

    response = app.test_client().get("/")
    assert (response.text, response.mimetype) == ("<red>", "text/plain")


def test_middleware(app, client):
    inner = app.wsgi_app

    def middleware(environ, start_response):
        environ["SCRIPT_NAME"] = "/below"
        return inner(environ, start_response)

    app.wsgi_app = middleware

    @app.get("/")
    def view():
        return flask.url_for("view")

    assert client.get("/").text == "/below/"


class Lines:
    def __init__(self):
        self.threads = set()
        self.closed = 0

    def __next__(self):
        self.threads.add(threading.current_thread())
        return request.path

    def close(self):
        self.threads.add(threading.current_thread())
        self.closed += 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/plain", "/asynchronous"])
def test_a_caller_works_for_its_answer(app, client, method, path):
    """All that is plain runs in one thread, down to the last piece of a stream; closed is it once."""
    lines = Lines()

    def two():
        yield next(lines)
        yield next(lines)

    class Body:
        def __init__(self):
            self.pieces = flask.stream_with_context(two())

        def __iter__(self):
            return self.pieces

        def close(self):
            lines.close()

    @app.before_request
    def before():
        lines.threads.add(threading.current_thread())

    @app.get("/plain")
    def plain():
        lines.threads.add(threading.current_thread())
        return flask.Response(Body())

    @app.get("/asynchronous")
    async def asynchronous():
        return flask.Response(Body())

    response = client.open(path, method=method)
    assert response.text == (path * 2 if method == "GET" else "")
    response.close()
    assert lines.closed == 1
    (thread,) = lines.threads
    in_pool = (
        "pottle" in flask.Flask.__module__ and os.environ.get("POTTLE_FLASK_SYNC_IN") == "thread"
    )
    assert (thread is threading.current_thread()) != in_pool


def test_too_late_for_setup(app, client):
    client.get("/")
    with pytest.raises(AssertionError, match="can no longer be called"):
        app.get("/late")(lambda: "")
