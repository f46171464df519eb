"""The short way to a URL gives what werkzeug's long way gives, and whoever overrides it is heard."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from types import MethodType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import BadHost

from pottle import Blueprint, Pottle, url_for
from pottle.active import current
from pottle.routing import (
    BaseConverter,
    BuildError,
    Map,
    MapAdapter,
    PottleMap,
    PottleRule,
    Rule,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Strict(BaseConverter):
    """Says no in one way and another."""

    def to_url(self, value: Any) -> str:
        if value == "refused":
            raise ValidationError
        if value == 3:
            raise KeyError(value)
        return f"<{value}>"


class Slashed(BaseConverter):
    """Gives more than its part of the path."""

    def to_url(self, value: Any) -> str:
        return f"//{value}?/"


CONVERTERS = {"strict": Strict, "slashed": Slashed}


def outcome(build: Callable[..., str], *arguments: Any, **values: Any) -> Any:
    """The URL; an error as its class and what it says."""
    try:
        return build(*arguments, **values)
    except Exception as error:
        return type(error), str(error), getattr(error, "values", None)


# Every rule, every value

kinds = st.sampled_from(
    [
        "", "int:", "int(fixed_digits=3):", "path:", "any(a, b):", "uuid:", "float:", "strict:",
        "slashed:",
    ]
)  # fmt: skip
statics = st.sampled_from(["", "x", "a b", "ü%", "x.", "?", "self"])


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A rule with the variables a, b and c at most, each of them once."""
    segments: list[str] = []
    for name in "abc"[: draw(st.integers(0, 3))]:
        segments += draw(st.lists(statics, max_size=1))
        segments.append(f"{draw(statics)}<{draw(kinds)}{name}>")
    segments += draw(st.lists(statics, max_size=2))
    return "/" + "/".join(segments)


common = st.sampled_from(["a", "7", 7, "a b", "/", "//x", "ü", "x" * 40])
values = st.one_of(
    st.none(),
    st.sampled_from(["refused", "", "\ud800", "None", "a+b", "a&b", "a=b"]),
    st.integers(-5, 12),
    st.booleans(),
    st.floats(),
    st.binary(max_size=2),
    st.text(max_size=4),
    st.lists(st.sampled_from(["a", 1, None, "b c"]), max_size=2),
    st.just({"a": 1}),
    st.just(datetime(2020, 1, 1, tzinfo=UTC)),
)
queries = st.dictionaries(
    st.sampled_from(["d", "q", "self", "values", "app", "endpoint", "ü", "_x", "a&b"]),
    common | values,
    max_size=3,
)
variables = st.one_of(
    st.fixed_dictionaries(dict.fromkeys("abc", common)),
    st.fixed_dictionaries({}, optional=dict.fromkeys("abc", common | values)),
)
given_values = st.builds(lambda variables, query: {**variables, **query}, variables, queries)
#: Which kind of rule: mostly the one that has a short way.
extras: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "defaults": st.dictionaries(st.sampled_from("abd"), st.just("a"), max_size=2),
            "methods": st.sampled_from([["GET"], ["POST"], []]),
            "websocket": st.booleans(),
            "subdomain": st.sampled_from(["", "sub", "<d>", "ü"]),
            "host": st.sampled_from(["example.org", "<d>.org"]),
            "build_only": st.booleans(),
            "alias": st.booleans(),
            "merge_slashes": st.booleans(),
        },
    ),
)
specs = st.lists(
    st.tuples(paths(), st.sampled_from(["one", "two", "three", "four"]), extras),
    min_size=1,
    max_size=4,
)
maps: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "default_subdomain": st.sampled_from(["", "sub"]),
        "host_matching": st.booleans(),
        "merge_slashes": st.booleans(),
        "sort_parameters": st.booleans(),
        "sort_key": st.sampled_from([None, repr]),
    },
)
#: Which of the rules, if there are so many, is asked for.
calls = st.tuples(
    st.integers(0, 4),
    given_values,
    st.just({})
    | st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from([None, "GET", "POST"]),
            "force_external": st.sampled_from([False, False, True]),
            "append_unknown": st.sampled_from([True, True, False]),
            "url_scheme": st.sampled_from([None, "https", ""]),
        },
    ),
)
requests = st.fixed_dictionaries(
    {
        "host": st.sampled_from(["example.org", "Sub.example.org:80", "x.test:8000", ""]),
        "scheme": st.sampled_from(["http", "https", "wss"]),
        "root_path": st.sampled_from(["", "/", "//", "/app", "/a/", "//x", "relative", "/ü"]),
        "method": st.sampled_from(["GET", "POST", "PUT"]),
        "path": st.just("/"),
        "query_string": st.just(b"x=1"),
    }
)
servers = st.sampled_from([None, "example.org", "Example.org:443", "bücher.example"])


def both_maps(specs: list[Any], options: dict[str, Any]) -> tuple[PottleMap, Map] | None:
    """The rules in a map of ours, and in werkzeug's; None where they are refused."""
    made: list[Any] = []
    for map_class, rule_class in ((PottleMap, PottleRule), (Map, Rule)):
        url_map = map_class(converters=CONVERTERS, **options)
        try:
            for path, endpoint, extra in specs:
                url_map.add(rule_class(path, endpoint=endpoint, **extra))
        except (SyntaxError, TypeError, ValueError, KeyError):
            made.append(None)
        else:
            made.append(url_map)
    return None if None in made else (made[0], made[1])


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["short", "short", "maybe", "any"]),
    specs,
    maps,
    requests,
    servers,
    st.sampled_from([None, "", "sub", "ü"]),
    st.lists(calls, min_size=1, max_size=5),
)
@pytest.mark.filterwarnings("ignore:The request is for host")
def test_the_adapter_of_a_request_builds_what_werkzeugs_does(
    way: str,
    specs: list[Any],
    options: dict[str, Any],
    request: dict[str, Any],
    server: str | None,
    subdomain: str | None,
    calls: list[Any],
) -> None:
    if way != "any":  # leave out what mostly takes it the long way
        options, subdomain = {}, ""
        calls = [(position % len(specs), values, {}) for position, values, _ in calls]
    if way == "short":
        specs = [(path, index, {}) for index, (path, _, _) in enumerate(specs)]
    url_maps = both_maps(specs, options)
    if url_maps is None:
        return
    ours, werkzeugs = url_maps
    if ours.host_matching:
        subdomain = server = None
    adapter = ours.bind_to_request(SimpleNamespace(**request), subdomain, server)
    name = (request["host"] if server is None else server).lower()
    reference = werkzeugs.bind(
        name.removesuffix(":443" if request["scheme"] in ("https", "wss") else ":80"),
        request["root_path"],
        adapter.subdomain,
        request["scheme"],
        request["method"],
        request["path"],
        "x=1",
    )
    for position, values, arguments in calls:
        endpoint = specs[position][1] if position < len(specs) else "nowhere"
        kept = dict(values)
        expected = outcome(reference.build, endpoint, kept, **arguments)
        assert outcome(adapter.build, endpoint, values, **arguments) == expected
        assert repr(values) == repr(kept)
    for known in ("server_name", "url_scheme", "path_info", "query_args", "websocket"):
        assert getattr(adapter, known) == getattr(reference, known)


@settings(max_examples=300, deadline=None)
@given(queries, st.booleans())
def test_queries_are_encoded_as_werkzeug_does(values: dict[str, Any], sort: bool) -> None:
    url_map = PottleMap([rule := PottleRule("/", endpoint="e")], sort_parameters=sort)
    assert url_map.version == 1
    expected = outcome(Rule._encode_query_vars, rule, values)
    assert outcome(rule._encode_query_vars, values) == expected


def test_none_of_several_values_is_left_out_before_they_are_sorted() -> None:
    url_map = PottleMap(
        [PottleRule("/<a>", endpoint="e")], sort_parameters=True, sort_key=lambda item: item[1] + ""
    )
    adapter = url_map.bind_to_request(request_for(), "", None)
    assert adapter.build("e", {"a": "x", "z": "1", "y": None, "b": "2"}) == "/x?z=1&b=2"


def test_corners_that_chance_may_miss() -> None:
    rules = [
        PottleRule("/<strict:a>", endpoint="strict"),
        PottleRule("/sub", endpoint="sub", subdomain="ü"),
        PottleRule("/get", endpoint="two", methods=["GET"]),
        PottleRule("/post", endpoint="two", methods=["POST"]),
        PottleRule("/<path:a>", endpoint="path"),
        PottleRule("/first", endpoint="page", defaults={"a": 1}),
    ]
    url_map = PottleMap(rules, converters=CONVERTERS)
    adapter = url_map.bind_to_request(request_for(method="POST", root_path="/a//"), "ü", None)
    assert adapter.build("sub", {}) == "http://%C3%BC.example.org/a//sub"
    adapter = url_map.bind_to_request(request_for(method="POST", root_path="/a//"), "", None)
    assert adapter.build("two", {}) == "/a/post"
    assert adapter.build("path", {"a": "//b", "q": "a+b"}) == "/a/b?q=a%2Bb"
    assert adapter.build("path", {"a": "b", "q": "x"}, append_unknown=False) == "/a/b"
    with pytest.raises(BuildError):
        adapter.build("strict", {"a": "refused"})
    assert adapter.build("page", {"a": 1}) == "/a/first"
    with pytest.raises(BuildError):
        adapter.build("page", {"a": 2})


# Every application


def make_app(**options: Any) -> Pottle:
    app = Pottle(__name__, static_folder=None, **options)
    shop = Blueprint("shop", __name__, url_prefix="/shop")
    for path in ("/", "/item/<int:number>", "/by/<path:way>"):
        app.add_url_rule(path, path.split("/")[1] or "index", view)
        shop.add_url_rule(path, path.split("/")[1] or "index", view)
    app.add_url_rule("/two/<a>", "two", view)
    app.add_url_rule("/two/<a>/<b>", "two", view)
    app.add_url_rule("/api", "api", view, subdomain="api")
    app.add_url_rule("/ws", "ws", view, websocket=True)
    app.register_blueprint(shop)
    return app


async def view(**values: Any) -> str:
    return ""


def eager_adapter(app: Pottle, request: Any) -> MapAdapter:
    """The adapter as werkzeug itself would make it."""
    adapter = app.create_url_adapter(request)
    assert adapter is not None
    assert adapter.server_name is not None  # bound now
    plain = object.__new__(MapAdapter)
    plain.__dict__.update(adapter.__dict__)
    return plain


@settings(max_examples=400, deadline=None)
@given(
    st.booleans(),
    st.sampled_from([None, "example.org", "Example.org:80"]),
    st.sampled_from(["/", "/root"]),
    st.sampled_from(["", "/app", "/a/b/"]),
    st.sampled_from(["/shop/item/1", "/", "/nowhere"]),
    st.sampled_from(
        "item by index two api ws .item .index .by shop.item shop.index .nowhere".split()
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "number": st.sampled_from([1, "2", "x", None, -1]),
            "way": st.sampled_from(["a/b", "/a", "ü"]),
            "a": st.just("1"),
            "b": st.sampled_from(["2", None]),
            "page": st.sampled_from([1, "a b", None, ["x", 1]]),
            "_anchor": st.sampled_from([None, "", "a b"]),
            "_external": st.sampled_from([None, False, True]),
            "_method": st.sampled_from([None, "GET", "POST"]),
            "_scheme": st.sampled_from([None, "https"]),
        },
    ),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore:The request is for host")
def test_url_for_gives_what_it_gives_with_werkzeugs_adapter(
    subdomains: bool,
    server_name: str | None,
    application_root: str,
    root_path: str,
    path: str,
    endpoint: str,
    values: dict[str, Any],
    defaults: bool,
) -> None:
    app = make_app(subdomain_matching=subdomains)
    app.config.update(SERVER_NAME=server_name, APPLICATION_ROOT=application_root)
    if defaults:
        app.url_defaults(lambda endpoint, values: values.setdefault("page", 7))
    found: list[Any] = []
    for adapter in (None, eager_adapter):
        context = app.test_request_context(path, root_path=root_path)
        context.match_request()
        context.url_adapter = None if adapter is None else adapter(app, context.connection)
        token = current.set(context)
        try:
            found.append(outcome(url_for, endpoint, **values))
            assert outcome(app.url_for, endpoint, **values) == found[-1]
        finally:
            current.reset(token)
    assert found[0] == found[1]


# What need not be known is not asked for


def request_for(host: str = "example.org", **facts: Any) -> Any:
    return SimpleNamespace(
        **{"host": host, "scheme": "http", "root_path": "", "method": "GET", "path": "/p"}
        | {"query_string": b"q=1"}
        | facts
    )


async def test_a_path_needs_no_host() -> None:
    app = make_app()
    async with app.test_request_context("/", headers={"Host": "a" * 64 + ".org"}) as context:
        assert url_for("item", number=1, page=2) == "/item/1?page=2"
        assert "host" not in context.request.__dict__
        with pytest.raises(BadHost):
            url_for("item", number=1, _external=True)
        with pytest.raises(BadHost):
            url_for("ws")
        assert url_for("item", number=1) == "/item/1"


def test_the_adapter_is_bound_when_it_is_looked_at() -> None:
    adapter = PottleMap().bind_to_request(request_for("Bücher.example:80"), "", None)
    assert "server_name" not in adapter.__dict__
    adapter.url_scheme = "https"
    assert adapter.server_name == "xn--bcher-kva.example"
    assert (adapter.path_info, adapter.query_args, adapter.default_method) == ("/p", "q=1", "GET")
    assert adapter.url_scheme == "https"
    assert not adapter.websocket
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        adapter.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_copy_of_the_adapter_is_bound_apart() -> None:
    adapter = PottleMap().bind_to_request(request_for(), "", None)
    twin = copy.copy(adapter)
    twin.script_name = "/twin/"
    assert (adapter.server_name, twin.server_name) == ("example.org", "example.org")
    assert (adapter.script_name, twin.script_name) == ("/", "/twin/")
    assert copy.copy(adapter).server_name == "example.org"


# Whoever overrides it is heard


class TestOverrides:
    def built(self, app: Pottle, *arguments: Any, **values: Any) -> str:
        context = app.test_request_context("/")
        token = current.set(context)
        try:
            return url_for(*arguments, **values)
        finally:
            current.reset(token)

    def test_create_url_adapter(self) -> None:
        class Own(Pottle):
            def create_url_adapter(self, request: Any) -> MapAdapter:
                return self.url_map.bind("own.test", script_name="/own")

        own = Own(__name__, static_folder=None)
        own.add_url_rule("/x", "x")
        assert self.built(own, "x") == "/own/x"
        app = make_app()
        assert self.built(app, "index") == "/"
        app.create_url_adapter = MethodType(Own.create_url_adapter, app)  # type: ignore[method-assign]
        assert self.built(app, "index") == "/own/"

    def test_url_for_of_the_application(self) -> None:
        app = make_app()
        app.url_for = lambda endpoint, **values: f"{endpoint} {sorted(values)}"  # type: ignore[method-assign]
        assert self.built(app, "x", a=1) == "x ['_anchor', '_external', '_method', '_scheme', 'a']"

    async def test_an_adapter_that_was_assigned(self) -> None:
        app = make_app()
        async with app.test_request_context("/") as context:
            assert url_for("index") == "/"
            context.url_adapter = app.url_map.bind("own.test", script_name="/own")
            assert url_for("index") == "/own/"
            context.url_adapter.script_name = "/other/"
            assert url_for("index") == "/other/"

    async def test_attributes_of_the_adapter(self) -> None:
        app = make_app()
        async with app.test_request_context("/") as context:
            adapter = context.url_adapter
            assert adapter is not None
            adapter.script_name = "/own/"
            assert url_for("index") == "/own/"
            assert url_for("index", _external=True) == "http://localhost/own/"
            adapter.subdomain = "api"
            assert url_for("api") == "/own/api"
            assert url_for("index") == "http://localhost/own/"

    def test_bind_of_the_map(self) -> None:
        class Own(PottleMap):
            def bind(self, server_name: str, *args: Any, **values: Any) -> MapAdapter:
                adapter = super().bind(server_name, *args, **values)
                adapter.script_name = "/bound/"
                return adapter

        class App(Pottle):
            url_map_class = Own

        app = App(__name__, static_folder=None)
        app.add_url_rule("/x", "x")
        assert self.built(app, "x") == "/bound/x"

    def test_rules_that_are_loaded_late(self) -> None:
        class Own(PottleMap):
            def update(self) -> None:
                if not self.version:
                    self.add(PottleRule("/late", endpoint="late"))
                super().update()

        adapter = Own().bind_to_request(request_for(), "", None)
        assert adapter.build("late", {}) == "/late"

    def test_another_map(self) -> None:
        app = make_app()
        assert self.built(app, "index") == "/"
        app.url_map = PottleMap([PottleRule("/new", endpoint="index")])
        assert self.built(app, "index") == "/new"

    def test_another_default_subdomain(self) -> None:
        app = make_app()
        assert self.built(app, "index") == "/"
        app.url_map.default_subdomain = "api"
        assert self.built(app, "api") == "/api"
        assert self.built(app, "index") == "http://localhost/"

    def test_rules_that_are_added_changed_and_removed(self) -> None:
        app = make_app()
        assert self.built(app, "by", way="a") == "/by/a"
        app.add_url_rule("/by/<path:way>/<int:page>", "by", view)
        assert self.built(app, "by", way="a", page=2) == "/by/a/2"
        [rule] = app.url_map.iter_rules("index")
        rule.rule = "/changed"
        rule.refresh()
        assert self.built(app, "index") == "/changed"
        del app.url_map._rules_by_endpoint["index"]
        with pytest.raises(BuildError):
            self.built(app, "index")

    def test_rules_of_another_class(self) -> None:
        class Unsuitable(PottleRule):
            def suitable_for(self, values: Any, method: str | None = None) -> bool:
                return "wanted" in values and super().suitable_for(values, method)

        class Shouting(PottleRule):
            def build(self, values: Any, append_unknown: bool = True) -> tuple[str, str] | None:
                built = super().build(values, append_unknown)
                return built and (built[0], built[1].upper())

        rules = [Unsuitable("/a", endpoint="a"), Shouting("/b", endpoint="b")]
        rules += [Rule("/c/<int:x>", endpoint="c")]  # type: ignore[list-item]
        adapter = PottleMap(rules).bind_to_request(request_for(), "", None)
        assert adapter.build("a", {"wanted": 1}) == "/a?wanted=1"
        with pytest.raises(BuildError):
            adapter.build("a", {})
        assert adapter.build("b", {}) == "/B"
        assert adapter.build("c", {"x": 1, "y": "z"}) == "/c/1?y=z"

    def test_a_converter_that_is_patched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        app = make_app()
        assert self.built(app, "item", number=1) == "/item/1"
        converter = app.url_map.converters["int"]
        monkeypatch.setattr(converter, "to_url", lambda self, value: f"no-{value}")
        assert self.built(app, "item", number=1) == "/item/no-1"

    def test_defaults_that_are_registered_late(self) -> None:
        app = make_app()
        assert self.built(app, "index") == "/"
        app.url_defaults(lambda endpoint, values: values.update(page=7))
        assert self.built(app, "index") == "/?page=7"
