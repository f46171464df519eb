"""The fixture ``live_server``: the application on a real server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from websockets.sync.client import connect

from pottle import Pottle, Response, websocket
from pottle.testing import LifespanError, LiveServer

PLUGIN = "pottle.testing.plugin"


def get(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read()


@pytest.fixture
def app():
    app = Pottle(__name__)
    app.steps = []

    @app.before_serving
    async def begin():
        app.steps.append("begin")

    @app.after_serving
    async def end():
        app.steps.append("end")

    @app.get("/")
    async def index():
        return {"steps": app.steps, "thread": threading.current_thread().name}

    @app.websocket("/ws")
    async def ws():
        await websocket.send(await websocket.receive())

    @app.get("/endless")
    async def endless():
        async def generate():
            yield b": begin\n\n"
            await app.shutdown_event.wait()

        return Response(generate(), content_type="text/event-stream")

    return app


def test_the_application_is_served(live_server, app):
    seen = json.loads(get(live_server.url("/")))
    assert seen["steps"] == ["begin"]
    assert "live server" in seen["thread"]
    assert live_server.url() == f"http://{live_server.host}:{live_server.port}/"
    assert live_server.url("a/b?c") == live_server.url("/a/b?c")
    assert json.loads(get(live_server.url("/")))["steps"] == ["begin"], "it was started once"


def test_websockets(live_server):
    assert live_server.ws_url("/ws").startswith("ws://127.0.0.1:")
    with connect(live_server.ws_url("/ws")) as ws:
        ws.send("x")
        assert ws.recv() == "x"


async def test_in_an_asynchronous_test(live_server):
    assert get(live_server.url("/"))


def test_an_event_stream_does_not_keep_the_server(app):
    with LiveServer(app) as server:
        response = urllib.request.urlopen(server.url("/endless"), timeout=10)
        assert response.readline() == b": begin\n"
    with response:
        assert response.read() == b"\n"
    assert app.steps == ["begin", "end"]


def test_other_applications(live_server):
    other = Pottle("other")

    @other.get("/")
    async def index():
        return "other"

    server = live_server(other)
    second = live_server(other)
    assert get(server.url("/")) == get(second.url("/")) == b"other"
    assert server.port != second.port


def test_a_server_starts_and_stops(app):
    server = LiveServer(app)
    server.stop()
    for _ in range(2):
        with server:
            assert get(server.url("/"))
            with pytest.raises(RuntimeError, match="already"):
                server.start()
    assert app.steps == ["begin", "end"] * 2
    with pytest.raises(urllib.error.URLError):
        get(server.url("/"))
    assert not [thread for thread in threading.enumerate() if "live server" in thread.name]


def test_a_port_that_is_taken(app):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError):
            LiveServer(app, port=taken.getsockname()[1]).start()


def test_a_start_up_that_fails(live_server):
    broken = Pottle("broken")

    @broken.before_serving
    async def begin():
        raise ZeroDivisionError("no database")

    with pytest.raises(LifespanError, match=r"did not start.*no database"):
        live_server(broken)


def test_a_shutdown_that_fails():
    broken = Pottle("broken")

    @broken.after_serving
    async def end():
        raise ZeroDivisionError("no way out")

    server = LiveServer(broken).start()
    with pytest.raises(LifespanError, match=r"stop cleanly.*no way out"):
        server.stop()
    server.stop()


@pytest.mark.parametrize("how", ["return", "raise"])
def test_an_application_without_lifespan(how):
    async def app(scope, receive, send):
        if how == "raise":
            raise ZeroDivisionError("what is this?")

    with pytest.raises(LifespanError, match="this" if how == "raise" else "lifespan protocol"):
        LiveServer(app).start()


def pytest_in(directory, source):
    """Run pytest on *source* in a process of its own, and return its exit code and output."""
    (directory / "test_it.py").write_text(source)
    (directory / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=50)
    return done.returncode, done.stdout + done.stderr


def test_the_fixture_without_an_app(tmp_path):
    code, output = pytest_in(
        tmp_path,
        """
import pytest
from pottle import Pottle

@pytest.fixture
def broken(missing):
    pass

def test_called(live_server):
    assert live_server(Pottle("x")).port

def test_not_called(live_server):
    with pytest.raises(RuntimeError, match="fixture 'app'"):
        live_server.url("/")
""",
    )
    assert code == 0, output
    assert "2 passed" in output


def test_errors_at_the_end_are_errors_of_the_test(tmp_path):
    code, output = pytest_in(
        tmp_path,
        """
import pytest
from pottle import Pottle

@pytest.fixture
async def app():
    app = Pottle("x")

    @app.after_serving
    async def end():
        raise ZeroDivisionError("no way out")

    return app

def test_it(live_server, app):
    assert live_server.port
    assert live_server(Pottle("y")).port
""",
    )
    assert code == 1, output
    assert "1 passed, 1 error" in output
    assert "no way out" in output


def test_an_app_that_cannot_be_made_is_an_error(tmp_path):
    code, output = pytest_in(
        tmp_path,
        """
import pytest

@pytest.fixture
def app(missing):
    pass

def test_it(live_server):
    pass
""",
    )
    assert code == 1, output
    assert "fixture 'missing' not found" in output


def test_nothing_heavy_is_imported_before_it_is_used():
    code = f"""
import sys
import pytest
already = set(sys.modules)
import {PLUGIN}
heavy = {{"uvicorn", "hypercorn", "granian", "click", "jinja2"}}
print(sorted(heavy & (set(sys.modules) - already)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_names_of_the_package():
    import pottle.testing

    for name in pottle.testing.__all__:
        assert getattr(pottle.testing, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        pottle.testing.nothing  # noqa: B018
