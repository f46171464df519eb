"""What the match tree finds, and what it says where there is nothing, by examples.

That it decides as werkzeug does in every case is the matter of `test_routing_property.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.routing import MapAdapter

from pottle import Pottle
from pottle.engine.kinds import HTTP
from pottle.errors import SetupError
from pottle.routing import (
    BaseConverter,
    MethodRefused,
    Missing,
    PottleMap,
    PottleRule,
    Problem,
    Redirect,
    Tree,
    ValidationError,
    WebsocketMismatch,
    WrongProtocol,
)


def forward(adapter: MapAdapter, **values: Any) -> str:
    return f"to/{sorted(values)}"


def make(*rules: PottleRule, **options: Any) -> tuple[Tree, MapAdapter]:
    url_map = PottleMap(rules, **options)
    return Tree(url_map), url_map.bind("example.org", query_args="q=1")


def location(tree: Tree, adapter: MapAdapter, path: str) -> str:
    found = tree.match("", path, "GET")
    assert isinstance(found, Redirect)
    return found.to_exception(adapter).new_url


# Examples


def test_static_before_int_before_string_before_path() -> None:
    tree, _ = make(
        PottleRule("/<path:rest>", endpoint="path"),
        PottleRule("/<name>", endpoint="string"),
        PottleRule("/<int:number>", endpoint="int"),
        PottleRule("/me", endpoint="static"),
    )
    answers = {}
    for path in ("/me", "/42", "/you", "/a/b"):
        found = tree.match("", path, "GET")
        assert not isinstance(found, Problem)
        answers[path] = found[0].rule.endpoint, found[1]
    assert answers == {
        "/me": ("static", {}),
        "/42": ("int", {"number": 42}),
        "/you": ("string", {"name": "you"}),
        "/a/b": ("path", {"rest": "a/b"}),
    }


def test_a_dead_end_is_left_again_without_its_values() -> None:
    tree, _ = make(
        PottleRule("/<int:a>/<b>/x", endpoint="dead"), PottleRule("/<c>/<d>/y", endpoint="right")
    )
    found = tree.match("", "/1/2/y", "GET")
    assert not isinstance(found, Problem)
    assert (found[0].rule.endpoint, found[1]) == ("right", {"c": "1", "d": "2"})


def test_a_static_dead_end_leaves_no_values_behind() -> None:
    tree, _ = make(
        PottleRule("/a/<x>", methods=["POST"], endpoint="dead"),
        PottleRule("/<y>/b", endpoint="right"),
    )
    found = tree.match("", "/a/b", "GET")
    assert not isinstance(found, Problem)
    assert found[1] == {"y": "a"}


def test_several_converters_in_a_segment() -> None:
    tree, _ = make(PottleRule("/<int:a>-<b>.json", endpoint="x"))
    found = tree.match("", "/7-be.ta.json", "GET")
    assert not isinstance(found, Problem)
    assert found[1] == {"a": 7, "b": "be.ta"}
    assert isinstance(tree.match("", "/x-beta.json", "GET"), Missing)


def test_problems_are_data() -> None:
    tree, adapter = make(
        PottleRule("/post", methods=["POST"], endpoint="post"),
        PottleRule("/post", methods=["PUT"], endpoint="put"),
        PottleRule("/ws", websocket=True, endpoint="ws"),
        PottleRule("/branch/", endpoint="branch"),
    )
    refused = tree.match("", "/post", "GET")
    assert isinstance(refused, MethodRefused)
    assert refused.methods == {"POST", "PUT"}
    mismatch = tree.match("", "/ws", "GET")
    assert isinstance(mismatch, WrongProtocol)
    assert isinstance(mismatch.to_exception(adapter), WebsocketMismatch)
    missing = tree.match("", "/nowhere", "GET")
    assert isinstance(missing, Missing)
    assert isinstance(missing.to_exception(adapter), NotFound)
    assert location(tree, adapter, "/branch") == "http://example.org/branch/?q=1"
    assert location(tree, adapter, "//branch") == "http://example.org/branch/?q=1"
    assert tree.allowed_methods("", "/post") == {"POST", "PUT"}
    assert tree.allowed_methods("", "/branch/") == set()


def test_websocket_and_http_on_one_path() -> None:
    tree, _ = make(
        PottleRule("/<x>", websocket=True, methods=["GET"], endpoint="ws"),
        PottleRule("/<x>", methods=["GET"], endpoint="http"),
    )
    for websocket, endpoint in ((True, "ws"), (False, "http")):
        found = tree.match("", "/a", "GET", websocket)
        assert not isinstance(found, Problem)
        assert found[0].rule.endpoint == endpoint


def test_slashes_after_a_path_converter() -> None:
    tree, adapter = make(PottleRule("/<path:rest>/", endpoint="wiki"))
    found = tree.match("", "/a/b/", "GET")
    assert not isinstance(found, Problem)
    assert found[1] == {"rest": "a/b"}
    assert location(tree, adapter, "/a/b") == "http://example.org/a/b/?q=1"


def test_a_lenient_rule_takes_a_slash_more_or_less() -> None:
    tree, _ = make(
        PottleRule("/leaf", strict_slashes=False, methods=["GET"], endpoint="leaf"),
        PottleRule("/leaf", strict_slashes=False, methods=["POST"], endpoint="post"),
        PottleRule("/branch/", strict_slashes=False, endpoint="branch"),
        PottleRule("/strict", endpoint="strict"),
    )
    for path, method, endpoint in (
        ("/leaf/", "GET", "leaf"),
        ("/leaf/", "POST", "post"),
        ("/branch", "GET", "branch"),
    ):
        found = tree.match("", path, method)
        assert not isinstance(found, Problem)
        assert found[0].rule.endpoint == endpoint
    assert isinstance(tree.match("", "/strict/", "GET"), Missing)
    assert tree.allowed_methods("", "/leaf/") == {"GET", "HEAD", "POST"}


def test_slashes_in_a_row() -> None:
    tree, adapter = make(
        PottleRule("/a/b/", methods=["GET"], endpoint="ab"),
        PottleRule("/c//d", merge_slashes=False, endpoint="cd"),
    )
    assert location(tree, adapter, "/a//b/") == "http://example.org/a/b/?q=1"
    assert location(tree, adapter, "/a//b") == "http://example.org/a/b/?q=1"
    assert isinstance(tree.match("", "/a//x", "GET"), Missing)
    assert isinstance(tree.match("", "/a//b/", "PUT"), MethodRefused)
    found = tree.match("", "/c//d", "GET")
    assert not isinstance(found, Problem)
    assert found[0].rule.endpoint == "cd"


def test_a_rule_only_for_building_matches_nothing() -> None:
    tree, adapter = make(PottleRule("/far", build_only=True, endpoint="far"))
    assert isinstance(tree.match("", "/far", "GET"), Missing)
    assert adapter.build("far") == "/far"


def test_a_static_rule_may_redirect() -> None:
    tree, adapter = make(PottleRule("/old", redirect_to="new", endpoint="old"))
    assert location(tree, adapter, "/old") == "http://example.org/new"


def test_hosts_and_subdomains() -> None:
    rules = [("www", "fixed"), ("<user>", "dynamic"), ("", "none")]
    tree, _ = make(*[PottleRule("/", subdomain=sub, endpoint=end) for sub, end in rules])
    answers = {}
    for domain in ("www", "ann", "", "a.b"):
        found = tree.match(domain, "/", "GET")
        assert not isinstance(found, Problem)
        answers[domain] = found[0].rule.endpoint, found[1]
    assert answers == {
        "www": ("fixed", {}),
        "ann": ("dynamic", {"user": "ann"}),
        "": ("none", {}),
        "a.b": ("dynamic", {"user": "a.b"}),
    }
    tree, _ = make(PottleRule("/", host="<shop>.org", endpoint="shop"), host_matching=True)
    found = tree.match("books.org", "/", "GET")
    assert not isinstance(found, Problem)
    assert found[1] == {"shop": "books"}
    assert isinstance(tree.match("books.com", "/", "GET"), Missing)


def test_redirects_to_the_proper_url_of_an_endpoint() -> None:
    tree, adapter = make(
        PottleRule("/all/", defaults={"page": 1}, endpoint="all"),
        PottleRule("/all/page/<int:page>", endpoint="all"),
        PottleRule("/every/<int:page>", endpoint="all", alias=True),
        PottleRule("/old/<int:page>", redirect_to="all/page/<page>", endpoint="old"),
        PottleRule("/older/<int:page>", redirect_to=forward, endpoint="older"),
    )
    assert location(tree, adapter, "/all/page/1") == "http://example.org/all/?q=1"
    assert not isinstance(tree.match("", "/all/page/2", "GET"), Problem)
    assert location(tree, adapter, "/every/2") == "http://example.org/all/page/2?q=1"
    assert location(tree, adapter, "/old/3") == "http://example.org/all/page/3"
    assert location(tree, adapter, "/older/3") == "http://example.org/to/['page']"


def test_switches_of_the_map_are_read_when_they_are_needed() -> None:
    tree, adapter = make(
        PottleRule("/all/", defaults={"page": 1}, endpoint="all"),
        PottleRule("/all/<int:page>", endpoint="all"),
        PottleRule("/a/b", endpoint="ab"),
    )
    assert location(tree, adapter, "/all/1") == "http://example.org/all/?q=1"
    assert location(tree, adapter, "/a//b") == "http://example.org/a/b?q=1"
    adapter.map.redirect_defaults = adapter.map.merge_slashes = False
    assert not isinstance(tree.match("", "/all/1", "GET"), Problem)
    assert isinstance(tree.match("", "/a//b", "GET"), Missing)


def test_what_a_match_gives_away_may_be_changed() -> None:
    tree, _ = make(PottleRule("/", defaults={"page": 1}, endpoint="all"))
    for _ in range(2):
        found = tree.match("", "/", "GET")
        assert not isinstance(found, Problem)
        assert found[1].pop("page") == 1


def test_a_number_too_long_to_read_is_not_found() -> None:
    tree, _ = make(PottleRule("/<int:x>", endpoint="x"))
    assert isinstance(tree.match("", "/" + "9" * 5000, "GET"), Missing)


def test_an_error_within_a_converter_is_not_hidden() -> None:
    class Broken(BaseConverter):
        def to_python(self, value: str) -> Any:
            raise ValueError("a fault of the converter")

    url_map = PottleMap(converters={"broken": Broken})
    url_map.add(PottleRule("/<broken:x>", endpoint="x"))
    with pytest.raises(ValueError, match="a fault of the converter"):
        Tree(url_map).match("", "/a", "GET")


def test_a_malformed_expression_is_reported_with_its_rule() -> None:
    class Malformed(BaseConverter):
        regex = "["

    url_map = PottleMap(converters={"malformed": Malformed})
    url_map.add(PottleRule("/<malformed:x>", endpoint="x"))
    with pytest.raises(SetupError, match="'/<malformed:x>' cannot be matched"):
        Tree(url_map)


def test_defaults_that_cannot_be_built_are_a_type_error() -> None:
    class Unbuildable(BaseConverter):
        def to_url(self, value: Any) -> str:
            raise ValidationError

    url_map = PottleMap(converters={"no": Unbuildable})
    url_map.add(PottleRule("/<no:a>/<b>", defaults={"c": "1"}, endpoint="x"))
    url_map.add(PottleRule("/x/<a>/<b>/<c>", endpoint="x"))
    adapter = url_map.bind("example.org")
    found = Tree(url_map).match("", "/x/1/2/1", "GET")
    assert isinstance(found, Redirect)
    with pytest.raises(TypeError, match="cannot be converted to a URL"):
        found.to_exception(adapter)


def test_what_is_equal_between_thousands_of_rules_is_one_object() -> None:
    url_map = PottleMap()
    for at in range(1000):
        url_map.add(PottleRule(f"/r{at}/<int:x>/edit", methods=["GET"], endpoint=str(at)))
    tree = Tree(url_map)
    leaves = [found[0] for found in (tree.match("", f"/r{at}/1/edit", "GET") for at in range(1000))]
    for name in ("methods", "arguments"):
        assert len({id(getattr(leaf, name)) for leaf in leaves}) == 1


async def test_a_leaf_is_compiled_anew_for_each_plan() -> None:
    """The tree outlives a plan when something other than a rule is registered."""
    app = Pottle("routing", static_folder=None)

    @app.get("/users/<int:number>")
    async def user(number: int) -> str:
        return f"old {number}"

    async def new(number: int) -> str:
        return f"new {number}"

    client = app.test_client()
    for text, view in (("old 1", user), ("new 1", new), ("old 1", user)):
        app.view_functions["user"] = view
        for _ in range(2):
            response = await client.get("/users/1")
            assert await response.get_data(as_text=True) == text
            options = await client.options("/users/1")
            assert "GET" in options.allow


def test_an_old_plan_keeps_to_its_own_endpoints() -> None:
    app = Pottle("routing", static_folder=None)
    app.add_url_rule("/<x>", "x", lambda x: x)
    plans = [app.plan]
    app.forget_plan()
    plans.append(app.plan)
    assert plans[0].tree is plans[1].tree
    scope = {"type": "http", "path": "/a", "headers": []}
    found = [plan.find(scope, HTTP, "GET")[0] for plan in plans * 2]
    assert found[0] is found[2] is not found[1]
    assert found[1] is found[3]


def test_thousands_of_rules_cost_no_more_steps_than_ten() -> None:
    """Counts the tests of segments, which do not depend on the load of the machine."""
    counts = []
    for number in (10, 1000):
        url_map = PottleMap(converters={"counting": Counting})
        for at in range(number):
            url_map.add(PottleRule(f"/r{at}/<counting:x>", endpoint=str(at)))
        tree = Tree(url_map)
        Counting.calls = 0
        assert not isinstance(tree.match("", f"/r{number - 1}/1", "GET"), Problem)
        counts.append(Counting.calls)
    assert counts == [1, 1]


class Counting(BaseConverter):
    calls = 0

    def to_python(self, value: str) -> str:
        Counting.calls += 1
        return value


def test_werkzeug_still_compiles_rules_to_the_parts_that_the_tree_reads() -> None:
    """Fails if the private attributes that `tree._compiled` reads change their shape."""
    url_map = PottleMap([PottleRule("/a/<int:b>-<c>/<path:d>/", endpoint="x")])
    rule = url_map.ordered_rules[0]
    seen = [
        (p.content, p.static, p.final, p.suffixed, p.weight[0], p.weight[2]) for p in rule._parts
    ]
    assert seen == [
        ("", True, False, False, 0, 0),
        ("", True, False, False, 0, 0),
        ("a", True, False, False, -1, 0),
        (r"(?P<__werkzeug_0>\d+)\-(?P<__werkzeug_1>[^/]{1,})\Z", False, False, False, -1, -2),
        (r"(?P<__werkzeug_0>[^/].*?)(?<!/)(/?)\Z", False, True, True, 0, -1),
        ("", True, False, False, 0, -1),
    ]
    assert list(rule._converters) == ["b", "c", "d"]
