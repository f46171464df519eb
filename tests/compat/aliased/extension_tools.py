"""Views, commands, and the tools for tests. Run with the alias on."""

from __future__ import annotations

import asyncio
import importlib
from functools import partial
from importlib.metadata import EntryPoint

import pytest
from extension_helpers import body_of
from quart import (
    current_app,
    websocket,
)
from quart.testing import (
    QuartClient,
    QuartCliRunner,
    TestApp,
    WebsocketResponseError,
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_scope,
    no_op_push,
    sentinel,
)
from quart.testing.connections import (
    HTTPDisconnectError,
    TestHTTPConnection,
    TestWebsocketConnection,
    WebsocketDisconnectError,
)
from quart.typing import TestClientProtocol
from quart.utils import MustReloadError, observe_changes
from quart.views import MethodView, View
from werkzeug.datastructures import Headers

# Views and callables.


async def test_static_files_and_class_based_views(app, tmp_path):
    app.send_static_file.__func__.exempt = True
    assert app.send_static_file.exempt
    del app.send_static_file.__func__.exempt

    class Own(View):
        def __init__(self, name):
            self.name = name

        async def dispatch_request(self):
            return self.name

    class Methods(MethodView):
        async def get(self):
            return "get"

    view = Own.as_view("own", "its name")
    cells = dict(zip(view.__code__.co_freevars, view.__closure__, strict=True))
    assert cells["class_args"].cell_contents == ("its name",)
    assert cells["class_kwargs"].cell_contents == {}
    assert (view.view_class, view.__name__) == (Own, "own")
    app.add_url_rule("/own", view_func=view)
    app.add_url_rule("/methods", view_func=Methods.as_view("methods"))
    assert await body_of(app, "/own") == "its name"
    assert await body_of(app, "/methods") == "get"


async def test_a_partial_of_a_coroutine_function_is_one(app):
    async def view(text):
        return text

    bound = partial(view, "bound")
    assert app.ensure_async(bound) is bound
    app.add_url_rule("/bound", "bound", bound)
    assert await body_of(app, "/bound") == "bound"


# Command line.


def test_names_of_the_command_line(app, monkeypatch):
    cli = importlib.import_module("quart.cli")
    click = importlib.import_module("click")
    group = cli.QuartGroup(create_app=lambda: app)
    assert isinstance(cli.cli, cli.QuartGroup)
    assert issubclass(cli.QuartGroup, cli.AppGroup)
    assert issubclass(cli.NoAppException, click.UsageError)
    assert {cli.run_command.name, cli.shell_command.name} == {"run", "shell"}
    assert callable(cli.load_dotenv)

    @app.cli.command("hello")
    @click.argument("name")
    async def hello(name):
        click.echo(f"hello {name} from {current_app.name}")

    @click.command("info")
    @cli.pass_script_info
    def info(script_info):
        assert isinstance(script_info, cli.ScriptInfo)
        click.echo(script_info.load_app().name)

    @click.command("within")
    @cli.with_appcontext
    def within():
        click.echo(current_app.name)

    group.add_command(info)
    app.cli.add_command(within)
    runner = app.test_cli_runner()
    assert isinstance(runner, QuartCliRunner)
    assert runner.invoke(args=["hello", "Ann"]).output == f"hello Ann from {app.name}\n"
    assert runner.invoke(args=["within"]).output == f"{app.name}\n"
    assert runner.invoke(group, ["info"]).output == f"{app.name}\n"


def test_commands_that_packages_offer(app, monkeypatch):
    cli = importlib.import_module("quart.cli")
    groups = importlib.import_module(cli.AppGroup.__module__)
    asked = []

    def entry_points(*, group):
        asked.append(group)
        offered = EntryPoint("offered", "quart.cli:routes_command", group)
        return [offered] if group == "quart.commands" else []

    monkeypatch.setattr(groups, "entry_points", entry_points)
    group = cli.QuartGroup(create_app=lambda: app)
    result = app.test_cli_runner().invoke(group, ["offered"])
    assert "index" in result.output, result.output
    assert "quart.commands" in asked


# Testing.


async def test_names_for_tests(app):
    client = app.test_client()
    assert type(client) is QuartClient is app.test_client_class
    assert isinstance(app.test_app(), TestApp)
    assert client.http_connection_class is TestHTTPConnection
    assert client.websocket_connection_class is TestWebsocketConnection
    assert TestClientProtocol is not None
    assert issubclass(HTTPDisconnectError, Exception)
    headers, path, query = make_test_headers_path_and_query_string(app, "/a?b=c")
    assert (path, query, headers["Host"]) == ("/a", b"b=c", "localhost")
    body, body_headers = make_test_body_with_headers(json={"a": 1}, app=app)
    assert (body, body_headers["Content-Type"]) == (b'{"a": 1}', "application/json")
    assert make_test_body_with_headers(json=sentinel)[0] == b""
    scope = make_test_scope("http", "/", "GET", headers, b"", "http", "", "1.1", {})
    async with client.http_connection_class(app, scope) as connection:
        await connection.send_complete()
        response = await connection.as_response()
    assert await response.get_data() == b"index"
    assert await no_op_push("/", Headers()) is None
    response = await client._make_request(
        "/", "GET", None, None, None, None, None, sentinel, "http", "", "1.1", None
    )
    assert await response.get_data() == b"index"


async def test_errors_of_test_connections(app):
    @app.websocket("/refused")
    async def refused():
        return "no", 418

    @app.websocket("/closed")
    async def closed():
        await websocket.accept()
        await websocket.close(4001)

    client = app.test_client()
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket("/refused") as connection:
            await connection.receive()
    assert caught.value.response.status_code == 418
    async with client.websocket("/closed") as connection:
        with pytest.raises(WebsocketDisconnectError) as error:
            await connection.receive()
        assert error.value.args[0] == 4001


# The rest.


async def test_watching_for_changes(tmp_path, monkeypatch):
    path = tmp_path / "changing.py"
    path.write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("changing")
    shutdown, waits = asyncio.Event(), []

    async def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            path.unlink()

    with pytest.raises(MustReloadError):
        await observe_changes(sleep, shutdown)
    assert waits == [1, 1]
    shutdown.set()
    await observe_changes(sleep, shutdown)


def test_variables_of_the_environment(app, monkeypatch):
    helpers = importlib.import_module("quart.helpers")
    monkeypatch.setenv("QUART_DEBUG", "1")
    assert helpers.get_debug_flag()
    monkeypatch.setenv("POTTLE_DEBUG", "0")  # its own is the one that counts
    assert not helpers.get_debug_flag()
    monkeypatch.setenv("QUART_SKIP_DOTENV", "1")
    assert not helpers.get_load_dotenv()
    monkeypatch.setenv("QUART_ONE", "1")
    monkeypatch.setenv("QUART_TWO", "2")
    monkeypatch.setenv("POTTLE_TWO", '"two"')
    app.config.from_prefixed_env()
    assert (app.config["ONE"], app.config["TWO"]) == (1, "two")


def test_a_handler_for_records_of_this_process():
    logging = importlib.import_module("logging")
    module = importlib.import_module("quart.logging")
    queue = module.Queue()
    record = logging.LogRecord("name", logging.INFO, "file", 1, "%s", (object,), None)
    module.LocalQueueHandler(queue).emit(record)
    assert queue.get() is record
    setup = importlib.import_module("quart.app").setupmethod
    assert setup(body_of) is body_of
