"""The match tree decides as werkzeug's `MapAdapter.match` does, for whatever rules and requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, MapAdapter, Rule

from pottle.routing import (
    BaseConverter,
    BuildError,
    PottleMap,
    PottleRule,
    Problem,
    RequestRedirect,
    Tree,
    ValidationError,
    WebsocketMismatch,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Upper(BaseConverter):
    """Refuses by ValidationError what its expression lets through, and has a group of its own."""

    regex = "([A-Za-z])[^/]*"

    def to_python(self, value: str) -> str:
        if value != value.upper():
            raise ValidationError
        return value.lower()

    def to_url(self, value: Any) -> str:
        return str(value).upper()


class Pair(BaseConverter):
    """Takes two segments, so it cannot be matched segment by segment."""

    regex = "[^/]+/[^/]+"


class Light(BaseConverter):
    """Is tried before all the others, by its weight."""

    regex = "a.*"
    weight = 10


class Broad(BaseConverter):
    """The default expression, but of the whole rest of the path."""

    part_isolating = False


CONVERTERS = {"upper": Upper, "pair": Pair, "light": Light, "broad": Broad}


def forward(adapter: MapAdapter, **values: Any) -> str:
    return f"to/{sorted(values)}"


# What was the outcome?


def outcome(match: Callable[[], tuple[Rule, dict[str, Any]]], rules: list[Rule]) -> Any:
    """A match as position of the rule and values, an error as its class and what it carries."""
    try:
        rule, values = match()
    except RequestRedirect as error:
        return RequestRedirect, error.new_url
    except MethodNotAllowed as error:
        return MethodNotAllowed, set(error.valid_methods or ())
    except (NotFound, WebsocketMismatch, BuildError) as error:
        return type(error)
    except Exception as error:  # what a converter or a rule raises by itself, the tree raises too
        return type(error), "unexpected"
    return next(at for at, known in enumerate(rules) if known is rule), values


def found_by(tree: Tree, adapter: MapAdapter, path: str, method: str) -> Any:
    """`Tree.match`, with the arguments and the errors of `MapAdapter.match`."""
    domain = adapter.server_name if adapter.map.host_matching else adapter.subdomain
    found = tree.match(domain or "", path, method, adapter.websocket)
    if isinstance(found, Problem):
        raise found.to_exception(adapter)
    leaf, values = found
    return leaf.rule, values


UUID = "12345678-1234-1234-1234-123456789abc"
STATIC = ["a", "b", "ab", "é", "a.b", "100%", "1"]
DYNAMIC = [
    "<{}>", "<{}>", "<string(length=2):{}>", "<string(minlength=2, maxlength=3):{}>", "<int:{}>",
    "<int(fixed_digits=2):{}>", "<int(min=2, max=20):{}>", "<int(signed=True):{}>", "<float:{}>",
    "<uuid:{}>", "<any(a, b, 'a.b'):{}>", "<path:{}>", "<upper:{}>", "<pair:{}>", "<light:{}>",
    "<broad:{}>",
]  # fmt: skip
SEVERAL = [
    "<int:{}>-<{}>.json", "v<int:{}>", "<{}>.<{}>", "<path:{}>.<int:{}>", "<path:{}>/a/<path:{}>",
    "<path:{}>/<int:{}>/<path:{}>/<path:{}>", "<path:{}>.<path:{}>/b",
]  # fmt: skip
TEXTS = [
    *STATIC, "A", "AB", "12", "007", "-3", "1.5", "٣", "", "a\nb", "%41", "abc", UUID, "a/b", "7-a.json",
    "v1", "a.1", " ", "a?b", "a b", "<a>", "5", "ß",
]  # fmt: skip

FITTING = {  # texts for a variable, by what its converter has in its name
    "int": ["1", "12", "5"], "float": ["1.5"], "uuid": [UUID], "any": ["a", "b", "a.b"],
    "path": ["a/b", "a", "b/1"], "upper": ["A", "AB"], "pair": ["a/b", "1/a"], "light": ["a", "ab"],
    "length": ["ab", "12"],
}  # fmt: skip


@st.composite
def rule_strings(draw: st.DrawFn) -> str:
    segments = draw(
        st.lists(
            st.one_of(
                st.sampled_from(STATIC),
                st.sampled_from(DYNAMIC),
                st.sampled_from(SEVERAL),
                st.just(""),
            ),
            max_size=3,
        )
    )
    string = "/" + "/".join(segments) + draw(st.sampled_from(["", "/"]))
    for number in range(string.count("{}")):
        string = string.replace("{}", f"x{number}", 1)
    return string


VALUES = st.sampled_from([1, "a", "ab", 12, 1.5])
METHODS = st.sampled_from([None, None, ["GET"], ["POST"], ["GET", "POST"], ["PUT"]])
FLAGS = st.sampled_from([None, None, True, False])


@st.composite
def rule_arguments(draw: st.DrawFn) -> dict[str, Any]:
    websocket = draw(st.sampled_from([False, False, False, True]))
    rare = st.integers(0, 11)
    return {
        "string": draw(rule_strings()),
        "endpoint": draw(st.sampled_from(["e", "f"])),
        "defaults": draw(
            st.sampled_from([None, None, None, None, {}])
            | st.dictionaries(st.sampled_from(["x0", "x1", "x2"]), VALUES, max_size=2)
        ),
        "methods": draw(st.sampled_from([None, ["GET"]])) if websocket else draw(METHODS),
        "strict_slashes": draw(FLAGS),
        "merge_slashes": draw(FLAGS),
        "websocket": websocket,
        "build_only": draw(rare) == 0,
        "alias": draw(rare) == 0,
        "redirect_to": draw(st.sampled_from([None] * 10 + ["to/<x0>", forward])),
        "subdomain": draw(
            st.sampled_from(
                [None, None, None, None, None, "a", "<x7>", "<int:x7>", "w-<x7>", "<path:x7>", "a/"]
            )
        ),
        "host": draw(
            st.sampled_from([None, "h", "h", "h", "h", "a.h", "<x7>.h", "<x7>", "<path:x7>"])
        ),
    }


@st.composite
def paths(draw: st.DrawFn, string: str) -> str:
    """A path that *string* may have been meant for, now and then spoilt."""
    path = ""
    while string:
        before, _, string = string.partition("<")
        variable, _, string = string.partition(">")
        path += before
        if variable:
            fitting = next((FITTING[key] for key in FITTING if key in variable), STATIC)
            path += draw(st.sampled_from(fitting) | st.sampled_from(TEXTS))
    at = draw(st.integers(0, len(path)))
    spoilt = [path] * 20 + [
        path + "/", path.rstrip("/"), path + "//", "/" + path, path[:at] + "/" + path[at:],
        path[:at] + "x" + path[at:], path[:at] + path[at + 1 :], path.replace("/", "//"), "",
        path[1:], path + "/a",
    ]  # fmt: skip
    return draw(st.sampled_from(spoilt))


@st.composite
def requests(draw: st.DrawFn, rules: list[dict[str, Any]], host_matching: bool) -> Any:
    """A request that one of *rules* may be for."""
    rule = draw(st.sampled_from(rules))
    methods = [*(rule["methods"] or ()), "GET", "POST", "HEAD"]
    schemes = ["ws", "ws", "http"] if rule["websocket"] else ["http", "https", "https", "ws"]
    if host_matching:
        domain = (rule["host"] or "h").replace("<x7>", "a")
    else:
        domain = (rule["subdomain"] or "").replace("<int:x7>", "7").replace("<x7>", "a")
    domain = domain.replace("<path:x7>", "a").removesuffix("/")  # no host has a slash in it
    domains = st.sampled_from([domain] * 6 + ["h", "a", "a.h", "7", ""])
    return (
        draw(paths(rule["string"])),
        draw(st.sampled_from(methods)),
        draw(st.sampled_from(schemes)),
        draw(domains),
        draw(st.sampled_from(["/", "/app"])),
        draw(st.sampled_from([None, "q=1&ü=2"])),
    )


@st.composite
def scenarios(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, Any], list[Any]]:
    rules = draw(st.lists(rule_arguments(), min_size=1, max_size=7))
    options = {
        "strict_slashes": draw(st.booleans()),
        "merge_slashes": draw(st.sampled_from([True, True, False])),
        "redirect_defaults": draw(st.sampled_from([True, True, False])),
        "host_matching": draw(st.sampled_from([True, False, False])),
        "default_subdomain": draw(st.sampled_from(["", "", "a"])),
    }
    asked = requests(rules, options["host_matching"])
    return rules, options, draw(st.lists(asked, min_size=5, max_size=10))


def compare(rules: list[dict[str, Any]], options: dict[str, Any], asked: list[Any]) -> None:
    theirs, ours = (
        Map(converters=CONVERTERS, **options),
        PottleMap(converters=CONVERTERS, **options),
    )
    their_rules: list[Rule] = []
    for arguments in rules:
        rule = Rule(**arguments)
        try:
            theirs.add(rule)
        except (SyntaxError, ValueError) as error:  # two variables of one name, or a bad default
            with pytest.raises(type(error)):
                ours.add(PottleRule(**arguments))
        else:
            their_rules.append(rule)
            ours.add(PottleRule(**arguments))
    tree = Tree(ours)
    for path, method, scheme, domain, root, query in asked:
        where = {"script_name": root, "url_scheme": scheme, "query_args": query}
        where |= {} if options["host_matching"] else {"subdomain": domain}
        name = domain if options["host_matching"] else "h"
        expected, actual = theirs.bind(name, **where), ours.bind(name, **where)
        assert outcome(
            partial(found_by, tree, actual, path, method), ours.ordered_rules
        ) == outcome(partial(expected.match, path, method, return_rule=True), their_rules), (
            path,
            method,
            where,
        )
        try:
            allowed = set(expected.allowed_methods(path))
        except (BuildError, KeyError, ValueError):  # a redirect that cannot be built
            allowed = set()
        domain = (actual.server_name if options["host_matching"] else actual.subdomain) or ""
        assert tree.allowed_methods(domain, path, actual.websocket) == allowed


@settings(max_examples=300, derandomize=True, deadline=None)
@given(scenarios())
def test_agrees_with_werkzeug(
    scenario: tuple[list[dict[str, Any]], dict[str, Any], list[Any]],
) -> None:
    compare(*scenario)
