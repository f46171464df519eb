"""Routing through the front door: what a client sees, and the URLs that are built."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.routing import BuildError

from pottle import Blueprint, Pottle, request, url_for, websocket
from pottle.routing import BaseConverter, Rule, ValidationError


@pytest.fixture(name="app")
def app_fixture() -> Pottle:
    return Pottle(__name__, static_folder=None)


async def text_of(app: Pottle, path: str, **kwargs: Any) -> str:
    response = await app.test_client().open(path, **kwargs)
    assert response.status_code == 200, response.status_code
    text: str = await response.get_data(as_text=True)
    return text


# Variables


async def test_converters_give_python_values(app: Pottle) -> None:
    @app.route("/int/<int:value>")
    @app.route("/float/<float:value>")
    @app.route("/uuid/<uuid:value>")
    @app.route("/path/<path:value>")
    @app.route("/any/<any(here, there):value>")
    @app.route("/string/<value>")
    async def show(value: Any) -> str:
        return f"{type(value).__name__} {value}"

    identifier = "12345678-1234-1234-1234-123456789abc"
    assert await text_of(app, "/int/007") == "int 7"
    assert await text_of(app, "/float/1.50") == "float 1.5"
    assert await text_of(app, f"/uuid/{identifier}") == f"UUID {identifier}"
    assert await text_of(app, "/path/a/b.txt") == "str a/b.txt"
    assert await text_of(app, "/any/there") == "str there"
    assert await text_of(app, "/string/%C3%A9%20%25") == "str é %"
    client = app.test_client()
    for path in ("/int/x", "/int/-1", "/float/1", "/uuid/1", "/path/", "/any/else", "/string/"):
        assert (await client.get(path)).status_code == 404, path


async def test_a_custom_converter(app: Pottle) -> None:
    class Hex(BaseConverter):
        regex = "[0-9a-f]+"

        def to_python(self, value: str) -> int:
            if len(value) > 4:
                raise ValidationError
            return int(value, 16)

        def to_url(self, value: int) -> str:
            return f"{value:x}"

    app.url_map.converters["hex"] = Hex

    @app.route("/<hex:number>/next")
    async def next_of(number: int) -> str:
        return url_for("next_of", number=number + 1)

    assert await text_of(app, "/ff/next") == "/100/next"
    client = app.test_client()
    assert (await client.get("/xy/next")).status_code == 404
    assert (await client.get("/fffff/next")).status_code == 404


async def test_several_variables_in_a_segment(app: Pottle) -> None:
    @app.route("/<int:year>-<int:month>.<suffix>")
    async def archive(year: int, month: int, suffix: str) -> dict[str, Any]:
        return {"year": year, "month": month, "suffix": suffix}

    response = await app.test_client().get("/2024-05.tar.gz")
    assert await response.get_json() == {"year": 2024, "month": 5, "suffix": "tar.gz"}


async def test_the_request_knows_its_rule_and_values(app: Pottle) -> None:
    @app.route("/<name>", endpoint="greet")
    async def greet(name: str) -> str:
        return f"{request.endpoint} {request.url_rule} {request.view_args} {name}"

    assert await text_of(app, "/ann") == "greet /<name> {'name': 'ann'} ann"


# Slashes


async def test_a_missing_slash_is_a_redirect(app: Pottle) -> None:
    @app.route("/branch/")
    async def branch() -> str:
        return request.query_string.decode()

    client = app.test_client()
    response = await client.get("/branch?q=1")
    assert response.status_code == 308
    assert response.headers["Location"] == "http://localhost/branch/?q=1"
    response = await client.get("/branch?q=1", root_path="", follow_redirects=True)
    assert await response.get_data(as_text=True) == "q=1"


async def test_a_slash_too_many_is_not_found(app: Pottle) -> None:
    @app.route("/leaf")
    async def leaf() -> str:
        return "leaf"

    assert (await app.test_client().get("/leaf/")).status_code == 404


async def test_a_rule_may_be_lenient_about_its_slash(app: Pottle) -> None:
    @app.route("/leaf", strict_slashes=False)
    @app.route("/branch/", strict_slashes=False)
    async def either() -> str:
        return request.path

    for path in ("/leaf", "/leaf/", "/branch", "/branch/"):
        assert await text_of(app, path) == path


async def test_slashes_in_a_row_are_merged_by_a_redirect(app: Pottle) -> None:
    @app.route("/a/b")
    async def ab() -> str:
        return "ab"

    response = await app.test_client().get("/a///b?q=1")
    assert response.status_code == 308
    assert response.headers["Location"] == "http://localhost/a/b?q=1"
    app.url_map.merge_slashes = False
    assert (await app.test_client().get("/a///b")).status_code == 404


# Methods


async def test_a_wrong_method_is_answered_with_the_right_ones(app: Pottle) -> None:
    @app.post("/item/<int:number>")
    async def create(number: int) -> str:
        return f"created {number}"

    @app.delete("/item/<int:number>", provide_automatic_options=False)
    async def delete(number: int) -> str:
        return f"deleted {number}"

    client = app.test_client()
    response = await client.get("/item/1")
    assert response.status_code == 405
    assert response.allow.as_set() == {"post", "delete", "options"}
    assert await text_of(app, "/item/2", method="DELETE") == "deleted 2"


async def test_head_and_options_come_by_themselves(app: Pottle) -> None:
    @app.route("/<name>")
    async def view(name: str) -> str:
        return name

    client = app.test_client()
    response = await client.head("/ann")
    assert (response.status_code, response.headers["Content-Length"]) == (200, "3")
    response = await client.options("/ann")
    assert response.status_code == 200
    assert response.allow.as_set() == {"get", "head", "options"}


async def test_options_can_be_the_views_own(app: Pottle) -> None:
    @app.route("/own", methods=["GET", "OPTIONS"])
    async def own() -> str:
        return request.method

    @app.route("/none", provide_automatic_options=False)
    async def none() -> str:
        return "none"

    assert await text_of(app, "/own", method="OPTIONS") == "OPTIONS"
    response = await app.test_client().options("/none")
    assert response.status_code == 405
    assert response.allow.as_set() == {"get", "head"}


# Rules beside each other


async def test_defaults_redirect_to_the_shorter_url(app: Pottle) -> None:
    @app.route("/all/", defaults={"page": 1})
    @app.route("/all/page/<int:page>")
    async def listing(page: int) -> str:
        return f"{page} {url_for('listing', page=1)} {url_for('listing', page=2)}"

    assert await text_of(app, "/all/page/3") == "3 /all/ /all/page/2"
    response = await app.test_client().get("/all/page/1")
    assert response.status_code == 308
    assert response.headers["Location"] == "http://localhost/all/"


async def test_alias_and_redirect_to(app: Pottle) -> None:
    @app.route("/new/<name>", endpoint="new")
    async def new(name: str) -> str:
        return name

    app.add_url_rule("/alias/<name>", "new", alias=True)
    app.add_url_rule("/old/<name>", "old", redirect_to="new/<name>")
    client = app.test_client()
    for path in ("/alias/ann", "/old/ann"):
        response = await client.get(path)
        assert response.status_code == 308
        assert response.headers["Location"] == "http://localhost/new/ann"


async def test_http_and_websocket_on_one_path(app: Pottle) -> None:
    @app.route("/talk")
    async def page() -> str:
        return "page"

    @app.websocket("/talk")
    async def talk() -> None:
        await websocket.send("hello")

    @app.websocket("/only")
    async def only() -> None:
        await websocket.accept()

    assert await text_of(app, "/talk") == "page"
    client = app.test_client()
    async with client.websocket("/talk") as connection:
        assert await connection.receive() == "hello"
    assert (await client.get("/only")).status_code == 400


async def test_rules_may_come_after_the_first_request(app: Pottle) -> None:
    @app.route("/early")
    async def early() -> str:
        return "early"

    client = app.test_client()
    assert (await client.get("/late")).status_code == 404
    app.url_map.add(Rule("/late", endpoint="early"))
    assert await text_of(app, "/late") == "early"


# Hosts and subdomains


async def test_host_matching() -> None:
    app = Pottle(__name__, static_folder=None, host_matching=True)

    @app.route("/", host="www.example.org")
    async def www() -> str:
        return "www"

    @app.route("/", host="<user>.example.org")
    async def home(user: str) -> str:
        return f"{user} {url_for('www')} {url_for('home', user=user)}"

    assert await text_of(app, "/", headers={"Host": "www.example.org"}) == "www"
    assert (
        await text_of(app, "/", headers={"Host": "ann.example.org"})
        == "ann http://www.example.org/ /"
    )
    assert await text_of(app, "/", headers={"Host": "WWW.Example.ORG"}) == "www"
    response = await app.test_client().get("/", headers={"Host": "example.com"})
    assert response.status_code == 404


async def test_subdomain_matching() -> None:
    app = Pottle(__name__, static_folder=None, subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.org"

    @app.route("/")
    async def index() -> str:
        return "index"

    @app.route("/", subdomain="<user>")
    async def home(user: str) -> str:
        return f"{user} {url_for('index')} {url_for('home', user='bob')}"

    @app.route("/branch/", subdomain="<user>")
    async def branch(user: str) -> str:
        return user

    assert await text_of(app, "/", headers={"Host": "example.org"}) == "index"
    assert (
        await text_of(app, "/", headers={"Host": "ann.example.org"})
        == "ann http://example.org/ http://bob.example.org/"
    )
    response = await app.test_client().get("/branch", headers={"Host": "ann.example.org"})
    assert response.headers["Location"] == "http://ann.example.org/branch/"


async def test_subdomain_matching_without_a_server_name_takes_the_host_for_it() -> None:
    app = Pottle(__name__, static_folder=None, subdomain_matching=True)

    @app.route("/<name>")
    async def index(name: str) -> str:
        return name

    assert await text_of(app, "/ann", headers={"Host": "example.org"}) == "ann"


async def test_another_host_than_server_name_is_served_without_subdomain_matching(
    app: Pottle,
) -> None:
    app.config["SERVER_NAME"] = "example.org"

    @app.route("/", subdomain="ignored")
    @app.route("/")
    async def index() -> str:
        return "index"

    assert await text_of(app, "/", headers={"Host": "elsewhere.net"}) == "index"


async def test_default_subdomain_is_that_of_rules_without_one(app: Pottle) -> None:
    app.url_map.default_subdomain = "www"

    @app.route("/<name>")
    async def index(name: str) -> str:
        return name

    assert await text_of(app, "/ann") == "ann"


# Paths that are odd


async def test_a_path_outside_of_the_mount_is_not_found(app: Pottle) -> None:
    @app.route("/<path:rest>")
    async def everything(rest: str) -> str:
        return rest

    statuses: list[int] = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    for path in ("/api/x", "/apix"):
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "/api", "headers": [(b"host", b"localhost")], "server": ("localhost", 80),
            "client": ("127.0.0.1", 1), "extensions": {},
        }  # fmt: skip
        await app(scope, receive, send)
    assert [status for status in statuses if status] == [200, 404]


async def test_slashes_before_a_path_are_not_remembered_one_by_one(app: Pottle) -> None:
    @app.route("/x")
    async def x() -> str:
        return "x"

    client = app.test_client()
    for count in range(1, 20):
        connection = client.request("/x", scope_base={"path": "/" * count + "x"})
        async with connection:
            await connection.send_complete()
        assert (await connection.as_response()).status_code == 200
    assert len(app.plan.static) <= 1


# Building


async def test_url_for_within_a_request(app: Pottle) -> None:
    @app.route("/item/<int:number>", methods=["GET"], endpoint="item")
    @app.route("/item/<int:number>/edit", methods=["POST"], endpoint="item")
    async def item(number: int) -> str:
        return ""

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()

    @app.route("/urls")
    async def urls() -> list[str]:
        return [
            url_for("item", number=1),
            url_for("item", number=1, q="a b", empty=None),
            url_for("item", number=1, _external=True),
            url_for("item", number=1, _anchor="top of it"),
            url_for("item", number=1, _method="POST"),
            url_for("item", number=1, _scheme="https"),
            url_for("ws"),
        ]

    response = await app.test_client().get("/urls", root_path="/app")
    assert response.status_code == 404  # the test client's paths include the root path
    response = await app.test_client().get("/app/urls", root_path="/app")
    assert await response.get_json() == [
        "/app/item/1",
        "/app/item/1?q=a+b",
        "http://localhost/app/item/1",
        "/app/item/1#top%20of%20it",
        "/app/item/1/edit",
        "https://localhost/app/item/1",
        "ws://localhost/app/ws",
    ]


async def test_url_for_outside_of_a_request(app: Pottle) -> None:
    app.config.update(
        SERVER_NAME="example.org", APPLICATION_ROOT="/app", PREFERRED_URL_SCHEME="https"
    )

    @app.route("/x")
    async def x() -> str:
        return "x"

    async with app.app_context():
        assert url_for("x") == "https://example.org/app/x"
        assert url_for("x", _external=False) == "/app/x"


async def test_endpoints_of_blueprints(app: Pottle) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)

    @outer.route("/<name>")
    async def show(name: str) -> list[str]:
        return [url_for(".other"), url_for("outer.other"), url_for(".inner.page"), url_for("home")]

    @outer.route("/other/")
    async def other() -> str:
        return "other"

    @inner.route("/page")
    async def page() -> list[str]:
        return [url_for(".page"), url_for("outer.other")]

    @app.route("/")
    async def home() -> str:
        return "home"

    outer.register_blueprint(inner, url_prefix="/inner")
    app.register_blueprint(outer, url_prefix="/outer")
    client = app.test_client()
    response = await client.get("/outer/x")
    assert await response.get_json() == [
        "/outer/other/", "/outer/other/", "/outer/inner/page", "/",
    ]  # fmt: skip
    response = await client.get("/outer/inner/page")
    assert await response.get_json() == ["/outer/inner/page", "/outer/other/"]


async def test_a_url_that_cannot_be_built(app: Pottle) -> None:
    async with app.test_request_context("/"):
        with pytest.raises(BuildError, match="Could not build url for endpoint 'nowhere'"):
            url_for("nowhere")

        @app.url_build_error_handlers.append
        def pass_on(error: Exception, endpoint: str, values: dict[str, Any]) -> str | None:
            return None

        with pytest.raises(BuildError):
            url_for("nowhere")

        @app.url_build_error_handlers.append
        def elsewhere(error: Exception, endpoint: str, values: dict[str, Any]) -> str | None:
            return f"/{endpoint}/{values['x']}/{values['_anchor']}"

        assert url_for("nowhere", x=1, _anchor="a") == "/nowhere/1/a"
