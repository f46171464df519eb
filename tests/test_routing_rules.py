"""Rules and their map: arguments, copies, order, and binding to a request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.exceptions import BadHost, NotFound

from pottle.routing import (
    BuildError,
    PottleMap,
    PottleRule,
    Problem,
    Rule,
    Submount,
    Tree,
)


def request_for(host: str, **values: Any) -> Any:
    """The part of a request that a map is bound to."""
    return SimpleNamespace(
        **{
            "host": host, "scheme": "http", "root_path": "", "method": "GET", "path": "/",
            "query_string": b"",
        }
        | values
    )  # fmt: skip


# Rules


def test_positional_arguments_are_in_quarts_order() -> None:
    rule = PottleRule("/", {"a": 1}, "sub", ["GET"], "end", False, True, "host", True, True)
    assert (rule.defaults, rule.subdomain, rule.methods) == ({"a": 1}, "sub", {"GET", "HEAD"})
    assert (rule.endpoint, rule.strict_slashes, rule.merge_slashes) == ("end", False, True)
    assert (rule.host, rule.websocket, rule.provide_automatic_options) == ("host", True, True)
    assert (rule.build_only, rule.redirect_to, rule.alias) == (False, None, False)


def test_options_are_not_answered_automatically_unless_asked_for() -> None:
    assert PottleRule("/").provide_automatic_options is False


def test_what_builds_urls_is_compiled_when_the_first_one_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fails if werkzeug comes to make the functions in another way, which only costs time."""
    compiled: list[bool] = []
    werkzeugs = Rule._compile_builder

    def counting(rule: Rule, append_unknown: bool = True) -> Any:
        compiled.append(append_unknown)
        return werkzeugs(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", counting)
    rules = [
        PottleRule("/<int:self>/<class>", endpoint="a", subdomain="<rule>"),
        PottleRule("/a b/<path:x>/", endpoint="b"),
    ]
    adapter = PottleMap(rules).bind("example.org", subdomain="s")
    assert compiled == []
    values = {"self": 1, "class": "ü", "rule": "s", "more": 2}
    for _ in range(2):
        assert adapter.build("a", values) == "/1/%C3%BC?more=2"
        assert adapter.build("a", values, append_unknown=False) == "/1/%C3%BC"
    assert compiled == [True, False]
    assert adapter.build("b", {"x": "c/d"}) == "http://example.org/a%20b/c/d/"
    with pytest.raises(BuildError):
        adapter.build("b", {"y": 1})


@pytest.mark.parametrize(
    ("string", "options", "error"),
    [
        ("/<x>/<x>", {}, SyntaxError),
        ("/<x>", {"subdomain": "<x>"}, SyntaxError),
        ("/<None>", {}, ValueError),
        ("/<int:x>", {"defaults": {"x": "no number"}}, ValueError),
    ],
)
def test_a_rule_that_no_url_can_be_built_for_is_refused_when_it_is_added(
    string: str, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        PottleMap([PottleRule(string, endpoint="x", **options)])


def test_a_websocket_rule_refuses_methods_that_no_handshake_has() -> None:
    with pytest.raises(ValueError, match="WebSocket rules can only use"):
        PottleRule("/", websocket=True, methods=["POST"])


def test_a_copy_of_a_rule_is_complete() -> None:
    rule = PottleRule(
        "/x", websocket=True, merge_slashes=False, strict_slashes=False, host="h", build_only=True,
        redirect_to="y", alias=True, provide_automatic_options=True, defaults={"a": 1},
        subdomain="s", methods=["GET"], endpoint="e",
    )  # fmt: skip
    copy = rule.empty()
    names = vars(rule).keys() - {"_converters", "_trace", "_parts", "arguments"}
    assert {name: vars(copy)[name] for name in names} == {name: vars(rule)[name] for name in names}


def test_rules_of_a_factory_stay_what_they_are() -> None:
    url_map = PottleMap([Submount("/api", [PottleRule("/ws", websocket=True, endpoint="ws")])])
    found = Tree(url_map).match("", "/api/ws", "GET", websocket=True)
    assert not isinstance(found, Problem)
    assert found[0].rule.endpoint == "ws"


# The map


def test_version_grows_with_each_rule() -> None:
    url_map = PottleMap()
    versions = [url_map.version]
    url_map.add(PottleRule("/a", endpoint="a"))
    versions.append(url_map.version)
    url_map.add(Submount("/x", [Rule("/b", endpoint="b"), Rule("/c", endpoint="c")]))
    versions.append(url_map.version)
    assert versions == [0, 1, 3]
    assert PottleMap([Rule("/")]).version == 1


def test_order_of_addition_decides_between_equals() -> None:
    url_map = PottleMap()
    for endpoint in ("b", "a", "b"):
        url_map.add(PottleRule(f"/<{endpoint}>", endpoint=endpoint))
    assert [rule.endpoint for rule in url_map.ordered_rules] == ["b", "a", "b"]
    found = Tree(url_map).match("", "/x", "GET")
    assert not isinstance(found, Problem)
    assert found[0].rule is url_map.ordered_rules[0]


def test_rules_can_be_added_with_a_converter_made_known_on_the_map() -> None:
    url_map = PottleMap()
    with pytest.raises(LookupError, match="'hex' does not exist"):
        url_map.add(PottleRule("/<hex:x>", endpoint="x"))
    assert url_map.version == 0


# Binding to a request


def test_bind_takes_everything_from_the_request() -> None:
    request = request_for(
        "Example.org:8080", scheme="https", root_path="/app", method="POST", path="/x",
        query_string="q=ü".encode(),
    )  # fmt: skip
    adapter = PottleMap().bind_to_request(request, None, None)
    assert (adapter.server_name, adapter.subdomain) == ("example.org:8080", "")
    assert (adapter.url_scheme, adapter.script_name) == ("https", "/app/")
    assert (adapter.default_method, adapter.path_info) == ("POST", "/x")
    assert adapter.query_args == "q=ü"


def test_a_query_string_in_another_encoding_does_not_fail() -> None:
    adapter = PottleMap().bind_to_request(request_for("h", query_string=b"q=\xff"), None, None)
    assert adapter.query_args == "q=\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("scheme", "host", "server_name"),
    [
        ("http", "example.org", "Example.org:80"),
        ("https", "example.org:443", "example.org"),
        ("wss", "example.org", "example.org:443"),
        ("ws", "example.org:80", "example.org"),
        ("http", "example.org:443", "example.org:443"),
    ],
)
def test_the_port_that_the_scheme_implies_does_not_matter(
    scheme: str, host: str, server_name: str
) -> None:
    adapter = PottleMap().bind_to_request(request_for(host, scheme=scheme), None, server_name)
    assert adapter.subdomain == ""


@pytest.mark.parametrize(
    ("host", "subdomain"),
    [("example.org", ""), ("a.example.org", "a"), ("b.a.example.org", "b.a"), (".example.org", "")],
)
def test_subdomain_is_what_stands_before_the_server_name(host: str, subdomain: str) -> None:
    adapter = PottleMap().bind_to_request(request_for(host), None, "example.org")
    assert adapter.subdomain == subdomain


@pytest.mark.parametrize("host", ["example.com", "badexample.org", "org", "example.org:8000", ""])
def test_a_host_outside_of_the_server_name_matches_nothing(host: str) -> None:
    url_map = PottleMap([PottleRule("/", endpoint="index")])
    with pytest.warns(UserWarning, match="not in the server name 'example.org'"):
        adapter = url_map.bind_to_request(request_for(host), None, "example.org")
    with pytest.raises(NotFound):
        adapter.match()
    assert isinstance(Tree(url_map).match(adapter.subdomain or "", "/", "GET"), Problem)


def test_the_domain_that_rules_are_matched_with() -> None:
    by_host, by_subdomain = PottleMap(host_matching=True), PottleMap()
    assert by_host.domain_of("http", "A.Example.org:80", "ignored") == "a.example.org"
    assert by_subdomain.domain_of("http", "A.Example.org:80", "example.org") == "a"
    assert by_subdomain.domain_of("http", "example.org", None) == ""
    assert by_subdomain.domain_of("http", "example.org.example.org", "example.org") == "example.org"


def test_a_given_subdomain_is_taken() -> None:
    adapter = PottleMap().bind_to_request(request_for("elsewhere"), "a", "example.org")
    assert adapter.get_host(None) == "a.example.org"


def test_host_matching_has_no_subdomains() -> None:
    url_map = PottleMap([PottleRule("/", host="<x>.org", endpoint="e")], host_matching=True)
    adapter = url_map.bind_to_request(request_for("a.org"), None, None)
    assert adapter.subdomain is None
    assert adapter.match() == ("e", {"x": "a"})
    with pytest.raises(BuildError):
        adapter.build("unknown")


def test_a_host_that_is_no_name_is_a_bad_request() -> None:
    with pytest.raises(BadHost):
        PottleMap().bind_to_request(request_for("a" * 64 + ".org"), None, None)
