"""Where synchronous code runs, and how it waits for what is asynchronous."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from functools import partial, wraps
from typing import Any

import flask
import flask.views
import pytest

import pottle
from pottle.sync import call_in_thread


async def text(app: Any, path: str = "/", **kwargs: Any) -> str:
    response = await app.test_client().open(path, **kwargs)
    assert response.status_code == 200, await response.get_data(as_text=True)
    found: str = await response.get_data(as_text=True)
    return found


def checked(view):
    """A decorator as they are written for Flask: plain, with `ensure_sync`."""

    @wraps(view)
    def wrapper(*args, **kwargs):
        flask.g.checked = flask.request.args.get("user")
        return flask.current_app.ensure_sync(view)(*args, **kwargs)

    return wrapper


def ignorant(view):
    """A plain decorator that makes a response of what it gets, whatever that is."""

    @wraps(view)
    def wrapper(*args, **kwargs):
        response = flask.make_response(view(*args, **kwargs))
        response.headers["X-Seen"] = "yes"
        return response

    return wrapper


async def test_a_plain_exchange_stays_in_one_thread(app):
    threads = []

    def note(*args):
        threads.append(threading.get_ident())
        return args[0] if args else None

    app.before_request(note)
    app.after_request(note)
    app.teardown_request(note)
    app.teardown_appcontext(note)

    @app.get("/")
    def view():
        note()
        return "done"

    await text(app)
    assert len(threads) == 5
    assert len(set(threads)) == 1
    on_the_loop = threads[0] == threading.get_ident()
    assert on_the_loop is (app.config["FLASK_SYNC_IN"] == "greenlet")


async def test_asynchronous_hooks_of_a_plain_view_run_on_the_event_loop(app):
    loop = asyncio.get_running_loop()
    loops = []

    @app.before_request
    async def before():
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())
        flask.g.n = 1

    @app.after_request
    async def after(response):
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())
        response.headers["X-N"] = str(flask.g.n)
        return response

    @app.teardown_request
    async def teardown(error):
        loops.append(asyncio.get_running_loop())

    @app.get("/")
    def view():
        flask.g.n += 1
        return "done"

    response = await app.test_client().get("/")
    assert response.headers["X-N"] == "2"
    assert loops == [loop] * 3


async def test_decorators_around_asynchronous_views(app):
    loop = asyncio.get_running_loop()

    @app.get("/<name>")
    @checked
    async def view(name):
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is loop
        return f"{name} {flask.g.checked} {pottle.g.checked}"

    @app.get("/seen")
    @ignorant
    async def seen():
        await asyncio.sleep(0)
        return "seen"

    assert await text(app, "/a?user=ada") == "a ada ada"
    response = await app.test_client().get("/seen")
    assert (await response.get_data(), response.headers["X-Seen"]) == (b"seen", "yes")


async def test_twenty_at_once_with_four_threads(app):
    """Every one of them holds its thread, if it has one, while it waits for all the others."""
    app.config["THREADS"] = 4
    together = asyncio.Barrier(20)

    @app.before_request
    def plain():
        flask.g.user = flask.request.args["user"]

    @app.before_request
    async def awaited():
        await asyncio.sleep(0)

    @app.get("/")
    @checked
    async def view():
        # The loop can be asked for a thread while all threads of the pool wait for the loop.
        await call_in_thread(lambda: None)
        before = flask.g.user
        await asyncio.wait_for(together.wait(), 20)
        assert before == flask.g.user == flask.g.checked == pottle.request.args["user"]
        return before

    async with app.test_app() as running:
        client = running.test_client()
        calls = [client.get(f"/?user={n}") for n in range(20)]
        found = [await r.get_data(as_text=True) for r in await asyncio.gather(*calls)]
    assert found == [str(n) for n in range(20)]


async def test_class_based_views(app):
    class Item(flask.views.MethodView):
        init_every_request = False

        async def get(self, number):
            await asyncio.sleep(0)
            return f"get {number} {flask.request.endpoint}"

        def post(self, number):
            return f"post {number} {flask.request.endpoint}"

    app.add_url_rule("/<int:number>", view_func=Item.as_view("item"))
    assert await text(app, "/7") == "get 7 item"
    assert await text(app, "/7", method="POST") == "post 7 item"


async def test_dispatch_methods_replaced_on_the_instance(app):
    """As extensions do: plain functions of Flask's signature, which call what was there before."""
    seen = []

    def replace(name):
        original = getattr(app, name)

        def replacement(*args):
            seen.append(name)
            return original(*args)

        setattr(app, name, replacement)

    for name in (
        "full_dispatch_request",
        "preprocess_request",
        "dispatch_request",
        "finalize_request",
        "process_response",
    ):
        replace(name)

    @app.before_request
    def before():
        flask.g.n = 1

    @app.get("/")
    def plain():
        return f"plain {flask.g.n}"

    @app.get("/async")
    async def awaited():
        await asyncio.sleep(0)
        return f"awaited {flask.g.n}"

    expected = [
        "full_dispatch_request",
        "preprocess_request",
        "dispatch_request",
        "finalize_request",
        "process_response",
    ]
    assert await text(app) == "plain 1"
    assert seen == expected
    seen.clear()
    assert await text(app, "/async") == "awaited 1"
    assert seen == expected


async def test_error_methods_replaced_on_the_instance(app):
    def route_error(original, error):
        if flask.request.path.startswith("/api"):
            return flask.make_response({"error": type(error).__name__}, 500)
        return original(error)

    app.handle_exception = partial(route_error, app.handle_exception)
    app.handle_user_exception = partial(route_error, app.handle_user_exception)

    @app.errorhandler(ZeroDivisionError)
    def handle(error):
        return "divided", 400

    @app.get("/<path:path>")
    def plain(path):
        return str(1 / 0)

    @app.post("/<path:path>")
    async def awaited(path):
        return str(1 / 0)

    client = app.test_client()
    for method in ("GET", "POST"):
        response = await client.open("/api/x", method=method)
        assert await response.get_json() == {"error": "ZeroDivisionError"}
        response = await client.open("/x", method=method)
        assert (response.status_code, await response.get_data()) == (400, b"divided")


async def test_what_a_plain_view_raises_is_in_exc_info(app):
    @app.errorhandler(ZeroDivisionError)
    def handle(error):
        return str(sys.exc_info()[1] is error)

    @app.get("/")
    def view():
        return str(1 / 0)

    assert await text(app) == "True"


async def test_ensure_sync_outside_of_requests(app):
    async def doubled(n):
        await asyncio.sleep(0)
        return n * 2

    plain = app.ensure_sync(doubled)
    with pytest.raises(RuntimeError, match="await it instead"):
        plain(1)
    assert await call_in_thread(plain, 2) == 4
    assert await asyncio.to_thread(plain, 3) == 6


async def test_a_client_that_leaves_ends_what_a_greenlet_waits_for(app):
    """The cancellation goes through the plain decorator into the view, and back out."""
    if app.config["FLASK_SYNC_IN"] == "thread":
        pytest.skip("a thread cannot be cancelled")
    ended = asyncio.Event()
    begun = asyncio.Event()

    @app.get("/")
    @checked
    async def view():
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with app.test_client().request("/") as connection:
        await connection.send_complete()
        await begun.wait()
        await connection.disconnect()
    await asyncio.wait_for(ended.wait(), 5)


WITHOUT_GREENLET = """
import asyncio, sys
sys.modules["greenlet"] = None
import flask, pottle
from functools import wraps

def checked(view):
    @wraps(view)
    def wrapper(**values):
        return flask.current_app.ensure_sync(view)(**values)
    return wrapper

app = pottle.Pottle("without", root_path=".")
app.config["FLASK_BRIDGE"] = True

@app.post("/checked")
@checked
async def view():
    await asyncio.sleep(0)
    return (await pottle.request.form)["a"] + flask.request.form["a"]

@app.post("/bare")
async def bare():
    return flask.request.form["a"]

async def main():
    client = app.test_client()
    response = await client.post("/checked", form={"a": "1"})
    print(await response.get_data(as_text=True))
    app.testing = True
    try:
        await client.post("/bare", form={"a": "1"})
    except pottle.errors.ContextError as error:
        print(error)

asyncio.run(main())
"""


def test_without_greenlet_threads_do_it_and_errors_say_what_cannot_be_done():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_GREENLET], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("11\n")
    assert "await request.form" in done.stdout


def test_nothing_of_the_bridge_is_imported_where_flask_is_not():
    code = """
import sys, asyncio, pottle
app = pottle.Pottle("alone", root_path=".")
@app.get("/")
async def view(): return "done"
async def main(): print((await app.test_client().get("/")).status_code)
asyncio.run(main())
assert app.plan.bridge is None
print([name for name in sys.modules if "flask" in name or "greenlet" in name])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout == "200\n[]\n"


@pytest.mark.parametrize("value", ["threads", 1])
async def test_a_wrong_way_is_refused(value):
    app = pottle.Pottle(__name__)
    app.config.update(FLASK_BRIDGE=True, FLASK_SYNC_IN=value)
    with pytest.raises(pottle.errors.SetupError, match="'auto', 'thread', 'greenlet'"):
        app.plan  # noqa: B018
