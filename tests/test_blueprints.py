"""Blueprints: what they record, under which names and URLs it lands, once per registration."""

from __future__ import annotations

from functools import partial

import pytest

from pottle import (
    Blueprint,
    Pottle,
    abort,
    current_app,
    g,
    render_template,
    render_template_string,
    request,
    url_for,
    websocket,
)
from pottle.blueprints import BlueprintSetupState
from pottle.errors import SetupError


def make_app(*blueprints, **kwargs) -> Pottle:
    app = Pottle(__name__, **kwargs)
    app.testing = True
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return app


async def hello():
    return "hello"


async def where():
    return f"{request.endpoint} {request.blueprint} {','.join(request.blueprints)}"


async def get(app, path, **kwargs):
    response = await app.test_client().get(path, **kwargs)
    assert response.status_code == 200, response.status
    return await response.get_data(as_text=True)


async def status_of(app, path, **kwargs):
    return (await app.test_client().get(path, **kwargs)).status_code


class TestMaking:
    def test_repr_and_defaults(self, tmp_path):
        shop = Blueprint("shop", __name__)
        assert repr(shop) == "<Blueprint 'shop'>"
        assert (shop.url_prefix, shop.subdomain, shop.static_folder) == (None, None, None)
        assert not shop.has_static_folder
        assert shop.jinja_loader is None
        assert Blueprint("shop", __name__, root_path=str(tmp_path)).root_path == str(tmp_path)

    @pytest.mark.parametrize(
        ("name", "telling"), [("", "needs a name"), ("a.b", r"'a\.b' of a blueprint.*a dot")]
    )
    def test_names(self, name, telling):
        with pytest.raises(ValueError, match=telling):
            Blueprint(name, __name__)

    def test_names_of_routes(self):
        shop = Blueprint("shop", __name__)
        with pytest.raises(ValueError, match=r"endpoint name 'a\.b' of a route"):
            shop.add_url_rule("/", "a.b", hello)

        async def view():
            return ""

        view.__name__ = "a.b"
        with pytest.raises(ValueError, match=r"function name 'a\.b' of a route"):
            shop.add_url_rule("/", view_func=view)

    def test_a_rule_needs_an_endpoint_or_a_function(self):
        shop = Blueprint("shop", __name__)
        shop.add_url_rule("/x")
        with pytest.raises(SetupError, match="'/x' has neither an endpoint nor a function"):
            make_app(shop)

    def test_cannot_hold_itself(self):
        shop = Blueprint("shop", __name__)
        with pytest.raises(ValueError, match="on itself"):
            shop.register_blueprint(shop)

    @pytest.mark.parametrize(
        "late",
        [
            lambda shop: shop.route("/")(hello),
            lambda shop: shop.websocket("/")(hello),
            lambda shop: shop.before_request(hello),
            lambda shop: shop.errorhandler(404)(hello),
            lambda shop: shop.endpoint("x")(hello),
            lambda shop: shop.before_app_request(hello),
            lambda shop: shop.app_template_filter(hello),
            lambda shop: shop.record(hello),
            lambda shop: shop.register_blueprint(Blueprint("other", __name__)),
        ],
    )
    @pytest.mark.parametrize("error", [SetupError, AssertionError])
    def test_is_complete_once_it_is_registered(self, late, error):
        shop = Blueprint("shop", __name__)
        make_app(shop)
        with pytest.raises(error, match=r"'shop' is registered already.*before register_blue"):
            late(shop)


class TestRoutes:
    @pytest.mark.parametrize(
        ("prefix", "rule", "path"),
        [
            (None, "/x", "/x"),
            ("/shop", "/x", "/shop/x"),
            ("/shop/", "/x", "/shop/x"),
            ("/shop", "", "/shop"),
            ("/shop/", "", "/shop/"),
            ("/shop", "/", "/shop/"),
            ("/", "/x", "/x"),
            ("", "/x", "/x"),
            ("/<name>", "/x", "/ida/x"),
        ],
    )
    async def test_prefix(self, prefix, rule, path):
        shop = Blueprint("shop", __name__, url_prefix=prefix)

        @shop.route(rule)
        async def view(**values):
            return f"{request.endpoint} {values}"

        values = {"name": "ida"} if prefix == "/<name>" else {}
        assert await get(make_app(shop), path) == f"shop.view {values}"

    async def test_registration_overrides_what_it_was_made_with(self):
        shop = Blueprint("shop", __name__, url_prefix="/shop", url_defaults={"a": 1, "b": 1})

        @shop.route("/", defaults={"c": 3})
        async def view(**values):
            return f"{values} {request.endpoint}"

        app = make_app()
        app.register_blueprint(shop, url_prefix="/store", url_defaults={"b": 2}, name="store")
        assert await get(app, "/store/") == "{'a': 1, 'b': 2, 'c': 3} store.view"
        app.register_blueprint(shop, url_prefix="")
        assert await get(app, "/") == "{'a': 1, 'b': 1, 'c': 3} shop.view"
        assert app.blueprints == {"store": shop, "shop": shop}

    async def test_subdomain(self):
        shop = Blueprint("shop", __name__, subdomain="shop")
        shop.add_url_rule("/", view_func=where)
        shop.add_url_rule("/other", "other", where, subdomain="other")
        app = make_app(shop, subdomain_matching=True)
        app.config["SERVER_NAME"] = "a.test"
        assert await get(app, "/", headers={"Host": "shop.a.test"}) == "shop.where shop shop"
        assert await get(app, "/other", headers={"Host": "other.a.test"})
        assert await status_of(app, "/", headers={"Host": "a.test"}) == 404
        app.register_blueprint(shop, subdomain="store", name="store")
        assert await get(app, "/", headers={"Host": "store.a.test"}) == "store.where store store"

    async def test_all_kinds_of_routes(self):
        shop = Blueprint("shop", __name__, url_prefix="/shop")

        @shop.post("/")
        async def posted():
            return "posted"

        @shop.websocket("/ws")
        async def ws():
            await websocket.send(websocket.endpoint)

        @shop.sse("/events")
        async def events():
            yield request.endpoint

        class Greeter:
            async def __call__(self):
                return "greeted"

        shop.add_url_rule("/greet", view_func=Greeter())
        shop.add_url_rule("/partial", view_func=partial(partial(hello)))
        shop.add_url_rule("/silent", view_func=where, provide_automatic_options=False)
        app = make_app(shop)
        client = app.test_client()
        response = await client.post("/shop/")
        assert await response.get_data() == b"posted"
        async with client.websocket("/shop/ws") as peer:
            assert await peer.receive() == "shop.ws"
        async with client.sse("/shop/events") as stream:
            assert [event.data async for event in stream] == ["shop.events"]
        assert await get(app, "/shop/greet") == "greeted"
        assert await get(app, "/shop/partial") == "hello"
        assert (await client.options("/shop/silent")).status_code == 405
        assert {"shop.posted", "shop.ws", "shop.events", "shop.Greeter", "shop.hello"} < set(
            app.view_functions
        )

    async def test_endpoint_is_the_whole_endpoint(self):
        """As in Flask, a view registered for an endpoint gets it under just that name."""
        shop = Blueprint("shop", __name__)
        shop.add_url_rule("/a", "inside")
        shop.endpoint("shop.inside")(hello)
        shop.endpoint("outside")(where)
        app = make_app(shop)
        app.add_url_rule("/b", "outside")
        assert await get(app, "/a") == "hello"
        assert await get(app, "/b") == "outside None "

    async def test_relative_urls(self):
        shop = Blueprint("shop", __name__, url_prefix="/shop")

        @shop.route("/")
        async def index():
            return f"{url_for('.index')} {url_for('shop.index')} {url_for('index')}"

        app = make_app(shop)
        app.add_url_rule("/", "index", hello)
        assert await get(app, "/shop/") == "/shop/ /shop/ /"

    async def test_registered_late(self):
        app = make_app()
        assert await status_of(app, "/shop") == 404
        shop = Blueprint("shop", __name__, url_prefix="/shop")
        shop.add_url_rule("", view_func=hello)
        app.register_blueprint(shop)
        assert await get(app, "/shop") == "hello"


class TestNames:
    def test_a_name_is_taken_once(self):
        shop, another = Blueprint("shop", __name__), Blueprint("shop", __name__)
        app = make_app(shop)
        with pytest.raises(ValueError, match=r"'shop' is taken: this blueprint.*name='\.\.\.'"):
            app.register_blueprint(shop)
        with pytest.raises(ValueError, match="'shop' is taken: another blueprint"):
            app.register_blueprint(another)
        app.register_blueprint(another, name="other")
        assert list(app.iter_blueprints()) == [shop, another]

    async def test_one_blueprint_under_two_names(self):
        shop = Blueprint("shop", __name__)
        seen = []
        shop.add_url_rule("/", view_func=where)
        shop.record(lambda state: seen.append((state.full_name, state.first_registration)))
        shop.record_once(lambda state: seen.append("once"))

        @shop.before_request
        async def own():
            g.seen = [*g.get("seen", []), "own"]

        @shop.before_app_request
        async def everywhere():
            g.seen = [*g.get("seen", []), "everywhere"]

        @shop.after_request
        async def tell(response):
            response.headers["X-Seen"] = " ".join(g.seen)
            return response

        app = make_app()
        app.register_blueprint(shop, url_prefix="/a")
        app.register_blueprint(shop, url_prefix="/b", name="again")
        assert seen == [("shop", True), "once", ("again", False)]
        assert await get(app, "/a/") == "shop.where shop shop"
        response = await app.test_client().get("/b/")
        assert await response.get_data() == b"again.where again again"
        assert response.headers["X-Seen"] == "everywhere own"

    async def test_one_blueprint_on_two_applications(self):
        """As in a suite that makes an application per test: what is done once is done once on each."""
        shop = Blueprint("shop", __name__)
        seen = []
        shop.record_once(lambda state: seen.append(state.app.name))

        @shop.before_app_request
        async def everywhere():
            return "hooked"

        one, two = make_app(shop), make_app(shop)
        assert seen == [__name__, __name__]
        assert await get(one, "/") == await get(two, "/") == "hooked"


class TestNesting:
    @pytest.mark.parametrize(
        ("outer", "inner", "at_nesting", "path"),
        [
            ("/outer", "/inner", None, "/outer/inner/x"),
            ("/outer", None, None, "/outer/x"),
            (None, "/inner", None, "/inner/x"),
            (None, None, None, "/x"),
            ("/outer", "/inner", "/other", "/outer/other/x"),
            ("/outer/", "inner/", None, "/outer/inner/x"),
            ("/", "/", None, "/x"),
            ("/outer", "", None, "/outer/x"),
            ("", "/inner", None, "/inner/x"),
        ],
    )
    async def test_prefixes(self, outer, inner, at_nesting, path):
        parent = Blueprint("parent", __name__, url_prefix=outer)
        child = Blueprint("child", __name__, url_prefix=inner)
        child.add_url_rule("/x", view_func=where)
        parent.register_blueprint(child, url_prefix=at_nesting)
        app = make_app(parent)
        assert await get(app, path) == "parent.child.where parent.child parent.child,parent"
        assert set(app.blueprints) == {"parent", "parent.child"}

    @pytest.mark.parametrize(
        ("inner", "path"), [(None, "/outer"), ("", "/outer/"), ("/", "/outer/"), ("/a", "/outer/a")]
    )
    async def test_the_empty_rule_stands_for_the_prefix(self, inner, path):
        parent = Blueprint("parent", __name__, url_prefix="/outer")
        child = Blueprint("child", __name__, url_prefix=inner)
        child.add_url_rule("", view_func=hello)
        parent.register_blueprint(child)
        assert await get(make_app(parent), path) == "hello"

    @pytest.mark.parametrize(
        ("outer", "inner", "host"),
        [
            ("api", "v1", "v1.api.a.test"),
            ("api", None, "api.a.test"),
            (None, "v1", "v1.a.test"),
        ],
    )
    async def test_subdomains(self, outer, inner, host):
        parent = Blueprint("parent", __name__, subdomain=outer)
        child = Blueprint("child", __name__, subdomain=inner)
        child.add_url_rule("/", view_func=where)
        parent.register_blueprint(child, subdomain=None)
        app = make_app(parent, subdomain_matching=True)
        app.config["SERVER_NAME"] = "a.test"
        assert "parent.child.where" in await get(app, "/", headers={"Host": host})

    async def test_names_keep_twins_apart(self):
        child = Blueprint("child", __name__)
        child.add_url_rule("/", view_func=where)
        parent = Blueprint("parent", __name__)
        parent.register_blueprint(child, url_prefix="/a")
        parent.register_blueprint(child, url_prefix="/b", name="twin")
        app = make_app(parent)
        assert (await get(app, "/a/")).startswith("parent.child.where")
        assert (await get(app, "/b/")).startswith("parent.twin.where")
        with pytest.raises(ValueError, match="'parent' is taken"):
            app.register_blueprint(parent)

    async def test_hooks_run_from_outside_in_and_back(self):
        seen: list[str] = []

        def note(what):
            async def hook(*args):
                seen.append(what)
                return args[0] if args and what.startswith("after") else None

            return hook

        app = make_app()
        parent = Blueprint("parent", __name__, url_prefix="/parent")
        child = Blueprint("child", __name__, url_prefix="/child")
        other = Blueprint("other", __name__, url_prefix="/other")
        for name, scaffold in (
            ("app", app),
            ("parent", parent),
            ("child", child),
            ("other", other),
        ):
            for number in "12":
                scaffold.url_value_preprocessor(note(f"values {name}{number}"))
                scaffold.before_request(note(f"before {name}{number}"))
                scaffold.after_request(note(f"after {name}{number}"))
                scaffold.teardown_request(note(f"teardown {name}{number}"))
            if scaffold is not app:
                scaffold.app_url_value_preprocessor(note(f"values all-{name}"))
                scaffold.before_app_request(note(f"before all-{name}"))
                scaffold.after_app_request(note(f"after all-{name}"))
                scaffold.teardown_app_request(note(f"teardown all-{name}"))
        child.add_url_rule("/", view_func=hello)
        parent.register_blueprint(child)
        app.register_blueprint(parent)
        app.register_blueprint(other)
        assert await get(app, "/parent/child/") == "hello"
        inward = "app1 app2 all-parent all-child all-other parent1 parent2 child1 child2".split()
        assert seen == [
            *(f"values {name}" for name in inward),
            *(f"before {name}" for name in inward),
            *(f"after {name}" for name in _outward),
            *(f"teardown {name}" for name in _outward),
        ]

    async def test_websocket_hooks_run_from_outside_in_and_back(self):
        seen: list[str] = []

        def note(what):
            async def hook(*args):
                seen.append(what)

            return hook

        app = make_app()
        parent = Blueprint("parent", __name__, url_prefix="/parent")
        child = Blueprint("child", __name__, url_prefix="/child")
        for name, scaffold in (("app", app), ("parent", parent), ("child", child)):
            scaffold.url_value_preprocessor(note(f"values {name}"))
            scaffold.before_websocket(note(f"before {name}"))
            scaffold.after_websocket(note(f"after {name}"))
            scaffold.teardown_websocket(note(f"teardown {name}"))
            scaffold.before_request(note("never"))
            if scaffold is not app:
                scaffold.before_app_websocket(note(f"before all-{name}"))
                scaffold.after_app_websocket(note(f"after all-{name}"))
                scaffold.teardown_app_websocket(note(f"teardown all-{name}"))

        @child.websocket("/")
        async def ws():
            await websocket.send("sent")

        parent.register_blueprint(child)
        app.register_blueprint(parent)
        async with app.test_client().websocket("/parent/child/") as peer:
            assert await peer.receive() == "sent"
        inward = "app all-parent all-child parent child".split()
        outward = "child parent all-child all-parent app".split()
        assert seen == [
            *(f"values {name}" for name in ("app", "parent", "child")),
            *(f"before {name}" for name in inward),
            *(f"after {name}" for name in outward),
            *(f"teardown {name}" for name in outward),
        ]

    async def test_error_handlers(self):
        app = make_app()
        app.testing = False
        parent = Blueprint("parent", __name__, url_prefix="/parent")
        child = Blueprint("child", __name__, url_prefix="/child")
        for name, scaffold in (("app", app), ("parent", parent), ("child", child)):

            async def fail():
                abort(int(request.args["code"]))

            scaffold.add_url_rule("/fail", "fail", fail)
            scaffold.register_error_handler(409, partial(_handled, name))
        parent.register_error_handler(410, partial(_handled, "parent"))
        child.app_errorhandler(411)(partial(_handled, "from the child"))
        parent.register_blueprint(child)
        app.register_blueprint(parent)
        for path, code, expected in (
            ("/fail", 409, "app 409"),
            ("/parent/fail", 409, "parent 409"),
            ("/parent/child/fail", 409, "child 409"),
            ("/parent/child/fail", 410, "parent 410"),
            ("/fail", 411, "from the child 411"),
        ):
            assert await get(app, f"{path}?code={code}") == expected
        assert await status_of(app, "/fail?code=410") == 410


_outward = "child2 child1 parent2 parent1 all-other all-child all-parent app2 app1".split()


async def _handled(name, error):
    return f"{name} {error.code}"


class TestTemplatesAndFiles:
    async def test_template_things(self):
        shop = Blueprint("shop", __name__)

        @shop.app_template_filter()
        def loud(text):
            return text.upper()

        @shop.app_template_filter
        def quiet(text):
            return text.lower()

        @shop.app_template_test("short")
        def is_short(text):
            return len(text) < 3

        @shop.app_template_global("answer")
        def give_answer():
            return 42

        shop.add_app_template_filter(str.title, "titled")
        shop.add_app_template_test(str.isupper, "upper_case")
        shop.add_app_template_global(lambda: "x", "letter")
        text = (
            "{{ 'a'|loud }}{{ 'B'|quiet }}{{ 'cd'|titled }} {{ 'ab' is short }} "
            "{{ 'A' is upper_case }} {{ answer() }}{{ letter() }}"
        )
        async with make_app(shop).app_context():
            assert await render_template_string(text) == "AbCd True True 42x"

    async def test_context_processors(self):
        shop = Blueprint("shop", __name__, url_prefix="/shop")

        @shop.context_processor
        async def own():
            return {"own": "own"}

        @shop.app_context_processor
        async def everywhere():
            return {"everywhere": "everywhere"}

        async def view():
            return await render_template_string("{{ own }} {{ everywhere }}")

        shop.add_url_rule("/", "view", view)
        app = make_app(shop)
        app.add_url_rule("/", "view", view)
        assert await get(app, "/shop/") == "own everywhere"
        assert await get(app, "/") == " everywhere"

    async def test_folders(self, tmp_path):
        (tmp_path / "templates").mkdir()
        (tmp_path / "templates" / "shop.html").write_text("template of {{ request.blueprint }}")
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "x.txt").write_text("file")
        shop = Blueprint(
            "shop",
            __name__,
            url_prefix="/shop",
            static_folder="files",
            template_folder="templates",
            root_path=str(tmp_path),
        )

        @shop.route("/")
        async def index():
            url = url_for("shop.static", filename="x.txt")
            return f"{await render_template('shop.html')} {url}"

        app = make_app(shop)
        assert await get(app, "/shop/") == "template of shop /shop/files/x.txt"
        assert await get(app, "/shop/files/x.txt") == "file"
        async with await shop.open_resource("files/x.txt") as file:
            assert await file.read() == b"file"

    async def test_max_age_of_its_files(self, tmp_path):
        (tmp_path / "x.txt").write_text("file")

        class Fresh(Blueprint):
            def get_send_file_max_age(self, filename):
                return 7

        fresh = Fresh("fresh", __name__, static_folder=tmp_path, static_url_path="/fresh")
        plain = Blueprint("plain", __name__, static_folder=tmp_path, static_url_path="/plain")
        app = make_app(fresh, plain)
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 9
        client = app.test_client()
        assert (await client.get("/fresh/x.txt")).cache_control.max_age == 7
        assert (await client.get("/plain/x.txt")).cache_control.max_age == 9
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = None
        assert (await client.get("/plain/x.txt")).cache_control.max_age is None


class TestUrls:
    async def test_value_preprocessors_and_defaults(self):
        shop = Blueprint("shop", __name__, url_prefix="/<language>")

        @shop.url_value_preprocessor
        def take(endpoint, values):
            g.language = values.pop("language")

        @shop.url_defaults
        def give(endpoint, values):
            values.setdefault("language", g.language)

        @shop.app_url_defaults
        def count(endpoint, values):
            values["n"] = "1"

        @shop.route("/")
        async def index():
            return f"{g.language} {url_for('.index')} {url_for('outside')}"

        app = make_app(shop)
        app.add_url_rule("/", "outside", hello)
        assert await get(app, "/de/") == "de /de/?n=1 /?n=1"


class TestServing:
    async def test_hooks(self):
        shop = Blueprint("shop", __name__)
        seen = []

        @shop.before_app_serving
        async def before():
            seen.append(f"before {current_app.name}")

        @shop.while_app_serving
        async def around():
            seen.append("start")
            yield
            seen.append("stop")

        @shop.after_app_serving
        async def after():
            seen.append("after")

        app = make_app(shop)
        async with app.test_app():
            assert seen == [f"before {__name__}", "start"]
        assert seen[2:] == ["stop", "after"]


class TestCommands:
    @pytest.mark.parametrize(
        ("made", "registered", "args"),
        [
            ({}, {}, ["shop", "count"]),
            ({}, {"name": "store"}, ["store", "count"]),
            ({"cli_group": "made"}, {}, ["made", "count"]),
            ({"cli_group": "made"}, {"cli_group": "registered"}, ["registered", "count"]),
            ({"cli_group": None}, {}, ["count"]),
            ({}, {"cli_group": None}, ["count"]),
        ],
    )
    def test_groups(self, made, registered, args):
        shop = Blueprint("shop", __name__, **made)

        @shop.cli.command("count")
        def count():
            print("counted")

        app = make_app()
        app.register_blueprint(shop, **registered)
        result = app.test_cli_runner().invoke(args=args)
        assert result.output == "counted\n", result.output

    def test_nested(self):
        parent, child = Blueprint("parent", __name__), Blueprint("child", __name__)

        @child.cli.command("count")
        def count():
            print("counted")

        parent.register_blueprint(child, cli_group=None)
        result = make_app(parent).test_cli_runner().invoke(args=["count"])
        assert result.output == "counted\n"

    def test_assigned(self):
        import click

        shop = Blueprint("shop", __name__)
        shop.cli = click.Group("own", commands=[click.Command("x", callback=lambda: print("x"))])
        result = make_app(shop).test_cli_runner().invoke(args=["shop", "x"])
        assert result.output == "x\n"

    def test_none(self):
        shop = Blueprint("shop", __name__)
        app = make_app(shop)
        shop.cli  # noqa: B018 - the group is made at first touch, and empty
        app.register_blueprint(shop, name="again")
        assert "shop" not in app.cli.commands


class TestOwnSetupState:
    async def test_make_setup_state(self):
        class Upper(BlueprintSetupState):
            def add_url_rule(self, rule, endpoint=None, view_func=None, **options):
                super().add_url_rule(rule.upper(), endpoint, view_func, **options)

        class Loud(Blueprint):
            def make_setup_state(self, app, options, first_registration=False):
                return Upper(self, app, options, first_registration)

        shop = Loud("shop", __name__)
        shop.add_url_rule("/x", view_func=hello)
        assert await get(make_app(shop), "/X") == "hello"

    async def test_register_can_be_overridden(self):
        class Own(Blueprint):
            def register(self, app, options):
                app.extensions["own"] = options
                super().register(app, options)

        app = make_app()
        app.register_blueprint(Own("own", __name__), url_prefix="/own")
        assert app.extensions["own"]["url_prefix"] == "/own"
