"""The application object: how it is made, what it carries, and how routes are registered on it."""

from __future__ import annotations

import asyncio
import logging
import sys
import types
from datetime import timedelta
from functools import partial, wraps

import pytest
from jinja2 import Environment as JinjaEnvironment
from werkzeug.exceptions import Aborter, HTTPException
from werkzeug.routing import BuildError, Rule

from pottle import (
    Config,
    Pottle,
    Request,
    Response,
    Websocket,
    abort,
    current_app,
    g,
    redirect,
    render_template_string,
    request,
    session,
    url_for,
    websocket,
)
from pottle.ctx import AppGlobals
from pottle.errors import ContextError, SetupError
from pottle.json.provider import DefaultJSONProvider
from pottle.routing import PottleMap, PottleRule


def make_app(**kwargs) -> Pottle:
    app = Pottle(__name__, **kwargs)
    app.testing = True
    return app


async def hello():
    return "hello"


async def text_of(app, path="/", method="GET", **kwargs):
    response = await app.test_client().open(path, method=method, **kwargs)
    return await response.get_data(as_text=True)


async def status_of(app, path="/", method="GET", **kwargs):
    return (await app.test_client().open(path, method=method, **kwargs)).status_code


class TestConstructor:
    def test_finds_its_folder(self, tmp_path):
        app = Pottle(__name__)
        assert app.import_name == app.name == __name__
        assert (tmp_path / app.root_path / "test_app.py").exists()
        assert app.static_folder == f"{app.root_path}/static"
        assert app.static_url_path == "/static"
        assert app.template_folder == "templates"
        assert app.has_static_folder
        assert repr(app) == f"<Pottle {__name__!r}>"
        other = Pottle(__name__, root_path=str(tmp_path))
        assert other.root_path == str(tmp_path)

    def test_is_named_for_the_file_that_was_started(self, monkeypatch):
        main = types.ModuleType("__main__")
        main.__file__ = "/somewhere/shop.py"
        monkeypatch.setitem(sys.modules, "__main__", main)
        assert Pottle("__main__", root_path="/").name == "shop"
        del main.__file__
        assert Pottle("__main__", root_path="/").name == "__main__"

    @pytest.mark.parametrize(
        ("folder", "url_path", "expected"),
        [
            ("assets", None, "/assets"),
            ("a/assets/", None, "/assets"),
            ("assets", "/s/", "/s"),
            ("assets", "", ""),
            ("assets", "/", ""),
            ("", None, ""),
            (None, None, None),
        ],
    )
    async def test_static_url(self, tmp_path, folder, url_path, expected):
        app = make_app(static_folder=folder, static_url_path=url_path, root_path=str(tmp_path))
        assert app.static_url_path == expected
        place = tmp_path / (folder or "")
        place.mkdir(parents=True, exist_ok=True)
        (place / "x.txt").write_text("static")
        if folder is None:
            assert not app.has_static_folder
            assert app.static_folder is None
            assert await status_of(app, "/static/x.txt") == 404
        else:
            assert await text_of(app, f"{expected}/x.txt") == "static"

    async def test_a_static_folder_may_come_later(self, tmp_path):
        app = make_app(static_folder=None, root_path=str(tmp_path))
        with pytest.raises(SetupError, match=r"no static_folder to serve 'x\.txt'"):
            await app.send_static_file("x.txt")
        (tmp_path / "x.txt").write_text("late")
        app.static_folder = tmp_path
        async with app.app_context():
            response = await app.send_static_file("x.txt")
            assert await response.get_data() == b"late"

    async def test_static_host(self, tmp_path):
        (tmp_path / "static").mkdir()
        (tmp_path / "static" / "x.txt").write_text("static")
        app = make_app(static_host="cdn.test", host_matching=True, root_path=str(tmp_path))
        assert await text_of(app, "/static/x.txt", headers={"Host": "cdn.test"}) == "static"
        assert await status_of(app, "/static/x.txt", headers={"Host": "www.test"}) == 404

    @pytest.mark.parametrize("wrong", [{"static_host": "cdn.test"}, {"host_matching": True}])
    def test_static_host_and_host_matching_go_together(self, wrong):
        with pytest.raises(SetupError, match="static_host and host_matching go together"):
            Pottle(__name__, **wrong)
        Pottle(__name__, static_folder=None, **wrong)

    async def test_host_matching(self):
        app = make_app(host_matching=True, static_folder=None)
        for host in ("a.test", "b.test"):
            app.add_url_rule("/", host, partial(_echo, host), host=host)
        assert await text_of(app, headers={"Host": "a.test"}) == "a.test"
        assert await text_of(app, headers={"Host": "b.test"}) == "b.test"
        assert await status_of(app, headers={"Host": "c.test"}) == 404

    async def test_subdomain_matching(self):
        app = make_app(subdomain_matching=True)
        app.config["SERVER_NAME"] = "shop.test"
        app.add_url_rule("/", "main", partial(_echo, "main"))
        app.add_url_rule("/", "api", partial(_echo, "api"), subdomain="api")
        assert await text_of(app, headers={"Host": "shop.test"}) == "main"
        assert await text_of(app, headers={"Host": "api.shop.test"}) == "api"
        assert await status_of(app, headers={"Host": "other.shop.test"}) == 404

    async def test_server_name_alone_restricts_nothing(self):
        app = make_app()
        app.config["SERVER_NAME"] = "shop.test"
        app.add_url_rule("/", view_func=hello)
        assert await text_of(app, headers={"Host": "elsewhere.test"}) == "hello"

    def test_instance_path(self, tmp_path):
        assert Pottle(__name__).instance_path.endswith("tests/instance")
        assert Pottle(__name__, instance_path=str(tmp_path)).instance_path == str(tmp_path)
        with pytest.raises(ValueError, match="'here' is relative; an absolute one is needed"):
            Pottle(__name__, instance_path="here")

    def test_instance_path_of_what_is_installed(self):
        app = Pottle("jinja2")
        assert app.instance_path == f"{sys.prefix}/var/jinja2-instance"

    async def test_instance_relative_config_and_resources(self, tmp_path):
        app = Pottle(__name__, instance_path=str(tmp_path), instance_relative_config=True)
        (tmp_path / "settings.py").write_text("COLOUR = 'blue'\n")
        assert app.config.from_pyfile("settings.py")
        assert app.config["COLOUR"] == "blue"
        async with await app.open_instance_resource("new.txt", "w") as file:
            await file.write("written")
        async with await app.open_instance_resource("new.txt") as file:
            assert await file.read() == b"written"

    async def test_resources(self):
        app = Pottle(__name__)
        async with await app.open_resource("test_app.py", "r") as file:
            assert (await file.readline()).startswith('"""The application object')
        with pytest.raises(ValueError, match=r"can only be read.*not 'w'"):
            app.open_resource("test_app.py", "w")


async def _echo(text):
    return text


class TestAttributes:
    def test_config_and_its_shortcuts(self):
        class Own(Pottle):
            default_config = {**Pottle.default_config, "COLOUR": "blue", "TESTING": True}

        app = Own(__name__)
        assert type(app.config) is Config
        assert (app.config["COLOUR"], app.testing) == ("blue", True)
        app.secret_key = "s3"
        assert app.config["SECRET_KEY"] == "s3"
        app.config["PERMANENT_SESSION_LIFETIME"] = 60
        assert app.permanent_session_lifetime == timedelta(minutes=1)
        app.permanent_session_lifetime = timedelta(hours=1)
        assert app.config["PERMANENT_SESSION_LIFETIME"] == timedelta(hours=1)
        assert Pottle(__name__).config["TESTING"] is False

    def test_make_config_and_config_class(self, tmp_path):
        class Loud(Config):
            pass

        class Own(Pottle):
            config_class = Loud

            def make_config(self, instance_relative=False):
                config = super().make_config(instance_relative)
                config["MADE"] = instance_relative
                return config

        app = Own(__name__, instance_path=str(tmp_path), instance_relative_config=True)
        assert type(app.config) is Loud
        assert app.config["MADE"] is True
        assert app.config.root_path == str(tmp_path)

    async def test_a_config_may_be_assigned(self):
        app = Pottle(__name__)
        app.add_url_rule("/", view_func=hello)
        assert await text_of(app) == "hello"
        config = Config(app.root_path, {**app.default_config})
        app.config = config
        assert app.config is config
        assert not app.plan.propagate
        app.config["PROPAGATE_EXCEPTIONS"] = True
        assert app.plan.propagate

    def test_debug(self, monkeypatch):
        assert Pottle(__name__).debug is False
        monkeypatch.setenv("POTTLE_DEBUG", "1")
        assert Pottle(__name__).debug is True
        monkeypatch.setenv("POTTLE_DEBUG", "0")
        app = Pottle(__name__)
        assert app.debug is False
        assert app.jinja_env.auto_reload is False
        app.debug = True
        assert app.config["DEBUG"] is True
        assert app.jinja_env.auto_reload is True
        app.config["TEMPLATES_AUTO_RELOAD"] = True
        app.debug = False
        assert app.jinja_env.auto_reload is True

    def test_logger(self):
        app = Pottle("pottle_test_logger", root_path="/")
        assert app.logger is app.logger
        assert isinstance(app.logger, logging.Logger)
        assert app.logger.name == "pottle_test_logger"
        app.logger = logging.getLogger("another")
        assert app.logger.name == "another"

    def test_containers(self):
        app = Pottle(__name__)
        assert app.extensions == {}
        app.extensions["mail"] = object()
        assert app.blueprints == {}
        assert list(app.iter_blueprints()) == []
        assert app.background_tasks == set()
        assert app.state == {}

    def test_aborter(self):
        class Teapot(HTTPException):
            code = 499

        class Own(Pottle):
            def make_aborter(self):
                aborter = super().make_aborter()
                aborter.mapping[499] = Teapot
                return aborter

        assert type(Pottle(__name__).aborter) is Aborter
        with pytest.raises(Teapot):
            Own(__name__).aborter(499)

    async def test_abort_goes_by_the_aborter_of_the_application(self):
        class Loud(Aborter):
            def __call__(self, code, *args, **kwargs):
                return super().__call__(418 if code == 400 else code, *args, **kwargs)

        class Own(Pottle):
            aborter_class = Loud

        app = Own(__name__)

        @app.route("/")
        async def index():
            abort(400)

        assert await status_of(app) == 418

    async def test_redirect_is_of_the_response_class(self):
        class Own(Response):
            pass

        app = make_app()
        app.response_class = Own

        @app.route("/")
        async def index():
            return redirect("/there", 307)

        response = app.redirect("/there")
        assert type(response) is Own
        assert (response.status_code, response.location) == (302, "/there")
        response = await app.test_client().get("/")
        assert (response.status_code, response.location) == (307, "/there")

    def test_json(self):
        class Own(DefaultJSONProvider):
            pass

        class App(Pottle):
            json_provider_class = Own

        app = App(__name__)
        assert type(app.json) is Own
        assert app.json.dumps({"a": 1}) == '{"a": 1}'

    def test_shell_context(self):
        app = Pottle(__name__)

        @app.shell_context_processor
        def names():
            return {"answer": 42}

        context = app.make_shell_context()
        assert context["app"] is app
        assert context["answer"] == 42
        assert context["g"] is g

    async def test_globals_class(self):
        class Own(AppGlobals):
            colour = "blue"

        app = make_app()
        app.app_ctx_globals_class = Own
        async with app.app_context():
            assert g.colour == "blue"


class TestTemplates:
    def test_environment_is_made_once_with_the_options(self):
        class Own(Pottle):
            jinja_options = {"trim_blocks": True, "extensions": ["jinja2.ext.do"]}

        app = Own(__name__)
        assert app.jinja_env is app.jinja_env
        assert app.jinja_env.trim_blocks
        assert "jinja2.ext.ExprStmtExtension" in app.jinja_env.extensions
        assert Pottle(__name__).jinja_options == {}
        other = JinjaEnvironment()
        app.jinja_env = other
        assert app.jinja_env is other

    async def test_filters_tests_and_globals(self):
        app = make_app()

        @app.template_filter()
        def loud(text):
            return text.upper()

        @app.template_filter
        def quiet(text):
            return text.lower()

        @app.template_filter("back")
        def backwards(text):
            return text[::-1]

        @app.template_test()
        def short(text):
            return len(text) < 4

        @app.template_test(name="long")
        def is_long(text):
            return len(text) > 4

        @app.template_global
        def answer():
            return 42

        app.add_template_filter(str.title, "titled")
        app.add_template_test(lambda value: value == 42, "the_answer")
        app.add_template_global(lambda: "x", "letter")
        async with app.app_context():
            assert (
                await render_template_string(
                    "{{ 'a'|loud }}{{ 'B'|quiet }}{{ 'cd'|back }}{{ 'ef'|titled }} {{ 'abc' is short }} "
                    "{{ 'abc' is long }} {{ answer() }}{{ letter() }} {{ answer() is the_answer }}"
                )
                == "AbdcEf True False 42x True"
            )

    def test_autoescape_and_loader(self, tmp_path):
        app = Pottle(__name__, template_folder=tmp_path)
        (tmp_path / "x.html").write_text("found")
        assert app.jinja_loader.list_templates() == ["x.html"]
        assert "x.html" in app.create_global_jinja_loader().list_templates()
        assert app.select_jinja_autoescape("x.html")
        assert not app.select_jinja_autoescape("x.txt")
        assert Pottle(__name__, template_folder=None).jinja_loader is None


class TestRoutes:
    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
    async def test_shortcuts(self, method):
        app = make_app()
        getattr(app, method)("/<int:number>", endpoint="named")(_number)
        assert await text_of(app, "/3", method.upper()) == "3"
        other = "POST" if method != "post" else "GET"
        response = await app.test_client().open("/3", method=other)
        assert response.status_code == 405
        expected = {method.upper(), "OPTIONS"} | ({"HEAD"} if method == "get" else set())
        assert set(response.allow) == expected
        assert app.view_functions["named"] is _number
        with pytest.raises(
            TypeError, match=rf"@{method}\(...\) is for {method.upper()} alone.*'/x'"
        ):
            getattr(app, method)("/x", methods=["GET"])

    async def test_methods(self):
        app = make_app()

        @app.route("/", methods=["get", "POST"])
        async def index():
            return request.method

        assert await text_of(app) == "GET"
        assert await text_of(app, method="POST") == "POST"
        assert await status_of(app, method="PUT") == 405

    async def test_several_rules_for_one_view(self):
        app = make_app()

        @app.get("/", defaults={"number": 0})
        @app.get("/<int:number>")
        async def view(number):
            return str(number)

        assert await text_of(app, "/") == "0"
        assert await text_of(app, "/7") == "7"
        # the rule with the default redirects to the one without the value
        assert (await app.test_client().get("/0")).location == "http://localhost/"

    async def test_methods_decide_between_views_of_one_rule(self):
        app = make_app()
        app.get("/", endpoint="read")(partial(_echo, "read"))
        app.post("/", endpoint="write")(partial(_echo, "write"))
        assert await text_of(app) == "read"
        assert await text_of(app, method="POST") == "write"
        response = await app.test_client().options("/")
        assert set(response.allow) == {"GET", "HEAD", "OPTIONS", "POST"}

    async def test_head_runs_the_view_and_sends_no_body(self):
        app = make_app()
        seen = []

        @app.route("/")
        async def index():
            seen.append(request.method)
            return "hello"

        response = await app.test_client().head("/")
        assert (response.status_code, response.content_length) == (200, 5)
        assert await response.get_data() == b""
        assert seen == ["HEAD"]

    async def test_options_are_answered(self):
        app = make_app()
        app.add_url_rule("/", view_func=hello, methods=["GET", "POST"])
        response = await app.test_client().options("/")
        assert response.status_code == 200
        assert set(response.allow) == {"GET", "HEAD", "OPTIONS", "POST"}
        assert await response.get_data() == b""

    async def test_options_are_left_to_the_view_that_names_them(self):
        app = make_app()

        @app.route("/", methods=["OPTIONS"])
        async def index():
            return f"own {request.method}"

        assert await text_of(app, method="OPTIONS") == "own OPTIONS"

    async def test_options_can_be_switched_off(self):
        app = make_app()
        app.add_url_rule("/rule", "rule", hello, provide_automatic_options=False)

        async def view():
            return ""

        view.provide_automatic_options = False
        app.add_url_rule("/view", view_func=view)
        app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        app.add_url_rule("/config", "config", hello)
        app.add_url_rule("/on", "on", hello, provide_automatic_options=True)
        for path in ("/rule", "/view", "/config"):
            assert await status_of(app, path, "OPTIONS") == 405
        assert await status_of(app, "/on", "OPTIONS") == 200

    async def test_options_may_be_provided_beside_methods_that_name_them(self):
        app = make_app()
        app.add_url_rule(
            "/", view_func=hello, methods=["GET", "OPTIONS"], provide_automatic_options=True
        )
        assert await text_of(app, method="OPTIONS") == ""

    async def test_attributes_of_the_view(self):
        app = make_app()

        async def view():
            return request.method

        view.methods = ["PUT"]
        view.required_methods = ["lock"]
        app.add_url_rule("/", view_func=view)
        app.add_url_rule("/post", view_func=view, methods=["POST"])
        assert await text_of(app, method="PUT") == "PUT"
        assert await text_of(app, method="LOCK") == "LOCK"
        assert await status_of(app, method="GET") == 405
        assert await text_of(app, "/post", method="LOCK") == "LOCK"
        assert await status_of(app, "/post", method="PUT") == 405

    async def test_an_empty_list_of_methods_is_none(self):
        app = make_app()
        app.add_url_rule("/", view_func=hello, methods=[])
        assert await status_of(app) == 405
        assert await status_of(app, method="OPTIONS") == 200

    async def test_endpoints(self):
        app = make_app()
        app.add_url_rule("/a", "named")
        app.endpoint("named")(hello)
        app.url_map.add(Rule("/b", endpoint="named"))
        assert await text_of(app, "/a") == "hello"
        assert await text_of(app, "/b") == "hello"

        @app.route("/c", endpoint="other")
        async def view():
            return f"{request.endpoint} {url_for('other')}"

        assert await text_of(app, "/c") == "other /c"

    async def test_a_rule_without_a_view_is_an_error_when_it_is_asked_for(self):
        app = make_app()
        app.add_url_rule("/", "lost")
        with pytest.raises(KeyError, match=r"no view function for the endpoint 'lost'"):
            await text_of(app)

    async def test_callables_of_all_kinds(self):
        class Greeter:
            async def __call__(self):
                return "object"

        class Plain:
            def method(self):
                return "method"

        app = make_app()
        app.add_url_rule("/object", view_func=Greeter())
        app.add_url_rule("/partial", view_func=partial(_echo, "partial"))
        app.add_url_rule("/method", view_func=Plain().method)
        app.add_url_rule("/lambda", "lambda", lambda: "lambda")
        for name in ("object", "partial", "method", "lambda"):
            assert await text_of(app, f"/{name}") == name
        assert set(app.view_functions) == {"static", "Greeter", "_echo", "method", "lambda"}

    async def test_registration_after_the_first_request(self):
        app = make_app()
        app.add_url_rule("/", view_func=hello)
        assert await status_of(app, "/late") == 404
        before = app.plan
        app.add_url_rule("/late", "late", hello)
        assert app.plan is not before
        assert await text_of(app, "/late") == "hello"
        app.url_map.add(Rule("/later", endpoint="late"))
        assert await text_of(app, "/later") == "hello"
        app.before_request(partial(_echo, "hook"))
        assert await text_of(app, "/") == "hook"

    async def test_cancel_on_disconnect(self):
        app = make_app()
        app.config["CANCEL_ON_DISCONNECT"] = False
        app.add_url_rule("/no", "no", hello)
        app.add_url_rule("/yes", "yes", hello, cancel_on_disconnect=True)
        app.add_websocket("/yes", "ws", hello, cancel_on_disconnect=True)
        for path, interrupt in (("/no", False), ("/yes", True)):
            async with app.test_request_context(path) as context:
                assert context.route.interrupt is interrupt
                assert await text_of(app, path) == "hello"

    async def test_options_of_werkzeug(self):
        app = make_app()
        app.add_url_rule("/a/", "slash", hello)
        app.add_url_rule("/b/", "lax", hello, strict_slashes=False)
        app.add_url_rule("/old", "old", redirect_to="/a/")
        app.add_url_rule("/built", "built", build_only=True)
        response = await app.test_client().get("/a")
        assert (response.status_code, response.location) == (308, "http://localhost/a/")
        assert await text_of(app, "/b") == "hello"
        assert (await app.test_client().get("/old")).location.endswith("/a/")
        assert await status_of(app, "/built") == 404

    async def test_converters(self):
        from pottle.routing import BaseConverter

        class Pairs(BaseConverter):
            def to_python(self, value):
                return value.split("-")

            def to_url(self, value):
                return "-".join(value)

        app = make_app()
        app.url_map.converters["pairs"] = Pairs

        @app.route("/<pairs:both>")
        async def view(both):
            return f"{both} {url_for('view', both=['x', 'y'])}"

        assert await text_of(app, "/a-b") == "['a', 'b'] /x-y"

    async def test_sse(self):
        app = make_app()

        @app.sse("/events", endpoint="news", retry=1000)
        async def events():
            yield "one"
            yield {"two": 2}

        assert app.view_functions.keys() == {"static", "news"}
        async with app.test_client().sse("/events") as stream:
            received = [event.data async for event in stream]
        assert received == ["one", '{"two": 2}']


async def _number(number):
    return str(number)


class TestWebsocketRoutes:
    async def test_route_and_rule(self):
        app = make_app()

        @app.websocket("/<name>", endpoint="chat")
        async def chat(name):
            await websocket.send(f"{name} {websocket.endpoint}")

        app.add_websocket("/rule/<name>", view_func=chat)
        for path, expected in (("/ida", "ida chat"), ("/rule/ida", "ida chat")):
            async with app.test_client().websocket(path) as peer:
                assert await peer.receive() == expected

    async def test_one_path_for_both(self):
        app = make_app()

        @app.route("/")
        async def page():
            return "page"

        @app.websocket("/")
        async def socket():
            await websocket.send("socket")

        assert await text_of(app) == "page"
        async with app.test_client().websocket("/") as peer:
            assert await peer.receive() == "socket"
        assert await status_of(app, method="POST") == 405

    async def test_endpoint_without_a_name(self):
        app = make_app()
        with pytest.raises(SetupError, match="'/x' has neither an endpoint nor a function"):
            app.add_websocket("/x")


class TestMistakes:
    """What cannot work is said where it is registered: what, why, and what to do."""

    def test_neither_endpoint_nor_view(self):
        with pytest.raises(SetupError, match=r"'/x' has neither .* a function\. Give"):
            make_app().add_url_rule("/x")

    @pytest.mark.parametrize("error", [SetupError, AssertionError, ValueError])
    def test_endpoint_that_is_taken(self, error):
        app = make_app()
        app.route("/")(hello)

        def decorated():
            return ""

        decorated.__name__ = "hello"
        app.route("/again")(hello)
        with pytest.raises(
            error, match=r"'hello' has a view function already.*endpoint='\.\.\.'.*wraps"
        ):
            app.route("/other")(decorated)
        assert [rule.rule for rule in app.url_map.iter_rules("hello")] == ["/", "/again"]

    def test_equal_views_may_share_an_endpoint(self):
        class Views:
            def index(self):
                return ""

        views, app = Views(), make_app()
        app.add_url_rule("/", view_func=views.index)
        app.add_url_rule("/again", view_func=views.index)  # another method object, but equal

    def test_methods_as_a_string(self):
        with pytest.raises(TypeError, match=r"methods of '/x' are the string 'GET'.*\['GET'\]"):
            make_app().route("/x", methods="GET")(hello)

    def test_methods_of_a_view_as_a_string(self):
        async def view():
            return ""

        view.methods = "GET"
        with pytest.raises(TypeError, match=r"methods of '/x' are the string 'GET'"):
            make_app().add_url_rule("/x", view_func=view)

    def test_rule_without_a_slash(self):
        with pytest.raises(ValueError, match="'x' must start with a slash"):
            make_app().route("x")(hello)

    @pytest.mark.parametrize(
        ("what", "error", "telling"),
        [
            (999, ValueError, "no HTTP error with the code 999"),
            (ValueError(), TypeError, r"ValueError\(\) is an instance"),
            ("404", TypeError, "'404' is an instance.*class of exceptions"),
            (BaseException, ValueError, "BaseException is no Exception"),
            (int, ValueError, "int is no Exception"),
        ],
    )
    def test_error_handlers(self, what, error, telling):
        with pytest.raises(error, match=telling):
            make_app().errorhandler(what)(hello)
        with pytest.raises(error, match=telling):
            make_app().register_error_handler(what, hello)

    async def test_other_protocols(self):
        with pytest.raises(ContextError, match="not 'smtp'"):
            await make_app()({"type": "smtp"}, None, None)


class TestUrls:
    async def test_url_defaults(self):
        app = make_app()

        @app.url_defaults
        def add_language(endpoint, values):
            values.setdefault("language", "de")

        @app.route("/<language>/")
        async def index(language):
            return url_for("index")

        assert await text_of(app, "/fr/") == "/de/"

    async def test_asynchronous_url_defaults_are_refused(self):
        app = make_app()
        app.add_url_rule("/", view_func=hello)

        @app.url_defaults
        async def slow(endpoint, values):
            raise AssertionError("never awaited")

        async with app.test_request_context("/"):
            with pytest.raises(SetupError, match=r"slow.* is asynchronous.*plain function"):
                url_for("hello")

    async def test_build_error_handlers(self):
        app = make_app()
        with pytest.raises(BuildError):
            async with app.test_request_context("/"):
                url_for("missing")

        def passes(error, endpoint, values):
            return None

        def raises(error, endpoint, values):
            raise BuildError("another", values, "GET", None)

        def builds(error, endpoint, values):
            return f"/{endpoint}/{error.endpoint}?a={values['a']}"

        app.url_build_error_handlers.extend([passes, raises])
        async with app.test_request_context("/"):
            with pytest.raises(BuildError) as info:
                url_for("missing", a=1)
            assert info.value.endpoint == "another"
            app.url_build_error_handlers.append(builds)
            assert url_for("missing", a=1) == "/missing/another?a=1"

    async def test_outside_of_a_request_the_server_name_decides(self):
        app = make_app()
        app.add_url_rule("/", view_func=hello)
        async with app.app_context():
            with pytest.raises(RuntimeError, match="SERVER_NAME"):
                url_for("hello")
        app.config.update(
            SERVER_NAME="shop.test", APPLICATION_ROOT="/app", PREFERRED_URL_SCHEME="https"
        )
        async with app.app_context():
            assert url_for("hello") == "https://shop.test/app/"
            assert app.url_for("hello", _external=False) == "/app/"

    def test_map_and_rule_classes(self):
        class Map(PottleMap):
            pass

        class Own(PottleRule):
            pass

        class App(Pottle):
            url_map_class = Map
            url_rule_class = Own

        app = App(__name__)
        app.add_url_rule("/", view_func=hello)
        assert type(app.url_map) is Map
        assert {type(rule) for rule in app.url_map.iter_rules()} == {Own}


class TestConnectionClasses:
    """Request and websocket classes, with and without an `__init__` of their own."""

    @pytest.mark.parametrize("own_init", [False, True])
    async def test_request(self, own_init):
        class Plain(Request):
            @property
            def shout(self):
                return self.path.upper()

        class Marked(Plain):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.mark = (self.method, self.content_length)

        app = make_app()
        app.request_class = Marked if own_init else Plain

        @app.route("/<name>", methods=["POST"])
        async def view(name):
            return {
                "class": type(request._get_current_object()).__name__,
                "shout": request.shout,
                "mark": getattr(request, "mark", None),
                "facts": [name, request.view_args["name"], request.endpoint, request.args["q"]],
                "body": (await request.get_data()).decode(),
                "host": request.host,
            }

        response = await app.test_client().post("/a?q=1", data=b"body")
        assert await response.get_json() == {
            "class": "Marked" if own_init else "Plain",
            "shout": "/A",
            "mark": ["POST", 4] if own_init else None,
            "facts": ["a", "a", "view", "1"],
            "body": "body",
            "host": "localhost",
        }

    @pytest.mark.parametrize("own_init", [False, True])
    async def test_websocket(self, own_init):
        class Plain(Websocket):
            async def shout(self, text):
                await self.send(text.upper())

        class Marked(Plain):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.mark = self.requested_subprotocols

        app = make_app()
        app.websocket_class = Marked if own_init else Plain

        @app.websocket("/<name>")
        async def view(name):
            await websocket.accept(subprotocol="chat")
            await websocket.shout(f"{name} {websocket.path} {await websocket.receive()}")
            await websocket.send(f"{getattr(websocket, 'mark', None)}")

        async with app.test_client().websocket("/a", subprotocols=["chat"]) as peer:
            await peer.send("hi")
            assert await peer.receive() == "A /A HI"
            assert await peer.receive() == ("['chat']" if own_init else "None")

    async def test_classes_may_come_late(self):
        class Own(Request):
            pass

        app = make_app()

        @app.route("/")
        async def index():
            return type(request._get_current_object()).__name__

        assert await text_of(app) == "Request"
        app.request_class = Own
        assert await text_of(app) == "Own"

    @pytest.mark.parametrize("what", ["test_client", "test_app", "test_cli_runner"])
    def test_what_stands_at_the_edge(self, what):
        app = make_app()
        stock = type(getattr(app, what)())
        own = type("Own", (stock,), {})
        setattr(app, f"{what}_class", own)
        assert type(getattr(app, what)()) is own
        assert stock.__module__.startswith("pottle.testing")


class TestHowCodeRuns:
    def test_ensure_async(self):
        app = make_app()
        assert app.ensure_async(hello) is hello
        wrapped = partial(hello)
        assert app.ensure_async(wrapped) is wrapped
        assert asyncio.iscoroutinefunction(app.ensure_async(lambda: None))

    async def test_sync_to_async(self):
        app = make_app()
        assert await app.sync_to_async(lambda a, b: a + b)(1, b=2) == 3
        with pytest.raises(RuntimeError, match="coroutine function already"):
            app.sync_to_async(hello)

    async def test_decorated_views(self):
        """A plain wrapper around an async view, as decorators of Flask's world are."""

        def checked(view):
            @wraps(view)
            def wrapper(*args, **kwargs):
                if "deny" in request.args:
                    abort(403)
                session["checked"] = True
                return view(*args, **kwargs)

            return wrapper

        app = make_app()
        app.secret_key = "s3"

        @app.route("/<name>")
        @checked
        async def view(name):
            await asyncio.sleep(0)
            return f"{name} {session['checked']} {current_app.name}"

        assert await text_of(app, "/ida") == f"ida True {__name__}"
        assert await status_of(app, "/ida?deny") == 403

    async def test_asgi_app_can_be_wrapped(self):
        app = make_app()
        app.add_url_rule("/", view_func=hello)
        inner, seen = app.asgi_app, []

        async def middleware(scope, receive, send):
            seen.append(scope["type"])
            await inner(scope, receive, send)

        app.asgi_app = middleware
        assert await text_of(app) == "hello"
        assert seen == ["http"]
