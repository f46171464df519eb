"""Templates, through an application."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jinja2
import pytest

from pottle import Blueprint, Pottle, g, session
from pottle.errors import ContextError
from pottle.helpers import flash, get_template_attribute
from pottle.signals import before_render_template, template_rendered
from pottle.templating import (
    Environment,
    create_environment,
    render_template,
    render_template_string,
    select_autoescape,
    stream_template,
    stream_template_string,
)

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = {
    "page.html": "<p>{{ word }}</p>",
    "page.txt": "{{ word }}",
    "child.html": '{% extends "base.html" %}{% block body %}{{ super() }} child{% endblock %}',
    "base.html": "[{% block body %}base{% endblock %}]",
    "macros.html": '{% macro greet(name) %}Hello {{ name }} by {{ config["BY"] }}!{% endmacro %}'
    "{% set answer = 42 %}",
    "imports.html": '{% from "macros.html" import greet %}{{ greet("<you>") }}',
    "broken.html": "{{ 1 // 0 }}",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "templates", TEMPLATES)
    return tmp_path


@pytest.fixture
def app(root: Path) -> Pottle:
    app = Pottle("some_app", root_path=str(root))
    app.secret_key = "a key"
    app.testing = True
    app.config["BY"] = "config"

    @app.get("/")
    async def index() -> str:
        return "index"

    return app


def write(folder: Path, templates: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in templates.items():
        (folder / name).write_text(source)


# Rendering


async def test_rendering(app: Pottle) -> None:
    async with app.app_context():
        assert await render_template("page.html", word="<b>") == "<p>&lt;b&gt;</p>"
        assert await render_template("page.txt", word="<b>") == "<b>"
        assert await render_template("child.html") == "[base child]"
        assert await render_template("imports.html") == "Hello &lt;you&gt; by config!"
        assert await render_template(["none.html", "page.txt"], word="second") == "second"
        template = app.jinja_env.get_template("page.txt")
        assert await render_template(template, word="template") == "template"
        assert await render_template_string("{{ word }}", word="<b>") == "&lt;b&gt;"


async def test_a_template_that_is_not_there(app: Pottle) -> None:
    async with app.app_context():
        with pytest.raises(jinja2.TemplateNotFound, match=r"none\.html"):
            await render_template("none.html")


async def test_rendering_needs_a_context() -> None:
    with pytest.raises(ContextError):
        await render_template("page.html")


async def test_templates_can_await(app: Pottle) -> None:
    async def word() -> str:
        return "awaited"

    async def words() -> Any:
        yield "a"
        yield "b"

    async with app.app_context():
        source = "{{ word() }} {% for each in words() %}{{ each }}{% endfor %}"
        assert await render_template_string(source, word=word, words=words) == "awaited ab"


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        (None, True),
        ("a.html", True),
        ("a.htm", True),
        ("a.xml", True),
        ("a.xhtml", True),
        ("a.svg", True),
        ("a.txt", False),
        ("a.html.j2", False),
    ],
)
def test_what_is_escaped(app: Pottle, name: str | None, escaped: bool) -> None:
    assert select_autoescape(name) is escaped
    assert app.select_jinja_autoescape(name) is escaped


# What a template sees


async def test_a_template_sees_the_request_and_its_surroundings(app: Pottle) -> None:
    source = (
        '{{ request.path }} {{ session["user"] }} {{ g.word }} {{ config["BY"] }}'
        ' {{ url_for("index") }} {{ get_flashed_messages() }}'
    )
    async with app.test_request_context("/here"):
        session["user"] = "ada"
        g.word = "word"
        flash("flashed")
        rendered = await render_template_string(source)
    assert rendered == "/here ada word config / [&#39;flashed&#39;]"


async def test_imported_templates_see_it_too(app: Pottle, root: Path) -> None:
    macros = "{% macro where() %}{{ request.path }} {{ g.word }}{% endmacro %}"
    write(root / "templates", {"where.html": macros})
    async with app.test_request_context("/here"):
        g.word = "word"
        source = '{% from "where.html" import where %}{{ where() }}'
        assert await render_template_string(source) == "/here word"


async def test_outside_of_a_request_there_is_none(app: Pottle) -> None:
    async with app.app_context():
        g.word = "word"
        source = "{{ g.word }} {{ 'yes' if request else 'no' }}"
        assert await render_template_string(source) == "word no"


async def test_rendering_does_not_open_the_session(app: Pottle) -> None:
    @app.get("/page")
    async def page() -> str:
        return await render_template("page.html", word="x")

    @app.get("/with-session")
    async def with_session() -> str:
        return await render_template_string("{{ session.get('user') }}")

    client = app.test_client()
    assert "Vary" not in (await client.get("/page")).headers
    assert (await client.get("/with-session")).headers["Vary"] == "Cookie"


async def test_a_websocket_renders_templates(app: Pottle) -> None:
    @app.context_processor
    def words() -> dict[str, str]:
        return {"word": "processed"}

    @app.websocket("/socket")
    async def socket() -> None:
        from pottle import websocket

        source = "{{ websocket.path }} {{ session.get('user') }} {{ g.word }} {{ word }}"
        g.word = "g"
        await websocket.send(await render_template_string(source))

    async with app.test_client().websocket("/socket") as websocket:
        assert await websocket.receive() == "/socket None g processed"


async def test_context_processors(app: Pottle) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)

    @app.context_processor
    async def from_app() -> dict[str, str]:
        return dict.fromkeys(["own", "app", "outer", "inner"], "app")

    @outer.context_processor
    def from_outer() -> dict[str, str]:
        return dict.fromkeys(["own", "outer", "inner"], "outer")

    @inner.context_processor
    async def from_inner() -> dict[str, str]:
        return dict.fromkeys(["own", "inner"], "inner")

    @inner.get("/nested")
    async def nested() -> str:
        return await render_template_string(
            "{{ own }} {{ app }} {{ outer }} {{ inner }}", own="own"
        )

    @app.get("/plain")
    async def plain() -> str:
        return await render_template_string("{{ own }} {{ app }} {{ outer }} {{ inner }}")

    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    client = app.test_client()
    assert await (await client.get("/nested")).get_data(as_text=True) == "own app outer inner"
    assert await (await client.get("/plain")).get_data(as_text=True) == "app app app app"


async def test_explicit_values_win_over_the_surroundings(app: Pottle) -> None:
    async with app.test_request_context("/here"):
        assert await render_template_string("{{ request }} {{ g }}", request=1, g=None) == "1 None"


async def test_update_template_context_is_an_override_point(root: Path) -> None:
    class Own(Pottle):
        async def update_template_context(self, ctx: Any, context: dict[str, Any]) -> None:
            await super().update_template_context(ctx, context)
            context["word"] = "own"

    async with Own("some_app", root_path=str(root)).app_context():
        assert await render_template("page.txt") == "own"


# Signals


async def test_signals(app: Pottle) -> None:
    seen: list[Any] = []

    def before(sender: Any, template: Any, context: Any) -> None:
        seen.append(("before", sender, template.name, context["word"]))
        context["word"] = "changed"

    async def after(sender: Any, template: Any, context: Any) -> None:
        seen.append(("after", sender, template.name, context["word"]))

    with before_render_template.connected_to(before), template_rendered.connected_to(after):
        async with app.app_context():
            assert await render_template("page.txt", word="word") == "changed"
            first, seen[:] = seen[:], []
            assert [chunk async for chunk in stream_template("page.txt", word="word")] == [
                "changed"
            ]
    assert (
        first
        == seen
        == [("before", app, "page.txt", "word"), ("after", app, "page.txt", "changed")]
    )


# Streams


async def test_streaming_awaited_or_not(app: Pottle) -> None:
    @app.get("/stream/<how>")
    async def stream(how: str) -> Any:
        g.word = "word"
        source = "{% for n in range(3) %}{{ n }} {{ g.word }} {{ request.path }};{% endfor %}"
        if how == "awaited":
            return await stream_template_string(source)
        return stream_template_string(source)

    client = app.test_client()
    for how in ("awaited", "plain"):
        response = await client.get(f"/stream/{how}")
        assert response.status_code == 200
        expected = "".join(f"{n} word /stream/{how};" for n in range(3))
        assert await response.get_data(as_text=True) == expected


async def test_a_stream_comes_in_pieces(app: Pottle) -> None:
    async with app.app_context():
        stream = stream_template_string("{% for n in range(3) %}{{ n }}{% endfor %}")
        assert await stream is stream
        assert await stream is stream
        assert [piece async for piece in stream] == ["0", "1", "2"]


async def test_awaiting_a_stream_finds_the_template(app: Pottle) -> None:
    async with app.app_context():
        with pytest.raises(jinja2.TemplateNotFound):
            await stream_template("none.html")
        stream = stream_template("none.html")
        with pytest.raises(jinja2.TemplateNotFound):
            await anext(stream)


async def test_a_stream_goes_on_after_its_context(app: Pottle) -> None:
    async with app.test_request_context("/here"):
        stream = await stream_template_string("{{ request.path }}")
    assert [piece async for piece in stream] == ["/here"]


async def test_closing_a_stream_closes_what_it_iterates(app: Pottle) -> None:
    closed: list[bool] = []

    async def numbers() -> Any:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    async with app.app_context():
        stream = stream_template_string(
            "{% for n in numbers() %}{{ n }}{% endfor %}", numbers=numbers
        )
        assert await anext(stream) == "1"
        await stream.aclose()
    # What a template iterates is closed by the event loop, when nothing refers to it any more.
    gc.collect()
    for _ in range(3):
        await asyncio.sleep(0)
    assert closed == [True]


def test_streams_need_a_context() -> None:
    with pytest.raises(ContextError):
        stream_template("page.html")


# Macros from plain code


async def test_template_attributes(app: Pottle) -> None:
    async with app.app_context():
        greet = get_template_attribute("macros.html", "greet")
        assert greet("<you>") == "Hello &lt;you&gt; by config!"
        assert get_template_attribute("macros.html", "answer") == 42
        with pytest.raises(AttributeError):
            get_template_attribute("macros.html", "none")


async def test_template_attributes_see_filters_and_a_bytecode_cache(
    app: Pottle, tmp_path: Path
) -> None:
    class Cache(jinja2.BytecodeCache):
        codes: dict[str, bytes] = {}

        def load_bytecode(self, bucket: Any) -> None:
            if (code := self.codes.get(bucket.key)) is not None:
                bucket.bytecode_from_string(code)

        def dump_bytecode(self, bucket: Any) -> None:
            self.codes[bucket.key] = bucket.bytecode_to_string()

    app.jinja_options = {**app.jinja_options, "bytecode_cache": Cache()}

    @app.template_filter("shout")
    def shout(text: str) -> str:
        return text.upper()

    source = '{% macro greet(name) %}{{ name | shout }}{% endmacro %}{{ greet("a") }}'
    write(tmp_path / "templates", {"shout.html": source})
    async with app.app_context():
        assert await render_template("shout.html") == "A"
        assert get_template_attribute("shout.html", "greet")("b") == "B"
        assert await render_template("shout.html") == "A"
    assert Cache.codes


# The environment and its loader


async def test_the_environment(app: Pottle) -> None:
    environment = app.jinja_env
    assert isinstance(environment, Environment)
    assert environment is app.jinja_env
    assert environment.app is app
    assert environment.is_async
    assert {"url_for", "get_flashed_messages", "config", "request", "session", "g"} <= set(
        environment.globals
    )
    assert environment.policies["json.dumps_function"] == app.json.dumps
    async with app.app_context():
        assert await render_template_string("{{ {'b': 1, 'a': 2} | tojson }}") == '{"a": 2, "b": 1}'


@pytest.mark.parametrize(
    ("debug", "configured", "expected"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_auto_reload(app: Pottle, debug: bool, configured: bool | None, expected: bool) -> None:
    app.debug = debug
    app.config["TEMPLATES_AUTO_RELOAD"] = configured
    assert create_environment(app).auto_reload is expected


def test_options_win(app: Pottle) -> None:
    loader = jinja2.DictLoader({"a": "b"})
    app.jinja_options = {"autoescape": False, "auto_reload": True, "loader": loader}
    environment = create_environment(app)
    assert environment.autoescape is False
    assert environment.auto_reload is True
    assert environment.loader is loader
    assert environment.is_async


async def test_an_environment_of_ones_own(root: Path) -> None:
    class Shouting(Environment):
        def __init__(self, app: Any, **options: Any) -> None:
            super().__init__(app, **options)
            self.globals["word"] = "OWN"

    class Own(Pottle):
        jinja_environment = Shouting

    async with Own("some_app", root_path=str(root)).app_context():
        assert await render_template("page.txt") == "OWN"


@pytest.fixture
def blueprints(app: Pottle, root: Path) -> Pottle:
    for name in ("one", "two"):
        write(root / name, {"page.txt": name, f"{name}.txt": name})
        app.register_blueprint(
            Blueprint(name, "some_app", root_path=str(root), template_folder=name)
        )
    app.register_blueprint(Blueprint("bare", "some_app", root_path=str(root)))
    return app


async def test_the_application_is_asked_first_then_its_blueprints(blueprints: Pottle) -> None:
    async with blueprints.app_context():
        assert await render_template("page.txt", word="app") == "app"
        assert await render_template("one.txt") == "one"
        assert await render_template("two.txt") == "two"
    names = blueprints.jinja_env.list_templates()
    assert names == sorted({*TEMPLATES, "one.txt", "two.txt"})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("page.txt", "Several loaders have it"),
        ("none.txt", "No loader has it"),
        ("two.txt", "blueprint 'two'"),
    ],
)
async def test_loading_explained(blueprints: Pottle, caplog: Any, name: str, told: str) -> None:
    blueprints.config["EXPLAIN_TEMPLATE_LOADING"] = True
    blueprints.logger.setLevel(logging.INFO)
    blueprints.logger.propagate = True
    async with blueprints.app_context():
        try:
            await render_template(name, word="app")
        except jinja2.TemplateNotFound:
            assert name == "none.txt"
    (record,) = (record for record in caplog.records if "Looking for" in record.message)
    lines = record.message.splitlines()
    assert lines[0] == f"Looking for the template {name!r}:"
    assert lines[1].startswith("  application 'some_app' in ")
    assert told in record.message


def test_jinja2_is_loaded_late() -> None:
    code = (
        "import sys, pottle; app = pottle.Pottle('x');"
        "assert 'jinja2' not in sys.modules; app.jinja_env; assert 'jinja2' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
